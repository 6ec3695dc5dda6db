// What a report says of where it was made, and of what.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { execute } from "../../e2e/support/servers.mjs";
import { BINARY } from "../../e2e/support/process.mjs";
import { info } from "./redis.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Most files that a process started by this one may have open. */
export function openFiles() {
  const limit = readFileSync("/proc/self/limits", "utf8").match(/^Max open files\s+(\S+)/m)[1];
  return limit === "unlimited" ? Infinity : Number(limit);
}

export function machine() {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model.trim() ?? "unknown",
    cores: cpus.length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    kernel: `${os.type()} ${os.release()}`,
    openFiles: openFiles(),
    loadBefore: os.loadavg()[0],
  };
}

/** Of all that takes part, and the settings that the databases' speed hangs on. */
export async function versions({ redis, postgres }) {
  const show = async (name) => (await execute(postgres, `SHOW ${name}`))[0][name];
  const peer = JSON.parse(readFileSync(here("../peers/node/package.json"), "utf8")).dependencies;
  const cargo = readFileSync(here("../peers/socketioxide/Cargo.toml"), "utf8");
  return {
    gateway: `${execFileSync(BINARY, ["--version"], { encoding: "utf8" }).trim().replace("switchboard ", "")}${revision()}`,
    node: process.version,
    "socket.io": peer["socket.io"],
    "@socket.io/redis-adapter": peer["@socket.io/redis-adapter"],
    "node-postgres": peer.pg,
    "node-redis": peer.redis,
    socketioxide: cargo.match(/^socketioxide = "=(.*)"$/m)?.[1],
    redis: await info(redis, "redis_version"),
    postgres: await show("server_version"),
    "postgres fsync": await show("fsync"),
    "postgres synchronous_commit": await show("synchronous_commit"),
  };
}

/** Of the source, if it is in Git. */
function revision() {
  try {
    const quietly = { cwd: here("."), encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] };
    return `, source ${execFileSync("git", ["describe", "--always", "--dirty"], quietly).trim()}`;
  } catch {
    return "";
  }
}
