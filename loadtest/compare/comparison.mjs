// All runs of a comparison, and the report of them.
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDatabase, execute, startOwnServers } from "../../e2e/support/servers.mjs";
import { Climb } from "./climb.mjs";
import { putLoad, settingsOf } from "./load.mjs";
import { machine, openFiles, versions } from "./machine.mjs";
import { page } from "./page.mjs";
import { keysOf, SCENARIOS, SIDES } from "./plan.mjs";
import { ask, info } from "./redis.mjs";
import { GATEWAY_CONFIG, STARTED_BY, startSide } from "./sides.mjs";
import { disturbance, summarize } from "./summary.mjs";
import { text } from "./tables.mjs";

/** All runs of one comparison. */
class Comparison {
  runs = [];

  constructor(options, servers, { folder, logs }) {
    Object.assign(this, { options, servers, folder, logs, secret: randomBytes(32).toString("hex") });
    this.secretFile = join(folder, "secret");
    writeFileSync(this.secretFile, this.secret);
  }

  async findDatabases() {
    const [{ pid }] = await execute(this.servers.postgres, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int AS pid");
    this.databases = { redis: Number(await info(this.servers.redis, "process_id")), postgres: pid };
  }

  /** One scenario of one round. Sides take turns, and who begins changes with the rounds. */
  async round(scenario, round) {
    const sides = round % 2 ? scenario.sides : [...scenario.sides].reverse();
    const { quick } = this.options;
    const rates = scenario.rates?.(quick) ?? (scenario.rising ? [] : [undefined]);
    for (const rate of rates) for (const side of sides) await this.measure(scenario, side, round, rate);
    if (scenario.climbers.length > 0) await this.climb(scenario, sides, round);
  }

  /** The rates of whoever does not climb are those of the first who does. */
  async climb(scenario, sides, round) {
    const how = scenario.rising(this.options.quick);
    const climbs = Object.fromEntries(scenario.climbers.map((side) => [side, new Climb(how)]));
    const leader = climbs[scenario.climbers[0]];
    while (Object.values(climbs).some(({ next }) => next !== undefined)) {
      const turns = sides.map((side) => [side, (climbs[side] ?? leader).next]).filter(([, rate]) => rate !== undefined);
      for (const [side, rate] of turns) {
        let run = await this.measure(scenario, side, round, rate);
        while (climbs[side]?.note(run.held)) run = await this.measure(scenario, side, round, rate);
      }
    }
  }

  /** Servers of its own, a database of its own, one load. */
  async measure(scenario, side, round, rate) {
    const keys = keysOf(scenario, { quick: this.options.quick, rate, openFiles: openFiles() });
    const database = await createDatabase(this.servers.postgres);
    let measured;
    try {
      await ask(this.servers.redis, "FLUSHALL");
      const { folder, logs, secret, secretFile, databases } = this;
      const server = await startSide(side, scenario.nodes, { folder, logs, secret, redis: this.servers.redis, database: database.url });
      try {
        // What others wrote is not to be written out while this one is measured.
        await execute(this.servers.postgres, "CHECKPOINT");
        const { window, ...told } = await putLoad(scenario.file, keys, server, { folder, secretFile, databases });
        measured = told;
      } finally {
        await server.stop();
      }
    } finally {
      await database.drop();
    }
    const load = ["switchboard-load", `loadtest/scenarios/${scenario.file}`, ...settingsOf(keys)];
    const run = { scenario: scenario.name, side, round, rate, ...measured, load };
    this.runs.push(run);
    console.error(line(run));
    return run;
  }
}

/** One run for whoever waits. */
function line({ scenario, side, round, rate, held, why, figures = {} }) {
  const { messagesPerSecond, deliveryP99, cpuPerDelivery, connectsPerSecond, bytesPerConnection } = figures;
  const told = [
    [messagesPerSecond, (n) => `${n.toFixed(0)} messages/s`],
    [deliveryP99, (n) => `p99 ${n.toFixed(1)} ms`],
    [cpuPerDelivery, (n) => `${n.toFixed(1)} µs/delivery`],
    [connectsPerSecond, (n) => `${n.toFixed(0)} connects/s`],
    [bytesPerConnection, (n) => `${n.toFixed(0)} bytes/connection`],
  ].filter(([value]) => Number.isFinite(value)).map(([value, words]) => words(value));
  const verdict = held ? [] : [`TOO MUCH: ${why}`];
  return `${round}  ${scenario.padEnd(11)}${SIDES[side].padEnd(13)}${rate === undefined ? "" : `${rate}/s: `}${[...told, ...verdict].join(", ")}`;
}

async function runs(options, folders) {
  const begun = new Date();
  const servers = await startOwnServers();
  try {
    const comparison = new Comparison(options, servers, folders);
    await comparison.findDatabases();
    const about = { date: begun.toISOString(), machine: machine(), versions: await versions(servers) };
    for (let round = 1; round <= options.rounds; round += 1) {
      const due = SCENARIOS.filter(({ name, once }) => options.only.includes(name) && !(once && round > 1));
      for (const scenario of due) await comparison.round(scenario, round);
    }
    const { quick, rounds, only } = options;
    const args = [quick && "--quick", `--rounds ${rounds}`, only.length < SCENARIOS.length && `--only ${only}`];
    return {
      ...about,
      command: `make compare ARGS="${args.filter(Boolean).join(" ")}"`,
      quick,
      rounds,
      seconds: Math.round((Date.now() - begun) / 1000),
      disturbance: disturbance(comparison.runs),
      startedBy: STARTED_BY,
      gatewayConfig: GATEWAY_CONFIG,
      summary: summarize(comparison.runs),
      runs: comparison.runs,
    };
  } finally {
    await servers.stop();
  }
}

/** Measures, writes both reports below `out`, and says whether all went well but for the loads that were meant to be too much. */
export async function compare(options, out) {
  const logs = join(out, "compare-logs");
  rmSync(logs, { recursive: true, force: true });
  mkdirSync(logs, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "switchboard-compare-"));
  // Also when it is interrupted; whatever runs ends then, too (e2e/support/process.mjs).
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const result = await runs(options, { folder, logs });
  writeFileSync(join(out, "compare.json"), `${JSON.stringify(result, null, 1)}\n`);
  writeFileSync(join(out, "compare.html"), page(result));
  console.log(`${text(result)}\n\nin ${result.seconds} s; ${join(out, "compare.html")}, compare.json`);
  const searches = SCENARIOS.filter(({ climbers }) => climbers.length > 0).map(({ name }) => name);
  const failed = result.runs.filter(({ held, scenario }) => !held && !searches.includes(scenario));
  if (failed.length > 0) console.log(`${failed.length} FAILED, what the servers said is in ${logs}:\n${failed.map(line).join("\n")}`);
  return failed.length === 0;
}
