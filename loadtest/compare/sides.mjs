// The servers that are compared: each is started anew for each run, and ended by its own process.
import { once } from "node:events";
import { createWriteStream, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { randomBytes } from "node:crypto";
import { BINARY, environment, Gateway, run, start } from "../../e2e/support/process.mjs";

const PEERS = fileURLToPath(new URL("../peers/", import.meta.url));
const SOCKETIOXIDE =
  process.env.SOCKETIOXIDE_BIN ?? join(PEERS, "socketioxide/target/release/switchboard-load-peer-socketioxide");

const READY_WITHIN_MS = 20_000;
const PLENTY = "1000000/1m";
/** As a file, so that a report can show it. */
export const GATEWAY_CONFIG = `[rate_limits]
default = "${PLENTY}"
events = { "message:send" = "${PLENTY}", "message:typing" = "${PLENTY}" }
[limits]
connects = 0
`;
/** One process may use one core, as Node does; what the kernel does for it is not counted. */
const ONE_WORKER = { TOKIO_WORKER_THREADS: "1" };

/** How each is started, for people. */
export const STARTED_BY = {
  gateway: "TOKIO_WORKER_THREADS=1 switchboard serve --config gateway.toml",
  node: "NODE_ENV=production node loadtest/peers/node/server.mjs",
  socketioxide: "TOKIO_WORKER_THREADS=1 switchboard-load-peer-socketioxide",
};

/**
 * Starts `nodes` processes of a side.
 * @param on `{folder, logs, secret, redis, database}`; `logs` is where what they say is added
 * @returns `{urls, admins, pids, stop}`; only the gateway has an address for its `admins`
 */
export async function startSide(side, nodes, on) {
  const started = [];
  const stop = () => Promise.all(started.map((one) => one.kill()));
  try {
    if (side === "gateway") await migrate(on);
    const shared = randomBytes(6).toString("hex");
    // One after the other: Node's make their tables.
    for (let node = 0; node < nodes; node += 1) started.push(await STARTERS[side](on, node, shared));
  } catch (error) {
    await stop();
    throw error;
  }
  return { urls: started.map(({ url }) => url), admins: started.map(({ admin }) => admin), pids: started.map(({ child }) => child.pid), stop };
}

async function migrate({ folder, database }) {
  const { code, stdout, stderr } = await run(["migrate"], { cwd: folder, env: { SWITCHBOARD__DATABASE__URL: database } });
  if (code !== 0) throw new Error(`${BINARY} migrate: ${stdout}${stderr}`);
}

const STARTERS = {
  gateway({ folder, logs, secret, redis, database }, node, shared) {
    const config = join(folder, "gateway.toml");
    writeFileSync(config, GATEWAY_CONFIG);
    return Gateway.start({
      cwd: folder,
      log: join(logs, `gateway-${node}.log`),
      args: ["--config", config],
      env: {
        ...ONE_WORKER,
        SWITCHBOARD__NODE_ID: `node-${node}`,
        SWITCHBOARD__DATABASE__URL: database,
        SWITCHBOARD__REDIS__URL: redis,
        SWITCHBOARD__REDIS__KEY_PREFIX: `compare-${shared}`,
        SWITCHBOARD__AUTH__SECRET: secret,
      },
    });
  },
  node({ logs, secret, redis, database }, node) {
    const env = { NODE_ENV: "production", REDIS_URL: redis, DATABASE_URL: database, SECRET: secret, PORT: "0" };
    return startPeer(process.execPath, [join(PEERS, "node/server.mjs")], env, join(logs, `node-${node}.log`));
  },
  socketioxide({ logs }, node) {
    return startPeer(SOCKETIOXIDE, [], { ...ONE_WORKER, PORT: "0" }, join(logs, `socketioxide-${node}.log`));
  },
};

/** A server that says `listening on PORT`. */
async function startPeer(program, args, env, log) {
  const child = start(program, args, { env: environment(env), stdio: ["ignore", "pipe", "pipe"] });
  const file = createWriteStream(log, { flags: "a" });
  let said = "";
  const ended = once(child, "close").then(
    () => `it ended: ${said}`,
    (error) => error.message,
  );
  const port = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        file.write(text);
        said = (said + text).slice(-4096);
        const found = said.match(/listening on (\d+)\n/);
        if (found) resolve(Number(found[1]));
      });
    }
  });
  const kill = async () => {
    child.kill("SIGKILL");
    await ended;
    file.end();
  };
  const late = new Promise((resolve) => setTimeout(resolve, READY_WITHIN_MS, "it is not ready in time").unref());
  const first = await Promise.race([port, ended, late]);
  if (typeof first === "number") return { url: `http://127.0.0.1:${first}`, child, kill };
  await kill();
  throw new Error(`${program} ${args.join(" ")}: ${first}`);
}
