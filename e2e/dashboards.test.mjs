// What operators are given, as it is: nginx, Prometheus with its rules, and the dashboards' queries.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { startNginx } from "./support/nginx.mjs";
import { startPrometheus } from "./support/prometheus.mjs";
import { startStallable } from "./support/stall.mjs";
import { pause, send, stories } from "./support/story.mjs";

const DASHBOARDS = new URL("../helm/switchboard/files/dashboards/", import.meta.url);
const PATIENCE_MS = 40_000;

/** Every query of every dashboard: `{name, expression, mayBeEmpty}`. */
async function queries(instance) {
  const files = await readdir(DASHBOARDS);
  const boards = await Promise.all(files.map(async (file) => JSON.parse(await readFile(new URL(file, DASHBOARDS), "utf8"))));
  return boards.flatMap(({ title, panels }) =>
    panels.flatMap((panel) =>
      (panel.targets ?? []).map(({ expr, refId }) => ({
        name: `${title}: ${panel.title} ${refId}`,
        expression: expr.replaceAll("$job", "switchboard").replaceAll("$node", instance).replaceAll("$__rate_interval", "1m"),
        mayBeEmpty: panel.fieldConfig.defaults.noValue === "none",
      })),
    ),
  );
}

async function eventually(check) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const missing = await check();
    if (missing.length === 0) return;
    assert.ok(Date.now() < end, missing.join("\n"));
    await pause(500);
  }
}

/** Waits until all of these alerts fire, and whatever else. */
const fires = (prometheus, ...names) =>
  eventually(async () => {
    const firing = await prometheus.firing();
    return names.filter((name) => !firing.includes(name)).map((name) => `${name} does not fire, but: ${firing}`);
  });

const silent = (prometheus, ...names) =>
  eventually(async () => (await prometheus.firing()).filter((name) => names.includes(name)));

/** Tells a story that Prometheus watches. */
async function watched(scene, nodes, tell) {
  const prometheus = await startPrometheus(join(scene.cluster.folder, `prometheus-${scene.org}`), nodes);
  try {
    await tell(prometheus);
  } finally {
    await prometheus.stop();
  }
}

stories("dashboards", { mode: "cluster", timeout: 120_000, concurrency: 1 }, (story) => {
  story("every panel has data when people talk through nginx, across nodes", async (scene) => {
    const { nodes } = scene.cluster;
    const nginx = await startNginx(join(scene.cluster.folder, "nginx"), nodes);
    try {
      await watched(scene, nodes, async (prometheus) => {
        const people = await Promise.all(["alice", "bob", "carol", "dave"].map((name) => scene.connect(name, { url: nginx.url })));
        const group = await scene.group(people[0], ["bob", "carol", "dave"]);
        for (const person of people.slice(1)) await person.next("conversation:created");
        const panels = await queries(`127.0.0.1:${nodes[0].adminPort}`);
        let turn = 0;
        await eventually(async () => {
          for (let n = 0; n < 4; n += 1) await send(people[n], group.id, `message ${turn} of ${n}`);
          for (const node of [0, 1]) (await scene.connect(`guest-${turn}`, { node })).close();
          turn += 1;
          const asked = await Promise.all(panels.map(async (panel) => ({ ...panel, found: await prometheus.query(panel.expression) })));
          return asked.filter(({ found, mayBeEmpty }) => found.length === 0 && !mayBeEmpty).map(({ name }) => `${name}: no data`);
        });
        for (const person of people) await person.until(() => person.collected("message:new").length >= 3 * turn, () => "all messages");
        await eventually(() => prometheus.firing());
      });
    } finally {
      scene.end();
      await nginx.stop();
    }
  });

  story("a node that is killed is missed", async (scene) => {
    const doomed = await scene.cluster.startNode("doomed-dashboards");
    await watched(scene, [scene.cluster.nodes[0], doomed], async (prometheus) => {
      await eventually(async () => ((await prometheus.query("up == 1")).length === 2 ? [] : ["two nodes are not up"]));
      await doomed.kill();
      await fires(prometheus, "SwitchboardNodeDown");
      assert.ok(!(await prometheus.firing()).includes("SwitchboardAllNodesDown"));
    });
  });
});

const stalled = {};
const through = async (url) => {
  const server = await startStallable(url);
  stalled[new URL(url).protocol.replace(/:$/, "").replace(/ql$/, "")] = server;
  return server.url;
};

stories("alerts", { mode: "cluster", timeout: 120_000, concurrency: 1, through }, (story) => {
  story("Redis and PostgreSQL that stand still are told of, and nothing is when they go on", async (scene) => {
    const { nodes } = scene.cluster;
    try {
      await watched(scene, nodes, async (prometheus) => {
        await eventually(async () => ((await prometheus.query("switchboard_degraded == 0")).length === 2 ? [] : ["nodes are not well"]));
        await eventually(() => prometheus.firing());
        for (const [server, alert] of [["redis", "SwitchboardRedisDown"], ["postgres", "SwitchboardPostgresDown"]]) {
          stalled[server].stall();
          await fires(prometheus, alert);
          stalled[server].resume();
          await silent(prometheus, alert);
        }
      });
    } finally {
      for (const server of Object.values(stalled)) server.stop();
    }
  });
});
