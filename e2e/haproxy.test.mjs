// The HAProxy configuration that operators are given, as it is: round robin without stickiness, and a node that drains.
import assert from "node:assert/strict";
import { join } from "node:path";
import { startHaproxy } from "./support/haproxy.mjs";
import { hears, pause, send, stories } from "./support/story.mjs";

const PATIENCE_MS = 20_000;

async function eventually(what, look) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await look())) {
    assert.ok(Date.now() < end, what);
    await pause(50);
  }
}

async function behindHaproxy(scene, nodes, tell) {
  const haproxy = await startHaproxy(join(scene.cluster.folder, `haproxy-${scene.org}`), nodes);
  try {
    await tell(haproxy);
  } finally {
    await haproxy.stop();
  }
}

const nodeOf = (person) => person.collected("session:ready").at(-1).nodeId;
const transport = (person) => person.socket.io.engine.transport.name;

stories("haproxy", { mode: "cluster", timeout: 120_000, concurrency: 1 }, (story) => {
  story("stock clients talk across the nodes, upgraded or by polling alone", async (scene) => {
    await behindHaproxy(scene, scene.cluster.nodes, async ({ url, log }) => {
      const kinds = ["c2", "c3", "c4"].flatMap((client) => [{ client }, { client, transports: ["polling"] }]);
      const people = await Promise.all(kinds.map((kind, n) => scene.connect(`p${n}`, { url, ...kind })));
      assert.deepEqual([...new Set(people.map(nodeOf))].sort(), ["one", "two"]);
      for (const [n, person] of people.entries()) {
        const expected = kinds[n].transports ? "polling" : "websocket";
        await eventually(`p${n} to use ${expected}`, () => transport(person) === expected);
      }
      const group = await scene.group(people[0], people.slice(1).map((_, n) => `p${n + 1}`));
      await Promise.all(people.slice(1).map((person) => person.next("conversation:created")));
      for (const [n, speaker] of people.entries()) {
        await send(speaker, group.id, `from p${n}`);
        await Promise.all(people.filter((person) => person !== speaker).map((person) => hears(person, `from p${n}`)));
      }
      assert.ok(people.every(({ disconnected }) => disconnected === undefined));
      for (const person of people) person.close();
      // It is written when it ends.
      await eventually("the WebSockets in its log", () => /GET \/socket\.io\/ 101 /.test(log()));
      assert.doesNotMatch(log(), /token|EIO=/, "its log has no queries");
    });
  });

  story("a node that drains gets no new clients, and those that it has come back at the other", async (scene) => {
    const { cluster } = scene;
    const leaving = await cluster.startNode("leaving-haproxy", { SWITCHBOARD__SHUTDOWN__DRAIN: "8s" });
    try {
      await behindHaproxy(scene, [cluster.nodes[0], leaving], async ({ url, log }) => {
        const options = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 300 };
        const people = await Promise.all([0, 1, 2, 3].map((n) => scene.connect(`p${n}`, { url, options })));
        assert.ok(people.some((person) => nodeOf(person) === "leaving-haproxy"));
        leaving.signal("SIGTERM");
        await eventually("HAProxy to take it for down", () => /gateway-2 is DOWN/.test(log()));
        assert.ok(leaving.isRunning, "while it drains, and not because it has ended");
        for (const n of [4, 5, 6, 7]) assert.equal(nodeOf(await scene.connect(`p${n}`, { url })), "one");
        assert.equal((await leaving.ended).code, 0);
        await eventually("everybody at the other node", () => people.every((person) => person.disconnected === undefined && nodeOf(person) === "one"));
      });
    } finally {
      await leaving.kill();
    }
  });
});
