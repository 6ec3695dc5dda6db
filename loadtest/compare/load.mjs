// One run of `switchboard-load` against servers that were started for it.
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { start } from "../../e2e/support/process.mjs";
import { figuresOf, tooMuch } from "./figures.mjs";
import { toml } from "./plan.mjs";
import { Watch } from "./processes.mjs";

export const LOAD =
  process.env.SWITCHBOARD_LOAD_BIN ?? fileURLToPath(new URL("../../target/release/switchboard-load", import.meta.url));
const SCENARIOS = fileURLToPath(new URL("../scenarios/", import.meta.url));

/** Scenarios that search for nothing are measured whatever their latency is. */
const KINDS_WITH_A_LIMIT = ["chat", "fanout"];

/** What the options of a run are, without those that say where it is. */
export function settingsOf(keys) {
  return Object.entries(keys).flatMap(([key, value]) => ["--set", `${key}=${toml(value)}`]);
}

/**
 * Puts the load on, and says what came of it.
 * @param file   the scenario's
 * @param server `{urls, pids}`
 * @param at     `{folder, secretFile, databases}`; `databases` are processes by name
 * @returns `{held, why, figures, report, window}`, the last one as two moments of `performance.now()`; without `report` nothing could be measured
 */
export async function putLoad(file, keys, server, { folder, secretFile, databases }) {
  const json = join(folder, "load.json");
  rmSync(json, { force: true });
  const where = ["--url", server.urls.join(), "--secret-file", secretFile, "--pid", server.pids.join(), "--json", json];
  const watch = new Watch(databases);
  const begun = performance.now();
  const ran = await drive([join(SCENARIOS, file), ...where, ...settingsOf(keys)]);
  watch.stop();
  // 1 and 3 are verdicts on the server; the latter may come before there is a report.
  if (![0, 1, 3].includes(ran.code)) throw new Error(`switchboard-load ended with ${ran.code}: ${ran.said}`);
  const report = read(json);
  if (!report) return { held: false, why: ran.said.trim().split("\n").at(-1) };
  const why = KINDS_WITH_A_LIMIT.includes(report.scenario.kind) ? tooMuch(report) : incomplete(report);
  const measured = window(report, begun, ran.sending);
  const figures = { ...figuresOf(report, watch.between(...measured)), coresOfOthers: watch.coresOfOthers() };
  return { held: why === undefined, why, figures, report, window: measured };
}

async function drive(args) {
  const child = start(LOAD, args, { stdio: ["ignore", "ignore", "pipe"] });
  const ran = { said: "", sending: undefined };
  child.stderr.setEncoding("utf8").on("data", (text) => {
    ran.said = (ran.said + text).slice(-4096);
    const sent = text.match(/ sent (\d+)/);
    if (sent) ran.sending ??= { sent: Number(sent[1]), at: performance.now() };
  });
  const [code, signal] = await once(child, "close");
  return { ...ran, code: code ?? signal };
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

function incomplete({ complete, connections: { ready, asked, failed, ended } }) {
  const reasons = Object.entries({ ...failed, ...ended }).map(([reason, count]) => `${reason} (${count})`);
  return complete ? undefined : `${ready} of ${asked} got in; failed or ended: ${reasons.join(", ")}`;
}

/**
 * When the tool measured. It does not tell, but its progress says how much was sent by then, at a rate that is known.
 * Of others it is the whole run. Durations in reports are text, in milliseconds.
 */
function window(report, begun, sending) {
  const { pace, warmup } = report.scenario;
  if (!sending || !pace?.open || warmup === undefined) return [begun, performance.now()];
  const from = sending.at - (sending.sent / pace.open) * 1000 + Number.parseFloat(warmup);
  return [from, from + report.measuredSeconds * 1000];
}
