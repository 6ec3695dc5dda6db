// A real balancer in front of nodes: nginx in plain round robin, with nothing that keeps a client on
// its node.
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, start } from "./process.mjs";

const PROGRAM = existsSync("/usr/sbin/nginx") ? "/usr/sbin/nginx" : "nginx";
const READY_WITHIN_MS = 15_000;

/** What docs/operations.md shows, in one file of its own. */
const configuration = ({ folder, port, nodes }) => `
daemon off;
${process.getuid() === 0 ? "user root; # else its worker may not look into the folder" : ""}
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;
events { worker_connections 4096; }
http {
  access_log ${folder}/access.log;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
  upstream switchboard {
${nodes.map((node) => `    server 127.0.0.1:${node.port};`).join("\n")}
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://switchboard;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_read_timeout 120s;
      proxy_buffering off;
    }
  }
}
`;

/** Starts nginx in front of `nodes`; `{url, requests, stop}`. It keeps everything below `folder`. */
export async function startNginx(folder, nodes) {
  await mkdir(folder, { recursive: true });
  for (let tries = 0; tries < 5; tries += 1) {
    const port = await freePort();
    await writeFile(join(folder, "nginx.conf"), configuration({ folder, port, nodes }));
    const child = start(PROGRAM, ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", join(folder, "error.log")], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    const ended = once(child, "exit");
    ended.catch(() => undefined);
    const url = `http://127.0.0.1:${port}`;
    if (!(await answers(url, child))) continue;
    return {
      url,
      /** The lines of its access log so far. */
      requests: async () => (await readFile(join(folder, "access.log"), "utf8")).trim().split("\n"),
      stop: async () => {
        // Its master ends its worker; SIGKILL would leave that behind.
        if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
        await ended;
      },
    };
  }
  throw new Error(`nginx did not start: see ${folder}/error.log`);
}

async function answers(url, child) {
  const patience = Date.now() + READY_WITHIN_MS;
  while (child.exitCode === null && Date.now() < patience) {
    const answer = await fetch(`${url}/socket.io/`).catch(() => undefined);
    if (answer) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill("SIGTERM");
  return false;
}
