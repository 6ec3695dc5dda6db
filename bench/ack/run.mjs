// How long the ack of a message takes while nothing else is done, beside one bare insert and commit on the same PostgreSQL.
//
//   node bench/ack/run.mjs [--rounds 3] [--seconds 10] [--json FILE] [--lock FILE]
//
// In each round, in turn: `message:send` with one sender; an insert into a table like `messages`, by a prepared statement on a connection that is
// kept; the same by pgbench, if it is there; and the one call of Redis that a send makes before it. All of them 20 times a second.
// SWITCHBOARD_BIN names the binary (release), unless it is where cargo puts it. --lock is as in docs/growth.md.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import pg from "../../e2e/node_modules/pg/esm/index.mjs";
import { connect } from "../../e2e/support/clients.mjs";
import { createDatabase, execute, startOwnServers } from "../../e2e/support/servers.mjs";
import { sign } from "../../e2e/support/tokens.mjs";
import { median, medians } from "../../loadtest/compare/figures.mjs";
import { machine, versions } from "../../loadtest/compare/machine.mjs";
import { startSide } from "../../loadtest/compare/sides.mjs";
import { alone } from "../../loadtest/growth/lock.mjs";
import { script, Wire } from "../../loadtest/growth/resp.mjs";
import { BARE_COLUMNS, BARE_INSERT, BARE_TABLE, bareValues, hasPgbench, pgbench } from "./bare.mjs";

const EVERY_MS = 50;
const CONTENT = "a hundred bytes of what people write to each other, some words that are looked for, and no more";
const BAR = 1.3;

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "10" },
    json: { type: "string" },
    lock: { type: "string" },
  },
});

/** Milliseconds of each of `count` calls, one every EVERY_MS. */
async function paced(count, work) {
  const times = [];
  const begun = performance.now();
  for (let n = 0; n < count; n += 1) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, begun + n * EVERY_MS - performance.now())));
    const from = performance.now();
    await work(n);
    times.push(performance.now() - from);
  }
  return times;
}

function percentiles(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const of = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { p50: of(0.5), p99: of(0.99), mean: sorted.reduce((sum, time) => sum + time, 0) / sorted.length, count: sorted.length };
}

/** Sum and count of a histogram, in ms, of a page of metrics. */
function histogram(page, name, label) {
  const of = (what) => page.split("\n").filter((line) => line.startsWith(`${name}_${what}{`) && line.includes(label)).reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);
  return { sum: of("sum") * 1000, count: of("count") };
}

const PARTS = [
  ["event", "switchboard_event_duration_seconds", 'event="message:send"'],
  ["commit", "switchboard_store_duration_seconds", 'operation="commit"'],
];

async function look(admin) {
  const page = await (await fetch(`${admin}/metrics`)).text();
  return Object.fromEntries(PARTS.map(([part, name, label]) => [part, histogram(page, name, label)]));
}

/** Two people of one conversation, and the sender's call. */
async function conversation(url, secret) {
  const person = (name) => connect({ url, token: sign(secret, name, "acme"), transports: ["websocket"] });
  const [alice, bob] = [await person("alice"), await person("bob")];
  const { conversation: made } = await alice.ok("conversation:create", { kind: "direct", participantIds: ["bob"] });
  const send = (n) =>
    new Promise((resolve, reject) => {
      const payload = { conversationId: made.id, content: CONTENT, clientMessageId: `${n}` };
      alice.socket.emit("message:send", payload, (answer) => (answer.ok ? resolve() : reject(new Error(JSON.stringify(answer)))));
    });
  return { send, close: () => [alice, bob].forEach((one) => one.close()) };
}

/** The call that takes a token, as a node makes it. */
async function taker(redis) {
  const { text, sha } = script("take");
  const wire = await Wire.open(redis);
  const answered = () => new Promise((resolve) => wire.socket.once("data", resolve));
  wire.send("SCRIPT", "LOAD", text);
  await answered();
  return {
    take() {
      const answer = answered();
      wire.send("EVALSHA", sha, 1, "bench:{acme}:bucket:alice", 1_000_000, 60_000_000);
      return answer;
    },
    close: () => wire.close(),
  };
}

async function measure(servers, database, folder) {
  const secret = randomBytes(32).toString("hex");
  const server = await startSide("gateway", 1, { folder, logs: folder, secret, redis: servers.redis, database: database.url });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const redis = await taker(servers.redis);
  const talk = await conversation(server.urls[0], secret);
  try {
    await client.query(BARE_TABLE);
    const { id } = (await client.query("SELECT id FROM conversations")).rows[0];
    let sent = 0;
    const insert = () => client.query({ name: "insert", text: BARE_INSERT, values: bareValues(id, (sent += 1), CONTENT) });
    let said = 0;
    const send = () => talk.send((said += 1));
    const count = Math.round((Number(options.seconds) * 1000) / EVERY_MS);
    // Plans are made, and pages of the log are there.
    await paced(20, send);
    await paced(20, insert);
    const rounds = [];
    for (let round = 0; round < Number(options.rounds); round += 1) rounds.push(await alone(options.lock, () => oneRound({ server, send, insert, take: redis.take, database, id, folder, count })));
    return rounds;
  } finally {
    talk.close();
    redis.close();
    await client.end();
    await server.stop();
  }
}

async function oneRound({ server, send, insert, take, database, id, folder, count }) {
  await execute(database.url, "CHECKPOINT");
  const before = await look(server.admins[0]);
  const gateway = percentiles(await paced(count, send));
  const after = await look(server.admins[0]);
  const part = (name) => (after[name].sum - before[name].sum) / (after[name].count - before[name].count);
  const bare = percentiles(await paced(count, insert));
  const floor = hasPgbench() ? percentiles(await pgbench({ url: database.url, id, content: CONTENT, folder, count, perSecond: 1000 / EVERY_MS })) : undefined;
  const token = percentiles(await paced(count, take));
  return { gateway, bare, pgbench: floor, take: token, event: { mean: part("event") }, commit: { mean: part("commit") }, ratio: { p50: gateway.p50 / bare.p50 } };
}

/** The medians of the rounds. */
function summary(rounds) {
  const names = Object.keys(rounds[0]).filter((name) => rounds[0][name]);
  return Object.fromEntries(names.map((name) => [name, medians(rounds.map((round) => round[name]))]));
}

const WORDS = {
  gateway: "message:send, to its ack",
  bare: "bare insert and commit, node-postgres",
  pgbench: "bare insert and commit, pgbench",
  take: "token in Redis",
  event: "in the gateway: decoded to acked",
  commit: "in the gateway: its transaction",
};

function told({ figures, rounds, met }) {
  const cell = (value) => (value === undefined ? "–" : value.toFixed(2)).padStart(8);
  const lines = Object.entries(WORDS).filter(([name]) => figures[name]).map(([name, words]) => `${words.padEnd(40)}${["p50", "p99", "mean"].map((what) => cell(figures[name][what])).join("")}`);
  const each = rounds.map(({ ratio }) => ratio.p50.toFixed(2)).join(", ");
  return [`${"ms".padEnd(40)}${["p50", "p99", "mean"].map((word) => word.padStart(8)).join("")}`, ...lines, `ack p50 is ${figures.ratio.p50.toFixed(2)} times that of a bare commit (rounds: ${each}); asked: at most ${BAR}: ${met ? "met" : "missed"}`].join("\n");
}

const folder = mkdtempSync(join(tmpdir(), "switchboard-ack-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const servers = await startOwnServers();
try {
  const about = { date: new Date().toISOString(), machine: machine(), versions: await versions(servers), columns: BARE_COLUMNS };
  const database = await createDatabase(servers.postgres);
  const rounds = await measure(servers, database, folder);
  await database.drop();
  const figures = summary(rounds);
  const result = { ...about, figures, met: median(rounds.map(({ ratio }) => ratio.p50)) <= BAR, rounds };
  if (options.json) writeFileSync(options.json, `${JSON.stringify(result, null, 1)}\n`);
  console.log(told(result));
} finally {
  await servers.stop();
}
