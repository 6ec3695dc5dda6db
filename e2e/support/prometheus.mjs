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
 * Starts it; `{query, firing, stop}`. Alerts that wait for minutes wait for a second.
 * It keeps everything below `folder`.
 */
export async function startPrometheus(folder, nodes) {
  await mkdir(folder, { recursive: true });
  const [file, rules] = [join(folder, "prometheus.yaml"), join(folder, "rules.yaml")];
  await writeFile(rules, (await readFile(RULES, "utf8")).replaceAll(/for: \d+[mh]/g, "for: 1s"));
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

  /** The names of the alerts that fire. */
  async function firing() {
    const series = await query('ALERTS{alertstate="firing"}');
    return [...new Set(series.map(({ metric }) => metric.alertname))].sort();
  }

  return { query, firing, stop };
}
