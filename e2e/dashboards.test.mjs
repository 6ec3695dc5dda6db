// What operators are given, as it is: nginx, Prometheus, and the dashboards' queries.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually, watched } from "./support/alerts.mjs";
import { startNginx } from "./support/nginx.mjs";
import { send, stories } from "./support/story.mjs";

const DASHBOARDS = new URL("../helm/switchboard/files/dashboards/", import.meta.url);

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
});
