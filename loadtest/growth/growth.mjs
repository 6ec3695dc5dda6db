// All measurements of a growth, one after the other, and the report of them.
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDatabase, execute, startOwnServers } from "../../e2e/support/servers.mjs";
import { machine, versions } from "../compare/machine.mjs";
import { ask, info } from "../compare/redis.mjs";
import { GATEWAY_CONFIG, STARTED_BY, startSide } from "../compare/sides.mjs";
import { alone } from "./lock.mjs";
import { Meter } from "./meter.mjs";
import { METHODS } from "./methods.mjs";
import { SERIES } from "./plan.mjs";
import { SIMULATED } from "./simulated.mjs";
import { text } from "./tables.mjs";

const HOW = { ...METHODS, ...SIMULATED };

/** What all measurements of one growth share. */
class Growth {
  constructor(options, servers, { folder, logs }) {
    Object.assign(this, { options, servers, folder, logs, secret: randomBytes(32).toString("hex") });
    this.secretFile = join(folder, "secret");
    writeFileSync(this.secretFile, this.secret);
  }

  async findDatabases() {
    const [{ pid }] = await execute(this.servers.postgres, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int AS pid");
    this.databases = { redis: Number(await info(this.servers.redis, "process_id")), postgres: pid };
  }

  /** One point: servers and a database of its own. `held` is false if not all that was asked for happened. */
  async measure(series, point) {
    const database = await createDatabase(this.servers.postgres);
    try {
      await ask(this.servers.redis, "FLUSHALL");
      const { folder, logs, secret, servers } = this;
      const nodes = series.nodes?.(point) ?? 1;
      return await alone(this.options.lock, async () => {
        const server = await startSide("gateway", nodes, { folder, logs, secret, redis: servers.redis, database: database.url });
        try {
          // What others wrote is not to be written out while this one is measured.
          await execute(servers.postgres, "CHECKPOINT");
          const name = new URL(database.url).pathname.slice(1);
          const meter = await Meter.start(server.pids, this.databases, servers, name);
          try {
            return await HOW[series.how](this, { series, point, server, meter });
          } finally {
            await meter.stop();
          }
        } finally {
          await server.stop();
        }
      });
    } finally {
      await database.drop();
    }
  }
}

/** One point for whoever waits. */
function told({ series, point, held, why, figures }) {
  const words = Object.entries(figures ?? {}).filter(([, value]) => Number.isFinite(value)).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
  return `${series} ${point}: ${held ? "" : `NOT ALL: ${why}; `}${words.join(", ")}`;
}

/** Measures, writes the report below `out` after each point, and says whether all went well. Points that are there already stay, but for those that are measured again. */
export async function grow(options, out) {
  const logs = join(out, "growth-logs");
  rmSync(logs, { recursive: true, force: true });
  mkdirSync(logs, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "switchboard-growth-"));
  // Also when it is interrupted; whatever runs ends then, too (e2e/support/process.mjs).
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const file = join(out, "growth.json");
  const due = SERIES.filter(({ name }) => options.only.includes(name));
  const kept = options.only.length < SERIES.length ? pointsIn(file).filter(({ series }) => !options.only.includes(series)) : [];
  const servers = await startOwnServers();
  const result = { points: kept };
  try {
    const growth = new Growth(options, servers, { folder, logs });
    await growth.findDatabases();
    const { quick } = options;
    Object.assign(result, { date: new Date().toISOString(), machine: machine(), versions: await versions(servers), quick, startedBy: STARTED_BY.gateway, gatewayConfig: GATEWAY_CONFIG });
    for (const series of due) {
      for (const point of series.points.slice(0, quick ? 2 : undefined)) {
        // One that fails keeps nobody from the others.
        const figures = await growth.measure(series, point).catch((error) => ({ held: false, why: error.message }));
        const measured = { series: series.name, point, at: new Date().toISOString(), ...figures };
        result.points.push(measured);
        writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);
        console.error(told(measured));
      }
    }
  } finally {
    await servers.stop();
  }
  console.log(`${text(result)}\n\n${file}`);
  const failed = result.points.filter(({ held }) => !held);
  if (failed.length > 0) console.log(`${failed.length} did not come to what was asked, what the nodes said is in ${logs}:\n${failed.map(told).join("\n")}`);
  return failed.length === 0;
}

function pointsIn(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).points;
  } catch {
    return [];
  }
}
