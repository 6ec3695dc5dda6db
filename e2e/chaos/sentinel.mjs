// A Redis behind Sentinel, from the testkit: what can happen to its primary.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { startRedis } from "../support/servers.mjs";
import { until } from "./until.mjs";

const PATIENCE_MS = 30_000;

/** Who is stopped answers nothing, ever. */
const ANSWERS_WITHIN_MS = 1_000;

const execute = promisify(execFile);

/** A primary and a replica, which takes over when the primary is silent for half a second. */
export class Sentinel {
  static async start() {
    return new Sentinel(await startRedis("sentinel"));
  }

  constructor({ url, nodes, stop }) {
    this.url = url;
    this.nodes = nodes;
    this.kill = stop;
  }

  /** `{port, pid}`, waited for until one says so. */
  primary() {
    return until(() => this.#withRole("master", this.nodes), "a primary", PATIENCE_MS);
  }

  /** Who is the primary in the place of `old`. */
  successorOf(old) {
    const others = this.nodes.filter((node) => node !== old);
    return until(() => this.#withRole("master", others), "a successor", PATIENCE_MS);
  }

  /** `node` has come to know that it is a replica now. */
  becomesReplica(node) {
    return until(() => this.#withRole("slave", [node]), "the old primary to be a replica", PATIENCE_MS);
  }

  /** How many connections listen at `node`. */
  async listeners(node) {
    return (await ask(node, "CLIENT", "LIST", "TYPE", "pubsub")).split("\n").filter(Boolean).length;
  }

  async #withRole(role, nodes) {
    for (const node of nodes) {
      const answer = await ask(node, "ROLE").catch(() => ""); // it may be dead or stopped
      if (answer.startsWith(role)) return node;
    }
    return undefined;
  }
}

async function ask({ port }, ...command) {
  const { stdout } = await execute("redis-cli", ["-p", `${port}`, ...command], {
    timeout: ANSWERS_WITHIN_MS,
    killSignal: "SIGKILL",
  });
  return stdout;
}
