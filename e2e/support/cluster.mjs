// The system under test: two nodes over Redis and PostgreSQL, or one with its embedded defaults.
import { randomBytes } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Gateway, run } from "./process.mjs";
import { createDatabase, startServers } from "./servers.mjs";

const ARTIFACTS = fileURLToPath(new URL("../artifacts/", import.meta.url));

/** `cluster` or `embedded`. */
export const MODE = process.env.SWITCHBOARD_E2E_MODE ?? "cluster";
if (!["cluster", "embedded"].includes(MODE)) throw new Error(`SWITCHBOARD_E2E_MODE=${MODE} is no mode`);

export class Cluster {
  /**
   * @param name what its logs are called, should a test fail
   * @param env  settings of its nodes besides the necessary ones
   * @param through gets the URL of a server that the nodes use, and gives the one by which they do
   */
  static async start(name, { mode = MODE, env = {}, through = (url) => url } = {}) {
    const cluster = new Cluster(name, mode);
    cluster.folder = await mkdtemp(join(tmpdir(), "switchboard-e2e-"));
    try {
      await (mode === "cluster" ? cluster.#startTwo(env, through) : cluster.#startOne(env));
    } catch (error) {
      cluster.failed = true;
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  constructor(name, mode) {
    this.name = name;
    this.mode = mode;
    this.secret = randomBytes(32).toString("hex");
    /** Two nodes; embedded, both are the same. */
    this.nodes = [];
    /** Set when a test failed: the logs are kept then. */
    this.failed = false;
    this.undo = [];
  }

  /** Ends the nodes at once, and removes what they left. */
  async stop() {
    await Promise.all([...new Set(this.nodes)].map((node) => node.kill()));
    for (const step of this.undo.reverse()) await step();
    if (this.failed) await this.#keepLogs();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #startTwo(env, through) {
    const servers = await startServers();
    this.undo.push(servers.stop);
    const database = await createDatabase(servers.postgres);
    this.undo.push(database.drop);
    this.database = database.url;
    this.env = {
      SWITCHBOARD__DATABASE__URL: await through(database.url),
      SWITCHBOARD__REDIS__URL: await through(servers.redis),
      SWITCHBOARD__REDIS__KEY_PREFIX: `e2e-${randomBytes(6).toString("hex")}`,
      SWITCHBOARD__AUTH__SECRET: this.secret,
      ...env,
    };
    const migrated = await run(["migrate"], {
      cwd: this.folder,
      env: { SWITCHBOARD__DATABASE__URL: database.url },
    });
    if (migrated.code !== 0) throw new Error(`migrate: ${migrated.stdout}${migrated.stderr}`);
    this.nodes = await Promise.all([this.startNode("one"), this.startNode("two")]);
  }

  async #startOne(env) {
    this.env = { SWITCHBOARD__AUTH__SECRET: this.secret, ...env };
    const node = await this.startNode("one");
    this.nodes = [node, node];
  }

  /**
   * One more node of this cluster; the caller sees to its end unless it puts it into `nodes`.
   * @param more of what `Gateway.start` takes
   */
  startNode(id, env = {}, more = {}) {
    return Gateway.start({
      ...more,
      cwd: this.folder,
      log: join(this.folder, `${id}.log`),
      env: { ...this.env, SWITCHBOARD__NODE_ID: id, ...env },
    });
  }

  async #keepLogs() {
    await mkdir(ARTIFACTS, { recursive: true });
    const logs = (await readdir(this.folder)).filter((file) => file.endsWith(".log"));
    for (const log of logs) {
      const kept = join(ARTIFACTS, `${this.name}-${this.mode}-${log}`);
      await copyFile(join(this.folder, log), kept);
      console.error(`kept the log of node ${log.replace(/\.log$/, "")}: ${kept}`);
    }
  }
}
