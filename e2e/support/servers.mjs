// A private Redis and PostgreSQL: those of the command that runs these tests, or one's own.
import { once } from "node:events";
import { createInterface } from "node:readline";
import { randomBytes } from "node:crypto";
import pg from "pg";
import { start, TESTKIT } from "./process.mjs";

const REDIS = "SWITCHBOARD_TEST_REDIS";
const POSTGRES = "SWITCHBOARD_TEST_POSTGRES";

/** `{redis, postgres, env, stop}`; with `env`, a process of ours uses the same ones. */
export async function startServers() {
  const { [REDIS]: redis, [POSTGRES]: postgres } = process.env;
  if (redis && postgres) return { redis, postgres, env: {}, stop: async () => undefined };
  const { stop, ...at } = await startInTestkit("servers");
  return { ...at, env: { [REDIS]: at.redis, [POSTGRES]: at.postgres }, stop };
}

/** A Redis of a shape that `switchboard-testkit redis` knows: what that prints, and `stop`. */
export function startRedis(topology) {
  return startInTestkit("redis", "--topology", topology);
}

/** What the testkit prints once it has started something, and `stop`, which ends that. */
async function startInTestkit(...args) {
  const child = start(TESTKIT, args, { stdio: ["pipe", "pipe", "pipe"] });
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

async function execute(server, statement) {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
