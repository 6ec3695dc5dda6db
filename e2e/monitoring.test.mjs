// What operators see of the cluster, and what they do not see of other organizations.
import assert from "node:assert/strict";
import { MODE } from "./support/cluster.mjs";
import { pause, send, stories } from "./support/story.mjs";

const ALL = ["monitoring:metrics", "monitoring:events", "monitoring:stats", "monitoring:health"];
const operator = { claims: { roles: ["operator"] } };

/** Asks until the answer is as it should be: nodes tell their figures every 4 s. */
async function eventually(ask, isGood) {
  const end = Date.now() + 20_000;
  for (;;) {
    const answer = await ask();
    if (isGood(answer)) return answer;
    assert.ok(Date.now() < end, JSON.stringify(answer));
    await pause(250);
  }
}

stories("monitoring", { concurrency: 8, env: { SWITCHBOARD__LIMITS__CONNECTIONS_PER_USER: "3" } }, (story) => {
  story("only operators may look", async (scene) => {
    const alice = await scene.connect("alice", { claims: { roles: ["service", "operators"] } });
    for (const event of ALL) await alice.refused("FORBIDDEN", event, {});
    const olga = await scene.connect("olga", operator);
    for (const event of ALL) await olga.ok(event, {});
  });

  story("figures are of the whole cluster", async (scene) => {
    const olga = await scene.connect("olga", operator);
    const { alice, conversationId } = await scene.aliceAndBob();
    for (let n = 0; n < 5; n++) await send(alice, conversationId, `message ${n}`);
    const nodes = MODE === "cluster" ? ["one", "two"] : ["one"];
    const isWhole = (answer) => {
      const { totals } = answer;
      const is = answer.nodes.length === nodes.length && totals.connections >= 3 && totals.users >= 3;
      return is && totals.messagesTotal >= 5 && totals.eventsPerSecond > 0 && totals.openFiles > 0;
    };
    const answer = await eventually(() => olga.ok("monitoring:metrics", {}), isWhole);
    assert.deepEqual(answer.nodes.map(({ nodeId }) => nodeId), nodes);
    const sum = answer.nodes.reduce((sum, { figures }) => sum + figures.connections, 0);
    assert.equal(answer.totals.connections, sum);
    for (const { figures } of answer.nodes) assert.ok(figures.memoryBytes > 0 && figures.maxFiles > 0);
  });

  story("what happened to connections is told of the own organization alone", async (scene) => {
    const [olga, foreigner] = await Promise.all([
      scene.connect("olga", operator),
      scene.connect("olga", { ...operator, org: `${scene.org}-other` }),
    ]);
    const bob = await scene.connect("bob", { node: 1, transports: ["polling"], address: "127.0.0.9" });
    bob.close();
    for (let n = 0; n < 3; n++) await scene.connect("carol");
    await assert.rejects(scene.connect("carol"), { message: "FORBIDDEN" });
    const ask = (call = {}) => olga.ok("monitoring:events", call);
    const of = ({ events }, user, type) => events.filter((one) => one.userId === scene.id(user) && one.type === type);
    const isWhole = (answer) => of(answer, "bob", "disconnected").length > 0 && of(answer, "carol", "refused").length > 0;
    const all = await eventually(ask, isWhole);
    const [connected] = of(all, "bob", "connected");
    assert.equal(connected.address, "127.0.0.9");
    assert.equal(connected.userAgent, "Node.js");
    assert.equal(connected.nodeId, MODE === "cluster" ? "two" : "one");
    assert.equal(of(all, "bob", "disconnected")[0].reason, "client namespace disconnect");
    assert.equal(of(all, "carol", "refused")[0].reason, "FORBIDDEN");
    assert.equal(of(all, "carol", "connected").length, 3);
    const { events: refused } = await ask({ type: "refused" });
    assert.deepEqual(refused.map(({ userId }) => userId), [scene.id("carol")]);
    const { events: newest } = await ask({ limit: 2 });
    assert.equal(newest.length, 2);
    assert.ok(newest[0].at >= newest[1].at);
    const { events: elsewhere } = await foreigner.ok("monitoring:events", {});
    assert.deepEqual([...new Set(elsewhere.map(({ userId }) => userId))], [foreigner.user]);
    await olga.refused("VALIDATION_FAILED", "monitoring:events", { type: "no such" });
    await olga.refused("VALIDATION_FAILED", "monitoring:events", { limit: 101 });
  });

  story("connections are counted by address and kind of program", async (scene) => {
    const olga = await scene.connect("olga", operator);
    await scene.connect("bob", { node: 1, transports: ["polling"], address: "127.0.0.11" });
    const { byAddress, byUserAgent, events, since } = await eventually(
      () => olga.ok("monitoring:stats", {}),
      (answer) => answer.byAddress.length === 2,
    );
    const expected = { name: "127.0.0.11", connected: 1, disconnected: 0, refused: 0 };
    assert.deepEqual(byAddress.find(({ name }) => name === "127.0.0.11"), expected);
    assert.ok(byUserAgent.some(({ name }) => name === "Node.js"), JSON.stringify(byUserAgent));
    assert.equal(events, 2);
    assert.ok(Date.parse(since) > Date.now() - 60_000);
    const foreigner = await scene.connect("olga", { ...operator, org: `${scene.org}-other` });
    const theirs = await foreigner.ok("monitoring:stats", {});
    assert.ok(!theirs.byAddress.some(({ name }) => name === "127.0.0.11"));
  });
});

stories("monitoring of trouble", { env: { SWITCHBOARD__RATE_LIMITS__EVENTS: '{"presence:stats":"5/1h"}' } }, (story) => {
  story("health says what is wrong and which setting to look at", async (scene) => {
    const olga = await scene.connect("olga", operator);
    const calm = await olga.ok("monitoring:health", {});
    assert.equal(calm.status, "ok", JSON.stringify(calm));
    assert.deepEqual(calm.recommendations, []);
    const bob = await scene.connect("bob");
    for (let n = 0; n < 40; n++) await bob.call("presence:stats", {});
    const isWorse = ({ status }) => status === "warning";
    const { recommendations, nodes } = await eventually(() => olga.ok("monitoring:health", {}), isWorse);
    assert.equal(nodes, MODE === "cluster" ? 2 : 1);
    const found = recommendations.map(({ nodeId, setting }) => [nodeId, setting]);
    assert.deepEqual(found, [["one", "rate_limits.preset"]]);
  });
});
