// One `switchboard serve`, and free ports for it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

const target = (name) => fileURLToPath(new URL(`../../target/debug/${name}`, import.meta.url));

export const BINARY = process.env.SWITCHBOARD_BIN ?? target("switchboard");
export const TESTKIT = process.env.SWITCHBOARD_TESTKIT_BIN ?? target("switchboard-testkit");

/** A debug build on a busy machine is not quick. */
const READY_WITHIN_MS = 30_000;

const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

/** Starts `program`, which ends with this process at the latest. */
export function start(program, args, options) {
  const child = spawn(program, args, options);
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

/**
 * A port of 127.0.0.1 that nobody listens on now: below the range that Linux takes outgoing
 * connections' ports from, so that no client of this or another test can be on it.
 */
export async function freePort() {
  for (let tries = 0; tries < 200; tries += 1) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    const listening = await new Promise((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!listening) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
  throw new Error("found no free port on 127.0.0.1");
}

/** This process's environment without any setting of a gateway, and with `settings`. */
export function environment(settings) {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("SWITCHBOARD__"));
  return { ...Object.fromEntries(own), ...settings };
}

/**
 * Runs the binary to its end; resolves to its exit code and what it said.
 * @param through a command that runs the one that comes after it
 */
export async function run(args, { env = {}, cwd, timeout = 30_000, through = [] } = {}) {
  const [program, ...rest] = [...through, BINARY, ...args];
  const child = start(program, rest, { cwd, env: environment(env), stdio: ["ignore", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"]) {
    child[stream].setEncoding("utf8").on("data", (text) => (said[stream] += text));
  }
  const late = setTimeout(() => child.kill("SIGKILL"), timeout);
  const [code, signal] = await once(child, "close");
  clearTimeout(late);
  return { code, signal, ...said };
}

/** A node that runs. */
export class Gateway {
  /**
   * Starts `serve` with `env` and waits until it is ready, on other ports if these were taken.
   * @param args more arguments of `serve`
   * @param at `{port, adminPort}` of a node that has ended, to start it again where it was
   * @param binary another than the one under test
   */
  static async start({ env, cwd, log, at, args = [], binary = BINARY }) {
    for (let tries = 0; tries < 5; tries += 1) {
      const [port, adminPort] = at ? [at.port, at.adminPort] : [await freePort(), await freePort()];
      const gateway = new Gateway({ env, cwd, log, port, adminPort, args, binary });
      if (await gateway.#becomesReady()) return gateway;
      if (!/address (already )?in use/i.test(gateway.output)) {
        throw new Error(`the gateway ended: ${gateway.output}`);
      }
    }
    throw new Error("every port chosen for the gateway was taken by somebody else");
  }

  constructor({ env, cwd, log, port, adminPort, args, binary }) {
    this.url = `${env.SWITCHBOARD__HTTP__TLS_CERT_FILE ? "https" : "http"}://127.0.0.1:${port}`;
    this.admin = `http://127.0.0.1:${adminPort}`;
    this.port = port;
    this.adminPort = adminPort;
    this.env = env;
    /** What it said so far, at most the last 64 KiB. */
    this.output = "";
    this.child = start(binary, ["serve", ...args], {
      cwd,
      env: environment({
        ...env,
        SWITCHBOARD__HTTP__LISTEN: `127.0.0.1:${port}`,
        SWITCHBOARD__ADMIN__LISTEN: `127.0.0.1:${adminPort}`,
      }),
      stdio: ["ignore", "pipe", "pipe"],
    });
    const file = createWriteStream(log, { flags: "a" });
    file.on("error", () => undefined);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        this.output = (this.output + text).slice(-65_536);
        file.write(text);
      });
    }
    /** Resolves when it has ended, to `{code, signal}`. */
    this.ended = once(this.child, "close").then(([code, signal]) => {
      file.end();
      return { code, signal };
    });
    // Whoever awaits it hears of the error too.
    this.ended.catch(() => undefined);
  }

  /** What it says, from the start, that matches. */
  async says(pattern) {
    const patience = Date.now() + READY_WITHIN_MS;
    for (;;) {
      const found = this.output.match(pattern)?.[0];
      if (found !== undefined) return found;
      if (Date.now() > patience || !this.isRunning) throw new Error(`no ${pattern} in: ${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  get isRunning() {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Status and body of a page of the admin listener. */
  async adminPage(path) {
    const response = await fetch(this.admin + path, { signal: AbortSignal.timeout(10_000) });
    return { status: response.status, body: await response.text() };
  }

  signal(name) {
    this.child.kill(name);
  }

  /** Ends it without a word, as the kernel does when memory is short. */
  async kill() {
    if (this.isRunning) this.child.kill("SIGKILL");
    await this.ended;
  }

  async #becomesReady() {
    const patience = Date.now() + READY_WITHIN_MS;
    while (this.isRunning) {
      const answer = await this.adminPage("/readyz").catch(() => undefined);
      if (answer?.status === 200) return true;
      if (Date.now() > patience) {
        await this.kill();
        throw new Error(`the gateway is not ready: ${this.output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await this.ended;
    return false;
  }
}
