// Stories that Prometheus watches: which alerts fire, and which do not any more.
import assert from "node:assert/strict";
import { join } from "node:path";
import { startPrometheus } from "./prometheus.mjs";
import { pause } from "./story.mjs";

const PATIENCE_MS = 80_000;

/** Waits until `check` finds nothing missing. */
export async function eventually(check) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const missing = await check();
    if (missing.length === 0) return;
    assert.ok(Date.now() < end, missing.join("\n"));
    await pause(250);
  }
}

/** Waits until all of these alerts fire, whatever else does; resolves to them. `scripts/rules.sh` finds every alert in such a call. */
export async function fires(prometheus, ...names) {
  await eventually(async () => {
    const firing = await prometheus.firing();
    return names.filter((name) => !firing.includes(name)).map((name) => `${name} does not fire, but: ${firing}`);
  });
  return names;
}

/** Waits until none of these alerts fires. */
export const silent = (prometheus, ...names) =>
  eventually(async () => (await prometheus.firing()).filter((name) => names.includes(name)));

/** Does something over and over while something else goes on. */
export async function during(does, meanwhile, { every = 0 } = {}) {
  let isOver = false;
  const doing = async () => {
    while (!isOver) {
      await does();
      await pause(every);
    }
  };
  const [result] = await Promise.all([meanwhile().finally(() => (isOver = true)), doing()]);
  return result;
}

/** Tells a story that Prometheus watches, once it has seen all of `nodes`. */
export async function watched(scene, nodes, tell, options) {
  const prometheus = await startPrometheus(join(scene.cluster.folder, `prometheus-${scene.org}`), nodes, options);
  try {
    await eventually(async () => ((await prometheus.query("up == 1")).length === nodes.length ? [] : ["not all nodes are up"]));
    await tell(prometheus);
  } finally {
    await prometheus.stop();
  }
}
