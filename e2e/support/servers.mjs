// A private Redis and PostgreSQL: those of the command that runs these tests, or one's own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { randomBytes } from "node:crypto";
import pg from "pg";
import { TESTKIT } from "./process.mjs";

const REDIS = "SWITCHBOARD_TEST_REDIS";
const POSTGRES = "SWITCHBOARD_TEST_POSTGRES";

/** `{redis, postgres, env, stop}`; with `env`, a process of ours uses the same ones. */
export async function startServers() {
  const { [REDIS]: redis, [POSTGRES]: postgres } = process.env;
  if (redis && postgres) return { redis, postgres, env: {}, stop: async () => undefined };
  const { stop, ...at } = await startOwnServers();
  return { ...at, env: { [REDIS]: at.redis, [POSTGRES]: at.postgres }, stop };
}

/** `{redis, postgres, stop}` that nobody else has, so that one may empty them. */
export function startOwnServers() {
  return startInTestkit("servers");
}

/** A Redis of a shape that `switchboard-testkit redis` knows: what that prints, and `stop`. */
export function startRedis(topology, ...options) {
  return startInTestkit("redis", "--topology", topology, ...options);
}

/** What the testkit prints once it has started something, and `stop`, which ends that. */
async function startInTestkit(...args) {
  // Not killed when this process ends: it ends then by itself, because its stdin does, and removes its folders.
  const child = spawn(TESTKIT, args, { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, "exit");
  const line = await Promise.race([once(lines, "line"), ended.then(() => undefined)]);
  if (!line) throw new Error(`the servers did not start: ${said}`);
  const stop = async () => {
    child.stdin.end();
    await ended;
  };
  return { ...JSON.parse(line[0]), stop };
}

/** An empty database; `drop` removes it, whoever is still connected. */
export async function createDatabase(server) {
  const name = `e2e_${randomBytes(6).toString("hex")}`;
  await execute(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => execute(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

/** The rows of one statement. */
export async function execute(server, statement) {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}
