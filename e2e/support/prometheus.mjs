// A Prometheus that looks at nodes of a test, with the configuration and rules that operators are given.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, start } from "./process.mjs";
import { pause } from "./story.mjs";

const SHIPPED = new URL("../../deploy/compose/prometheus.yaml", import.meta.url);
const RULES = new URL("../../helm/switchboard/files/rules.yaml", import.meta.url);
const READY_WITHIN_MS = 30_000;

/** The shipped configuration, that asks `nodes` every second. */
async function configuration(rules, nodes) {
  const text = await readFile(SHIPPED, "utf8");
  const targets = nodes.map((node) => `"127.0.0.1:${node.adminPort}"`).join(", ");
  const own = text
    .replace(/targets: \[gateway-1.*\]/, `targets: [${targets}]`)
    .replaceAll(/: 15s/g, ": 1s")
    .replace("/etc/prometheus/rules.yaml", rules);
  assert.ok(own.includes(targets) && own.includes(rules), own);
  return own;
}

/**
 * The shipped rules. Alerts that wait for minutes wait for a second, and all windows are `hurry` times shorter, so that
 * something ends as well in a test. What is compared with what stays as it is.
 */
async function hurriedRules(hurry) {
  const seconds = (count, unit) => (Number(count) * (unit === "h" ? 3600 : 60)) / hurry;
  const shipped = await readFile(RULES, "utf8");
  return shipped
    .replaceAll(/for: \d+[mh]/g, "for: 1s")
    .replaceAll(/\[(\d+)([mh])\]/g, (_, count, unit) => `[${seconds(count, unit)}s]`);
}

/**
 * Starts it; `{query, firing, fired, stop}`. It keeps everything below `folder`.
 * @param hurry how many times shorter than in the shipped rules the windows are
 */
export async function startPrometheus(folder, nodes, { hurry = 1 } = {}) {
  await mkdir(folder, { recursive: true });
  const [file, rules] = [join(folder, "prometheus.yaml"), join(folder, "rules.yaml")];
  await writeFile(rules, await hurriedRules(hurry));
  await writeFile(file, await configuration(rules, nodes));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const options = [`--config.file=${file}`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=127.0.0.1:${port}`];
  const child = start("prometheus", [...options, "--log.level=error"], { stdio: ["ignore", "inherit", "inherit"] });
  const ended = once(child, "exit");
  ended.catch(() => undefined);
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
  };
  const until = Date.now() + READY_WITHIN_MS;
  while (!(await fetch(`${url}/-/ready`).catch(() => undefined))?.ok) {
    if (child.exitCode !== null || Date.now() > until) throw new Error("prometheus did not start");
    await pause(50);
  }

  /** The series of an expression; throws for one that Prometheus does not take. */
  async function query(expression) {
    const answer = await (await fetch(`${url}/api/v1/query`, { method: "POST", body: new URLSearchParams({ query: expression }) })).json();
    assert.equal(answer.status, "success", `${expression}: ${answer.error}`);
    return answer.data.result;
  }

  const names = async (expression) => [...new Set((await query(expression)).map(({ metric }) => metric.alertname))].sort();
  /** The names of the alerts that fire. */
  const firing = () => names('ALERTS{alertstate="firing"}');
  /** The names of those that fired at any time in the last seconds. */
  const fired = (seconds) => names(`last_over_time(ALERTS{alertstate="firing"}[${seconds}s])`);

  return { query, firing, fired, stop };
}
