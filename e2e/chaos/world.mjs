// What is broken: some nodes on a Redis and a PostgreSQL of their own. And who judges: `switchboard verify`.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { BINARY, environment, Gateway, run, start } from "../support/process.mjs";
import { createDatabase } from "../support/servers.mjs";
import { pause } from "../support/story.mjs";
import { Postgres, Redis } from "./breakable.mjs";
import { Clock } from "./clock.mjs";
import { startLine } from "./line.mjs";
import { UNLIMITED } from "./rates.mjs";
import { Sentinel } from "./sentinel.mjs";

/** Temporary folders, which an interrupted run leaves to this. */
const folders = new Set();
process.on("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

const ARTIFACTS = fileURLToPath(new URL("../artifacts/", import.meta.url));

export class World {
  /**
   * @param name  what its logs are called
   * @param nodes how many
   * @param lines whether node 0 reaches Redis by `this.redisLine`, and clients the nodes by `this.clientLines`
   * @param redis `alone`, or `sentinel`: behind three of them, with a replica
   * @param clock whether `this.clock` is that of node 0
   * @param env   more settings of all nodes
   */
  static async start(name, { nodes = 2, env = {}, ...shape } = {}) {
    const world = new World(name);
    world.folder = await mkdtemp(join(tmpdir(), "switchboard-chaos-"));
    folders.add(world.folder);
    try {
      await world.#start(nodes, env, shape);
    } catch (error) {
      world.failed = true;
      await world.stop();
      throw error;
    }
    return world;
  }

  constructor(name) {
    this.name = name;
    this.secret = randomBytes(32).toString("hex");
    this.nodes = [];
    this.clientLines = [];
    /** What was done, and when: `[ms since the start, words]`. */
    this.story = [];
    this.begun = Date.now();
    this.failed = false;
  }

  async #start(count, env, { lines = {}, redis = "alone", clock = false }) {
    this.redis = await (redis === "sentinel" ? Sentinel.start() : Redis.start(this.folder));
    this.postgres = await Postgres.start((folder) => folders.add(folder));
    const database = await createDatabase(this.postgres.url);
    this.database = database.url;
    this.env = {
      SWITCHBOARD__DATABASE__URL: database.url,
      SWITCHBOARD__REDIS__URL: this.redis.url,
      SWITCHBOARD__AUTH__SECRET: this.secret,
      ...UNLIMITED,
      ...env,
    };
    const migrated = await run(["migrate"], { cwd: this.folder, env: { SWITCHBOARD__DATABASE__URL: database.url } });
    if (migrated.code !== 0) throw new Error(`migrate: ${migrated.stdout}${migrated.stderr}`);
    if (clock) this.clock = await Clock.start(this.folder);
    if (lines.redis) this.redisLine = await startLine(this.redis.port);
    this.nodes = await Promise.all(Array.from({ length: count }, (_, n) => this.#launch(n)));
    if (lines.clients) this.clientLines = await Promise.all(this.nodes.map(({ port }) => startLine(port)));
  }

  #launch(n, at) {
    const own = n === 0 && {
      ...(this.redisLine && { SWITCHBOARD__REDIS__URL: `redis://127.0.0.1:${this.redisLine.port}` }),
      ...this.clock?.env,
    };
    return Gateway.start({
      cwd: this.folder,
      log: join(this.folder, `node-${n}.log`),
      env: { ...this.env, SWITCHBOARD__NODE_ID: `node-${n}`, ...own },
      at,
    });
  }

  /** Starts node `n`, which has ended, again where it was. */
  async startAgain(n) {
    this.nodes[n] = await this.#launch(n, this.nodes[n]);
    this.say(`node ${n} is back`);
  }

  say(words) {
    this.story.push([Date.now() - this.begun, words]);
    if (process.env.CHAOS_VERBOSE) console.error(`    ${((Date.now() - this.begun) / 1000).toFixed(1)} s: ${words}`);
  }

  /** The addresses that clients use. */
  get urls() {
    if (this.clientLines.length) return this.clientLines.map(({ port }) => `http://127.0.0.1:${port}`);
    return this.nodes.map(({ url }) => url);
  }

  /** A metric, over the nodes that answer. */
  async metric(name) {
    const pages = await Promise.all(this.nodes.map((node) => node.adminPage("/metrics").catch(() => ({ body: "" }))));
    const lines = pages.flatMap(({ body }) => body.split("\n")).filter((line) => line.startsWith(name));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  /** Begins `switchboard verify`; `{sending, report}`, promises of the first message and of the end. */
  verify(traffic) {
    const file = join(this.folder, "report.json");
    const options = { ...traffic, url: this.urls.join(","), secret: this.secret, json: file };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
    const child = start(BINARY, ["verify", "--quiet", ...args], {
      cwd: this.folder,
      env: environment({}),
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.verifying = child;
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
    const report = once(child, "close").then(async ([code]) => {
      this.say("verify ended");
      const json = await readFile(file, "utf8").catch(() => "null");
      return { code, said, ...JSON.parse(json) };
    });
    const sending = async () => {
      while (child.exitCode === null && (await this.metric("switchboard_messages_stored_total")) === 0) await pause(100);
      this.say("clients are sending");
    };
    return { sending: sending(), report };
  }

  /** When the messages of a report's `examples` were stored: what to look for in the nodes' logs. */
  async storedAt(examples) {
    const client = new pg.Client({ connectionString: this.database });
    await client.connect();
    try {
      const look = async ({ kind, conversation, rev, user }) => {
        const stored = "select id, seq, sender_id, created_at from messages where conversation_id = $1 and rev = $2";
        const { rows } = await client.query(stored, [conversation, rev]);
        return { kind, conversation, rev, user, ...rows[0] };
      };
      const found = [];
      for (const example of examples) found.push(await look(example));
      return found;
    } finally {
      await client.end();
    }
  }

  /** Ends everything; the logs of nodes are kept if `failed`. */
  async stop() {
    this.verifying?.kill("SIGKILL");
    await Promise.all(this.nodes.map((node) => node.kill()));
    for (const line of [this.redisLine, ...this.clientLines]) line?.stop();
    await this.redis?.kill();
    await this.postgres?.remove();
    if (this.failed) await this.#keepLogs();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #keepLogs() {
    await mkdir(ARTIFACTS, { recursive: true });
    for (const file of [...this.nodes.map((_, n) => `node-${n}.log`), "report.json"]) {
      const kept = join(ARTIFACTS, `chaos-${this.name}-${file}`);
      await copyFile(join(this.folder, file), kept).then(() => console.error(`kept ${kept}`), () => undefined);
    }
  }
}
