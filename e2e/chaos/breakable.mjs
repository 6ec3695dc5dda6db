// A Redis and a PostgreSQL of one test alone, to kill, to pause and to start again on the same port.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, createWriteStream, existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort, start } from "../support/process.mjs";
import { pause } from "../support/story.mjs";

const READY_WITHIN_MS = 30_000;

class Breakable {
  /**
   * @param log  the file that has what it says
   * @param port where it is
   */
  constructor(folder, name, port) {
    this.folder = folder;
    this.log = join(folder, `${name}.log`);
    this.port = port;
  }

  /** Starts it, for the first time or again. */
  async start() {
    const { program, args, account, deathSignal } = this.command();
    const become = account ? [`--reuid=${account.uid}`, `--regid=${account.gid}`, "--clear-groups"] : [];
    const output = createWriteStream(this.log, { flags: "a" });
    await once(output, "open");
    // The kernel ends it when this process dies, however that happens.
    const begin = [...become, "--pdeathsig", deathSignal, program, ...args];
    this.child = start("setpriv", begin, { cwd: this.folder, stdio: ["ignore", output, output] });
    this.ended = once(this.child, "exit").finally(() => output.end());
    const patience = Date.now() + READY_WITHIN_MS;
    while (!(await this.isReady())) {
      if (!this.isRunning || Date.now() > patience) {
        throw new Error(`${program} does not start: ${await readFile(this.log, "utf8")}`);
      }
      await pause(20);
    }
  }

  get isRunning() {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Ends it as a crash does, paused or not. */
  async kill() {
    if (this.isRunning) this.child.kill(this.killSignal ?? "SIGKILL");
    await this.ended;
  }

  /** Connections stay open and nothing is answered, as with a hung machine. */
  pause() {
    this.#signalAll("SIGSTOP");
  }

  /** Ends a `pause`. */
  resume() {
    this.#signalAll("SIGCONT");
  }

  #signalAll(name) {
    for (const pid of [this.child.pid, ...childrenOf(this.child.pid)]) {
      try {
        process.kill(pid, name);
      } catch (error) {
        if (error.code !== "ESRCH") throw error;
      }
    }
  }
}

/** Keeps nothing on disk: started again, it is empty. */
export class Redis extends Breakable {
  static async start(folder) {
    const redis = new Redis(folder, "redis", await freePort());
    await redis.start();
    return redis;
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  command() {
    const settings = { bind: "127.0.0.1", port: `${this.port}`, save: "", appendonly: "no", daemonize: "no" };
    const args = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]);
    return { program: "redis-server", args, deathSignal: "KILL" };
  }

  isReady() {
    return new Promise((resolve) => {
      const socket = connect(this.port, "127.0.0.1", () => socket.write("PING\r\n"));
      socket.once("data", (bytes) => done(bytes.toString().startsWith("+PONG")));
      socket.once("error", () => done(false));
      const done = (is) => {
        socket.destroy();
        resolve(is);
      };
    });
  }
}

/** What was committed is there when it is started again. */
export class Postgres extends Breakable {
  // Its "immediate shutdown": nothing is finished, and its children go along.
  killSignal = "SIGQUIT";

  /** `remember` is told the folder, which `remove` removes. */
  static async start(remember) {
    // Another account may not be let into this one's TMPDIR.
    const home = await mkdtemp("/tmp/switchboard-chaos-postgres-");
    remember(home);
    const postgres = new Postgres(home, "postgres", await freePort());
    postgres.account = accountToRunAs();
    if (postgres.account) chownSync(home, postgres.account.uid, postgres.account.gid);
    postgres.data = join(home, "data");
    const { uid, gid } = postgres.account ?? {};
    const how = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"];
    execFileSync(program("initdb"), [...how, "--pgdata", postgres.data], { cwd: home, uid, gid, stdio: "ignore" });
    await postgres.start();
    return postgres;
  }

  get url() {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`;
  }

  command() {
    const settings = {
      listen_addresses: "127.0.0.1",
      port: this.port,
      unix_socket_directories: "", // a socket's path has 107 bytes, and nobody needs one
      max_connections: 200,
      fsync: "on", // what is acked is promised to be on disk
    };
    const args = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
    return { program: program("postgres"), args: ["-D", this.data, ...args], account: this.account, deathSignal: "QUIT" };
  }

  async remove() {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The word is in the file that the server itself keeps, so it cannot be somebody else's. */
  async isReady() {
    const status = await readFile(join(this.data, "postmaster.pid"), "utf8").catch(() => "");
    const lines = status.split("\n");
    return Number(lines[0]) === this.child.pid && lines[7]?.trim() === "ready";
  }

  async kill() {
    this.resume();
    await super.kill();
    await rm(join(this.data, "postmaster.pid"), { force: true });
  }
}

/** Debian keeps a server's programs out of PATH, one folder for each version. */
function program(name) {
  const home = "/usr/lib/postgresql";
  const versions = existsSync(home) ? readdirSync(home).sort((a, b) => b - a) : [];
  return versions.map((version) => join(home, version, "bin", name)).find(existsSync) ?? name;
}

/** PostgreSQL refuses to run as root: then it runs as `postgres`, or as `nobody` without one. */
function accountToRunAs() {
  if (process.getuid() !== 0) return undefined;
  const users = readFileSync("/etc/passwd", "utf8").split("\n").map((line) => line.split(":"));
  const [, , uid, gid] = users.find(([name]) => name === "postgres") ?? users.find(([name]) => name === "nobody");
  return { uid: Number(uid), gid: Number(gid) };
}

function childrenOf(parent) {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => parentOf(pid) === parent)
    .map(Number);
}

function parentOf(pid) {
  try {
    // pid (name) state parent …; a name may have parentheses and spaces itself.
    return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(")").at(-1).trim().split(" ")[1]);
  } catch {
    return undefined; // it has just ended
  }
}
