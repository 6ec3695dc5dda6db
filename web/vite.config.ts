import { defineConfig } from "vite";

// `npm run dev` serves the page itself and passes everything else to a running gateway.
const gateway = "http://127.0.0.1:8080";

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
