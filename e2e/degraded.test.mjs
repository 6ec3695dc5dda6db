// Redis or PostgreSQL stands still: nodes go on with what they can, and come back by themselves.
import assert from "node:assert/strict";
import { after } from "node:test";
import { io } from "c4";
import { startStallable } from "./support/stall.mjs";
import { pause, send, stories } from "./support/story.mjs";

const STALL_MS = 10_000;
const SENDERS = 4;
const SENDS = 50;

const servers = {};
const through = async (url) => {
  const server = await startStallable(url);
  servers[new URL(url).protocol.replace(/:$/, "").replace(/ql$/, "")] = server;
  return server.url;
};
after(() => Object.values(servers).forEach((server) => server.stop()));

/** What a node says of its health. */
async function health(node) {
  return JSON.parse((await node.adminPage("/healthz")).body);
}

async function untilDegraded(nodes, degraded) {
  for (const node of nodes) {
    const patience = Date.now() + 20_000;
    while ((await health(node)).degraded !== degraded) {
      assert.ok(Date.now() < patience, `degraded should be ${degraded}`);
      await pause(50);
    }
  }
}

/** How often the log says so. */
const said = (node, text) => node.output.split(text).length - 1;

/** The value of a metric of a node. */
async function metric(node, name) {
  const { body } = await node.adminPage("/metrics");
  const line = body.split("\n").find((one) => one.startsWith(`${name} `));
  return Number(line?.split(" ")[1]);
}

/** What somebody was told of somebody, in order. */
const told = (client, userId) =>
  client
    .collected("presence:changed")
    .flatMap(({ changes }) => changes)
    .filter((change) => change.userId === userId)
    .map(({ status }) => status);

async function timed(call) {
  const begun = performance.now();
  const result = await call();
  return { result, took: performance.now() - begun };
}

stories("degraded", { mode: "cluster", timeout: 120_000, concurrency: 1, through }, (story) => {
  story("a stalled Redis delays nobody by a second, and is missed by nobody afterwards", async (scene) => {
    const { nodes } = scene.cluster;
    const names = Array.from({ length: SENDERS }, (_, n) => `s${n}`);
    const senders = await Promise.all(names.map((name) => scene.connect(name, { node: 0 })));
    const [far, near] = await Promise.all([
      scene.connect("far", { node: 1 }),
      scene.connect("near", { node: 0 }),
    ]);
    const group = await scene.group(senders[0], [...names.slice(1), "far", "near", "late"]);
    await Promise.all([...senders.slice(1), far, near].map((one) => one.next("conversation:created")));

    servers.redis.stall();
    const begun = Date.now();
    const pace = STALL_MS / SENDS;
    const talk = async (sender) => {
      const sent = [];
      for (let n = 0; n < SENDS; n += 1) {
        const { result, took } = await timed(() => send(sender, group.id, `${sender.user} ${n}`));
        sent.push({ id: result.id, took });
        await pause(Math.max(0, pace - took));
      }
      return sent;
    };
    const meanwhile = async () => {
      await untilDegraded(nodes, true);
      // Presence is this node's, and says so.
      const own = await near.ok("presence:user-status", { userId: scene.id("s0") });
      assert.deepEqual([own.presence.status, own.degraded], ["online", true]);
      const others = await near.ok("presence:user-status", { userId: scene.id("far") });
      assert.equal(others.degraded, true);
      const chosen = await senders[1].ok("presence:update", { status: "busy" });
      assert.deepEqual([chosen.presence.status, chosen.degraded], ["busy", true]);
      // So are rate limits: five in ten seconds.
      const typed = [];
      for (let n = 0; n < 8; n += 1) {
        typed.push(await near.call("message:typing", { conversationId: group.id, isTyping: true }));
      }
      assert.equal(typed.filter(({ ok }) => ok).length, 5);
      assert.ok(typed.filter(({ ok }) => !ok).every(({ error }) => error.code === "RATE_LIMITED"));
      await senders[0].next("message:typing", ({ isTyping }) => isTyping);
      // Connects go on.
      const { result: late, took } = await timed(() => scene.connect("late", { node: 0 }));
      console.log(`stalled Redis: a connect took ${took.toFixed(0)} ms`);
      await near.until(() => told(near, scene.id("late")).length, () => "late to be online here");
      await shown(nodes[0], "redis", "hub");
      return late;
    };
    const [late, ...sent] = await Promise.all([meanwhile(), ...senders.map(talk)]);
    await pause(Math.max(0, begun + STALL_MS - Date.now()));
    servers.redis.resume();

    const took = sent.flat().map((one) => one.took).sort((a, b) => a - b);
    assert.equal(took.length, SENDERS * SENDS);
    const p99 = took[Math.ceil(took.length * 0.99) - 1];
    console.log(`stalled Redis: p50 ${took[took.length / 2].toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, worst ${took.at(-1).toFixed(0)} ms`);
    assert.ok(p99 <= 1_000, `p99 ${p99} ms`);

    await untilDegraded(nodes, false);
    const ids = sent.flat().map(({ id }) => id).sort();
    const heard = (client) => client.collected("message:new").map(({ message }) => message.id).sort();
    for (const client of [near, far]) {
      await client.until(() => heard(client).length >= ids.length, () => `${ids.length} messages`, 20_000);
      assert.deepEqual(heard(client), ids);
    }
    // The other node's people hear what they missed, and nobody hears anything twice.
    await far.until(() => told(far, scene.id("late")).length, () => "late to be online there");
    await far.until(() => told(far, scene.id("s1")).includes("busy"), () => "s1 to be busy there");
    const asked = await far.ok("presence:user-status", { userId: scene.id("late") });
    assert.deepEqual(asked, { presence: asked.presence });
    assert.equal(asked.presence.status, "online");
    late.close();
    for (const client of [far, near]) {
      await client.until(() => told(client, scene.id("late")).includes("offline"), () => "late to go");
      assert.deepEqual(told(client, scene.id("late")), ["online", "offline"]);
      assert.deepEqual(told(client, scene.id("s1")).filter((status) => status === "busy"), ["busy"]);
    }
    assert.equal(await metric(nodes[0], "switchboard_degraded"), 0);
    const lines = ["degraded: going on without it", "no longer degraded: it answers again"];
    assert.deepEqual(lines.map((line) => said(nodes[0], line)), [1, 1]);
  });

  story("who is removed or added while Redis stands still is so on every node within 2 s", async (scene) => {
    const { nodes } = scene.cluster;
    const [alice, ...far] = await Promise.all([
      scene.connect("alice", { node: 0 }),
      ...["bob", "carol", "dan"].map((name) => scene.connect(name, { node: 1 })),
    ]);
    const [bob, carol, dan] = far;
    const { id: conversationId } = await scene.group(alice, ["bob", "carol"]);
    for (const client of [bob, carol]) await client.next("conversation:created");
    servers.redis.stall();
    try {
      await untilDegraded(nodes, true);
      const within = async (call, client, event) => {
        const { took } = await timed(async () => {
          await call();
          await client.next(event);
        });
        console.log(`stalled Redis: ${event} on the other node after ${took.toFixed(0)} ms`);
        assert.ok(took < 2_000, `${event} after ${took} ms`);
      };
      const remove = () => alice.ok("conversation:remove-member", { conversationId, userId: bob.user });
      await within(remove, bob, "conversation:member-removed");
      const add = () => alice.ok("conversation:add-members", { conversationId, userId: dan.user });
      await within(add, dan, "conversation:member-added");
      await send(alice, conversationId, "during");
      for (const client of [carol, dan]) await client.next("message:new");
    } finally {
      servers.redis.resume();
    }
    await untilDegraded(nodes, false);
    await send(alice, conversationId, "after");
    for (const client of [carol, dan]) await client.next("message:new");
    await pause(1_000);
    const names = ["message:new", "conversation:member-added", "conversation:member-removed"];
    const revs = (client) => client.collected(...names).map((data) => (data.message ?? data).rev);
    assert.deepEqual([bob, carol, dan].map(revs), [[2], [2, 3, 4, 5], [3, 4, 5]]);
  });

  story("a stalled PostgreSQL is UNAVAILABLE in time, then at once, and typing and presence go on", async (scene) => {
    const { nodes } = scene.cluster;
    const [alice, bob] = await Promise.all([scene.connect("alice", { node: 0 }), scene.connect("bob", { node: 1 })]);
    const group = await scene.group(alice, ["bob", "carol"]);
    await bob.next("conversation:created");
    const first = await send(alice, group.id, "before");

    servers.postgres.stall();
    const refusals = [
      ["message:send", { conversationId: group.id, content: "lost", clientMessageId: "lost-1" }],
      ["message:edit", { messageId: first.id, content: "lost" }],
      ["conversation:join", { conversationId: group.id }],
    ];
    for (const [event, payload] of refusals) {
      const { result, took } = await timed(() => alice.refused("UNAVAILABLE", event, payload));
      assert.ok(took < 2_000, `${event} took ${took} ms`);
      assert.ok(result.retryAfterMs > 0);
    }
    const waits = [];
    for (let n = 0; n < 20; n += 1) {
      const [event, payload] = refusals[n % refusals.length];
      waits.push((await timed(() => alice.refused("UNAVAILABLE", event, payload))).took);
    }
    waits.sort((a, b) => a - b);
    console.log(`open circuit: p50 ${waits[10].toFixed(1)} ms, worst ${waits.at(-1).toFixed(1)} ms`);
    assert.ok(waits[10] < 50, `${waits}`);

    await untilDegraded(nodes, true);
    await alice.ok("message:typing", { conversationId: group.id, isTyping: true });
    await bob.next("message:typing", ({ isTyping }) => isTyping);
    await alice.refused("UNAVAILABLE", "message:typing", { conversationId: "01890000-0000-7000-8000-000000000000", isTyping: true });
    await bob.ok("presence:update", { status: "busy" });
    await alice.until(() => told(alice, scene.id("bob")).includes("busy"), () => "bob to be busy");
    const { presence } = await alice.ok("presence:user-status", { userId: scene.id("bob") });
    assert.equal(presence.status, "busy");
    await shown(nodes[0], "postgres", "database");

    // A stock client comes in by itself when it can.
    const refused = [];
    const carol = io(scene.url(1), { auth: { token: scene.token("carol") }, reconnectionDelay: 100, reconnectionDelayMax: 500, forceNew: true });
    scene.keep(carol);
    carol.on("connect_error", (error) => refused.push(error.message));
    const ready = new Promise((resolve) => carol.once("session:ready", resolve));
    await pause(2_000);
    assert.equal(carol.connected, false);

    servers.postgres.resume();
    await untilDegraded(nodes, false);
    const session = await ready;
    assert.deepEqual(session.rooms, [group.id]);
    assert.ok(!refused.includes("UNAVAILABLE"), `${refused}`);
    // The same again: once, whether or not the database went through with it.
    const again = await send(alice, group.id, "lost", { clientMessageId: "lost-1" });
    const more = await send(alice, group.id, "after");
    const { messages } = await alice.ok("message:history", { conversationId: group.id });
    assert.deepEqual(messages.map(({ id }) => id), [first.id, again.id, more.id]);
    await bob.until(() => bob.collected("message:new").length === 3, () => "three messages");
    assert.equal(told(alice, scene.id("bob")).filter((status) => status === "busy").length, 1);
  });
});

/** What a degraded node shows to operators. */
async function shown(node, kind, name) {
  const report = await health(node);
  const dependency = report.dependencies.find((one) => one.name === name);
  assert.equal(report.degraded, true);
  assert.equal(dependency.ok, false);
  assert.notEqual(dependency.circuit, "closed");
  assert.ok(Date.now() - Date.parse(dependency.since) < 30_000, dependency.since);
  assert.ok(dependency.why.length > 0);
  assert.equal((await node.adminPage("/readyz")).status, 200);
  assert.equal(await metric(node, "switchboard_degraded"), 1);
  assert.equal(await metric(node, `switchboard_${kind}_up`), 0);
  assert.ok((await metric(node, `switchboard_circuit_state{dependency="${kind}"}`)) >= 1);
}
