// A real HAProxy in front of nodes, with the configuration that operators are given.
import { once } from "node:events";
import { createWriteStream, existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, start } from "./process.mjs";

const PROGRAM = existsSync("/usr/sbin/haproxy") ? "/usr/sbin/haproxy" : "haproxy";
const SHIPPED = new URL("../../deploy/haproxy/haproxy.cfg", import.meta.url);
const READY_WITHIN_MS = 15_000;

/** The shipped one, with addresses of this test. Here it need not be root, and the machine may allow few descriptors. */
async function configuration(port, nodes) {
  const servers = nodes.map((node, n) => `server gateway-${n + 1} 127.0.0.1:${node.port} port ${node.adminPort}`);
  const replaced = [
    [/ {2}server gateway-1 .*\n {2}server gateway-2 .*/, servers.join("\n")],
    [/check port 9090 /, "check "],
    [/bind :8080/, `bind 127.0.0.1:${port}`],
    [/maxconn 65536/, "maxconn 4096"],
    [/ {2}user haproxy\n {2}group haproxy\n/, ""],
  ];
  let text = await readFile(SHIPPED, "utf8");
  for (const [pattern, by] of replaced) {
    if (!pattern.test(text)) throw new Error(`deploy/haproxy/haproxy.cfg has no ${pattern}`);
    text = text.replace(pattern, by);
  }
  return text;
}

/** Starts HAProxy in front of `nodes`; `{url, stop}`. It keeps everything below `folder`. */
export async function startHaproxy(folder, nodes) {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const file = join(folder, "haproxy.cfg");
  await writeFile(file, await configuration(port, nodes));
  const child = start(PROGRAM, ["-db", "-f", file], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "close");
  ended.catch(() => undefined);
  const log = createWriteStream(join(folder, "haproxy.log"));
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      said = (said + text).slice(-65_536);
      log.write(text);
    });
  }
  const url = `http://127.0.0.1:${port}`;
  const until = Date.now() + READY_WITHIN_MS;
  while (!(await fetch(url).catch(() => undefined))) {
    if (child.exitCode !== null || Date.now() > until) throw new Error(`haproxy did not start: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    url,
    /** What it has logged, at most the last 64 KiB. */
    log: () => said,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await ended;
      log.end();
    },
  };
}
