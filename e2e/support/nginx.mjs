// A real balancer in front of nodes: nginx in plain round robin, with nothing that keeps a client on
// its node.
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, start } from "./process.mjs";

const PROGRAM = existsSync("/usr/sbin/nginx") ? "/usr/sbin/nginx" : "nginx";
const READY_WITHIN_MS = 15_000;

const SHIPPED = new URL("../../deploy/nginx/nginx.conf", import.meta.url);

/** The one that operators are given, with addresses and paths of this test. */
async function configuration({ folder, port, nodes }) {
  const replaced = [
    [/server gateway-\d:8080;\n\s*server gateway-\d:8080;/, nodes.map((node) => `server 127.0.0.1:${node.port};`).join("\n")],
    [/listen 8080;/, `listen 127.0.0.1:${port};`],
    [/worker_processes auto;\n/, "worker_processes 1;\n"],
    [/worker_rlimit_nofile .*\n/, ""],
    [/worker_connections \d+;/, "worker_connections 4096;"],
    [/\/dev\/stderr/, `${folder}/error.log`],
    [/\/dev\/stdout/, `${folder}/access.log`],
  ];
  let text = (await readFile(SHIPPED, "utf8")).replaceAll("/tmp/", `${folder}/`);
  for (const [pattern, by] of replaced) {
    if (!pattern.test(text)) throw new Error(`deploy/nginx/nginx.conf has no ${pattern}`);
    text = text.replace(pattern, by);
  }
  return text;
}

// Else its worker, which is nobody, may not look into the folder.
const MORE = process.getuid() === 0 ? "daemon off; user root;" : "daemon off;";

/** Starts nginx in front of `nodes`; `{url, requests, stop}`. It keeps everything below `folder`. */
export async function startNginx(folder, nodes) {
  await mkdir(folder, { recursive: true });
  for (let tries = 0; tries < 5; tries += 1) {
    const port = await freePort();
    await writeFile(join(folder, "nginx.conf"), await configuration({ folder, port, nodes }));
    const child = start(PROGRAM, ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", join(folder, "error.log"), "-g", MORE], {
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
    const answer = await fetch(url).catch(() => undefined);
    if (answer) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill("SIGTERM");
  return false;
}
