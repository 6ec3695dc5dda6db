// What nodes, Redis and PostgreSQL use, read again and again, so that one can ask afterwards what it was between two moments.
import { readdirSync, readFileSync } from "node:fs";
import pg from "../../e2e/node_modules/pg/esm/index.mjs";
import { at, secondsOfTree } from "../compare/processes.mjs";
import { ask } from "../compare/redis.mjs";

const EVERY_MS = 1000;

/** Processor seconds of all threads of a process, to the nanosecond: those that idle nodes use are below a tick of /proc/PID/stat. */
function secondsOfThreads(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1e9, 0);
}

const residentBytes = (pid) => Number(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8").match(/^Pss:\s+(\d+)/m)[1]) * 1024;

/** A field of what INFO says. */
export const field = (info, name) => Number(info.match(new RegExp(`^${name}:([\\d.]+)`, "m"))[1]);

export class Meter {
  #looks = [];
  #timer;
  #looking;

  /**
   * @param nodes     pids of the gateway
   * @param databases `{redis, postgres}`: pids
   * @param at        `{redis, postgres}`: addresses
   * @param database  the name of that of the nodes
   */
  static async start(nodes, databases, at, database) {
    const meter = new Meter();
    Object.assign(meter, { nodes, databases, redis: at.redis, database, client: new pg.Client({ connectionString: at.postgres }) });
    await meter.client.connect();
    await meter.look();
    meter.#timer = setInterval(() => (meter.#looking ??= meter.look().finally(() => (meter.#looking = undefined))), EVERY_MS);
    return meter;
  }

  async look() {
    const now = performance.now();
    const sum = (of) => this.nodes.reduce((total, pid) => total + of(pid), 0);
    const processes = {
      gateway: sum(secondsOfThreads),
      gatewayBytes: sum(residentBytes),
      files: sum((pid) => readdirSync(`/proc/${pid}/fd`).length),
      redis: secondsOfThreads(this.databases.redis),
      postgres: secondsOfTree(this.databases.postgres),
    };
    const [info, stats] = [await ask(this.redis, "INFO"), await this.#postgres()];
    const redis = { redisBytes: field(info, "used_memory"), redisCommands: field(info, "total_commands_processed"), redisClients: field(info, "connected_clients") };
    this.#looks.push({ at: now, seconds: { ...processes, ...redis, ...stats } });
  }

  async #postgres() {
    const { rows } = await this.client.query({
      name: "look",
      text: `SELECT d.xact_commit::float AS commits, w.wal_sync::float AS flushes, w.wal_bytes::float AS "walBytes",
        (SELECT count(*) FROM pg_stat_activity WHERE datname = $1)::float AS "postgresClients"
        FROM pg_stat_database d, pg_stat_wal w WHERE d.datname = $1`,
      values: [this.database],
    });
    return rows[0];
  }

  async stop() {
    clearInterval(this.#timer);
    await this.#looking;
    await this.look();
    await this.client.end();
  }

  get first() {
    return this.#looks[0].seconds;
  }

  /** `name` as it was at a moment of `performance.now()`, evenly between two looks. */
  value(name, moment) {
    return at(this.#looks, name, moment);
  }

  most(name) {
    return Math.max(...this.#looks.map(({ seconds }) => seconds[name]));
  }

  /** How much each became more between two moments. */
  between([from, to]) {
    return Object.fromEntries(Object.keys(this.first).map((name) => [name, this.value(name, to) - this.value(name, from)]));
  }

  /** From when `name` was within a hundredth of its most for the first time, until the last. */
  plateau(name) {
    const high = this.#looks.filter(({ seconds }) => seconds[name] >= 0.99 * this.most(name));
    return [high[0].at, high.at(-1).at];
  }
}
