import { defineConfig, loadEnv } from "vite";

// `npm run dev` and `vite preview` serve the page themselves and pass everything else to a running gateway.
const { SWITCHBOARD_GATEWAY_URL: gateway = "http://127.0.0.1:8080" } = loadEnv("", ".", "SWITCHBOARD_GATEWAY_URL");

export default defineConfig({
  // Relative addresses, so that the page also works behind a path prefix.
  base: "./",
  build: {
    target: "es2022",
    // No inline code and no data: addresses: the page runs under a strict Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: false,
  },
  server: {
    proxy: {
      "/dev": gateway,
      "/socket.io": { target: gateway, ws: true },
    },
  },
});
