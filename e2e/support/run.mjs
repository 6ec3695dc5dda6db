// `npm test`: every file of tests, against a cluster and against the embedded default, on one Redis and one PostgreSQL.
//
// Tests wait most of the time, so several files run at once, each with nodes, a database and keys of its own. It only
// chooses files and sets variables; each file also runs by itself with `node --test FILE`.
//
// SWITCHBOARD_E2E_AT_ONCE says how many files run at a time.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Cluster } from "./cluster.mjs";
import { startServers } from "./servers.mjs";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));
const AT_ONCE = Number(process.env.SWITCHBOARD_E2E_AT_ONCE ?? availableParallelism());

/** About clusters alone, or about neither. */
const ONCE = ["kill-node", "forwarding", "degraded", "chaos", "unpublished", "documents", "dashboards", "alerts", "doctor", "tls", "traces", "haproxy", "upgrade"];

/** These judge how soon a node answers while something is broken: they run after all others, and wait most of the time. */
const QUIET = ["chaos", "degraded"];

/** These wait most of the time, a minute and more: they run beside the others, one after the other. */
const WAITING = ["dashboards", "alerts", "kill-node"];

/** What takes longest is begun first, so that it is not what is waited for in the end. */
const LONGEST = ["playground", "payloads", "contract/every-event", "presence", "contract/presence"];

const running = new Set();
// Told to end and not killed, so that each ends what it has started.
process.on("exit", () => running.forEach((child) => child.kill("SIGTERM")));

/** Every file of tests in a folder, without its ending. */
async function filesIn(folder) {
  const names = await readdir(FOLDER + folder);
  return names.filter((name) => name.endsWith(".test.mjs")).sort().map((name) => folder + name.replace(/\.test\.mjs$/, ""));
}

/** What there is to do: `{file, mode}`, without a mode where none matters. */
async function jobs() {
  const [doors, others] = [[...(await filesIn("contract/")), ...(await filesIn(""))], await filesIn("runtime/")];
  const modes = (file) => (file === "playground" ? [undefined] : ONCE.includes(file) ? ["cluster"] : ["cluster", "embedded"]);
  const all = doors.flatMap((file) => modes(file).map((mode) => ({ file, mode })));
  const rank = ({ file }) => (LONGEST.includes(file) ? LONGEST.indexOf(file) : LONGEST.length);
  return [...all, ...others.map((file) => ({ file }))].sort((one, other) => rank(one) - rank(other));
}

/** Runs one file, and then prints what it said; true if all of it passed. */
async function passes({ file, mode }, env) {
  const begun = Date.now();
  const own = mode && { SWITCHBOARD_E2E_MODE: mode };
  const options = { cwd: FOLDER, env: { ...process.env, ...env, ...own }, stdio: ["ignore", "pipe", "pipe"] };
  const child = spawn(process.execPath, ["--test-reporter=spec", `${file}.test.mjs`], options);
  running.add(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  const [code] = await once(child, "close");
  running.delete(child);
  const how = `${code === 0 ? "passed" : "FAILED"} in ${Math.round((Date.now() - begun) / 1000)} s`;
  console.log(`\n--- ${[file, mode].filter(Boolean).join(", ")}: ${how}\n${said.trimEnd()}`);
  return code === 0;
}

/** Does `all`, so many at a time; resolves to those that failed. */
async function inLanes(count, all, does) {
  const [left, failed] = [[...all], []];
  const lane = async () => {
    for (let job = left.shift(); job; job = left.shift()) if (!(await does(job))) failed.push(job);
  };
  await Promise.all(Array.from({ length: count }, lane));
  return failed;
}

const servers = await startServers();
const playground = process.env.SWITCHBOARD_E2E_URL ? undefined : await Cluster.start("playground", { mode: "embedded" });
const failed = [];
try {
  const env = { ...servers.env, ...(playground && { SWITCHBOARD_E2E_URL: playground.nodes[0].url }) };
  const all = await jobs();
  const does = (job) => passes(job, env);
  const named = (names) => all.filter(({ file }) => names.includes(file));
  const others = all.filter(({ file }) => ![...QUIET, ...WAITING].includes(file));
  const beside = await Promise.all([inLanes(AT_ONCE, others, does), inLanes(1, named(WAITING), does)]);
  failed.push(...beside.flat(), ...(await inLanes(QUIET.length, named(QUIET), does)));
  if (playground) playground.failed = failed.some(({ file }) => file === "playground");
} finally {
  await playground?.stop();
  await servers.stop();
}
const names = failed.map(({ file, mode }) => [file, mode].filter(Boolean).join(", "));
console.log(names.length ? `\nend to end: FAILED: ${names.join("; ")}` : "\nend to end: everything passed");
process.exitCode = names.length ? 1 : 0;
