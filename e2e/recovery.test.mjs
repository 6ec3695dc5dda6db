// Connection state recovery with stock clients: after a short absence, on whichever node, the same
// socket id and exactly what was missed.
import assert from "node:assert/strict";
import { startForwarder } from "./support/forwarder.mjs";
import { MODE } from "./support/cluster.mjs";
import { hears, pause, send, stories } from "./support/story.mjs";

const AGAIN = { reconnection: true, reconnectionDelay: 30, reconnectionDelayMax: 100 };

/** Somebody behind a balancer that leads to `node` until it is told otherwise. */
async function behindBalancer(scene, name, node, more = {}) {
  const balancer = await startForwarder(scene.cluster.nodes[node].port);
  scene.keep({ close: balancer.stop });
  const client = await scene.connect(name, { url: balancer.url, options: AGAIN, transports: ["websocket"], ...more });
  return { balancer, client };
}

/** Breaks the connection, lets `meanwhile` happen, and lets the client come back at `node`. */
async function away(scene, { balancer, client }, node, meanwhile) {
  const before = client.socket.id;
  balancer.target = 1;
  client.drop();
  await meanwhile();
  const ready = nextOf(client, "session:ready");
  balancer.target = scene.cluster.nodes[node].port;
  const session = await ready;
  return { session, recovered: client.socket.recovered, sameId: client.socket.id === before };
}

/** The data of the next event of this name, although the client is not connected. */
function nextOf(client, event) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no ${event}`)), 15_000);
    client.socket.once(event, (data) => {
      clearTimeout(late);
      resolve(data);
    });
  });
}

const revs = (client) => client.collected("message:new").map(({ message }) => message.rev);
const OTHER = MODE === "cluster" ? 1 : 0;

stories("recovery", {}, (story) => {
  for (const transports of [["websocket"], ["polling"]]) {
    story(`over ${transports}: who was away for a moment gets what was missed, once, in order, and the same id`, async (scene) => {
      const bob = await behindBalancer(scene, "bob", 0, { transports });
      const alice = await scene.connect("alice", { node: OTHER });
      const { id: conversationId } = await scene.group(alice, ["bob"]);
      await bob.client.next("conversation:created");
      await send(alice, conversationId, "before");
      await hears(bob.client, "before");
      const came = await away(scene, bob, OTHER, async () => {
        for (let n = 0; n < 20; n += 1) await send(alice, conversationId, `missed ${n}`);
        await alice.ok("message:read", { conversationId, upToSeq: 3 });
      });
      assert.deepEqual([came.recovered, came.sameId], [true, true]);
      assert.deepEqual([came.session.recovered, came.session.recoveryFailure], [true, null]);
      assert.deepEqual(came.session.rooms, [conversationId]);
      await send(alice, conversationId, "after");
      await hears(bob.client, "after");
      assert.deepEqual(revs(bob.client), Array.from({ length: 22 }, (_, n) => n + 2));
      assert.equal(bob.client.collected("message:read").length, 1);
    });
  }

  story("who was away is told how much is unread of what was missed", async (scene) => {
    const bob = await behindBalancer(scene, "bob", 0);
    const alice = await scene.connect("alice", { node: OTHER });
    const { id: conversationId } = await scene.group(alice, ["bob"]);
    await bob.client.next("conversation:created");
    const came = await away(scene, bob, OTHER, async () => {
      await send(alice, conversationId, "one");
      await send(alice, conversationId, "two");
      // Whoever was there has been told by then.
      await pause(1_000);
    });
    assert.deepEqual([came.recovered, came.session.unread.total], [true, 2]);
    assert.deepEqual(await bob.client.next("unread:count"), { conversationId, unreadCount: 2, total: 2 });
  });

  story("own messages do not come back, and a conversation that began meanwhile does", async (scene) => {
    const bob = await behindBalancer(scene, "bob", 0);
    const alice = await scene.connect("alice", { node: OTHER });
    const { id: old } = await scene.group(alice, ["bob"]);
    await bob.client.next("conversation:created");
    await send(bob.client, old, "own");
    await send(alice, old, "other");
    await hears(bob.client, "other");
    await send(bob.client, old, "own too");
    let begun;
    const came = await away(scene, bob, OTHER, async () => {
      begun = (await scene.group(alice, ["bob"])).id;
      await send(alice, begun, "welcome");
    });
    assert.equal(came.recovered, true);
    await hears(bob.client, "welcome");
    await send(alice, begun, "live");
    await hears(bob.client, "live");
    const heard = bob.client.collected("message:new").map(({ message }) => message.content);
    assert.deepEqual(heard, ["other", "welcome", "live"]);
    assert.equal(bob.client.collected("conversation:created").length, 2);
  });

  story("what was left stays left, and what was joined stays joined", async (scene) => {
    const bob = await behindBalancer(scene, "bob", 0);
    const alice = await scene.connect("alice", { node: OTHER });
    const [left, kept] = [await scene.group(alice, ["bob"]), await scene.group(alice, ["bob"])];
    await bob.client.next("conversation:created");
    await bob.client.next("conversation:created");
    await bob.client.ok("conversation:leave", { conversationId: left.id });
    await bob.client.ok("conversation:leave", { conversationId: kept.id });
    await bob.client.ok("conversation:join", { conversationId: kept.id });
    await send(alice, kept.id, "first");
    await hears(bob.client, "first");
    const came = await away(scene, bob, OTHER, async () => {
      await send(alice, left.id, "not for him");
      await send(alice, kept.id, "for him");
    });
    assert.equal(came.recovered, true);
    assert.deepEqual(came.session.rooms, [kept.id]);
    await hears(bob.client, "for him");
    await bob.client.quiet(300, "message:new:never");
    assert.deepEqual(revs(bob.client), [2, 3]);
  });

  story("who comes back before the old connection is known to be dead takes over from it", async (scene) => {
    const bob = await behindBalancer(scene, "bob", 0);
    const alice = await scene.connect("alice", { node: OTHER });
    const { id: conversationId } = await scene.group(alice, ["bob"]);
    await bob.client.next("conversation:created");
    await send(alice, conversationId, "before");
    await hears(bob.client, "before");
    for (const node of [OTHER, 0, 0]) {
      // The way to the node is silent: neither end hears that the other is gone.
      bob.balancer.freeze();
      bob.balancer.target = scene.cluster.nodes[node].port;
      await send(alice, conversationId, "while silent");
      const ready = nextOf(bob.client, "session:ready");
      bob.client.drop();
      await ready;
      assert.equal(bob.client.socket.recovered, true);
      await hears(bob.client, "while silent");
    }
    assert.deepEqual(revs(bob.client), [2, 3, 4, 5]);
  });

  story("who asks with another's secret, or with none that is known, begins anew and is told why", async (scene) => {
    const alice = await scene.connect("alice");
    const [pid, offset] = [alice.socket._pid, alice.socket._lastOffset];
    assert.equal(typeof pid, "string");
    assert.match(offset, /^[0-9a-f]+\.\d+$/);
    const ask = async (name, auth) => {
      const options = { auth: { token: scene.token(name), ...auth } };
      const client = await scene.connect(name, { options });
      assert.equal(client.socket.recovered, false);
      assert.equal(client.session.recovered, false);
      assert.notEqual(client.socket.id, alice.socket.id);
      return client.session.recoveryFailure;
    };
    assert.equal(await ask("bob", { pid, offset }), "identity");
    assert.equal(await ask("alice", { pid: "x".repeat(40), offset }), "unknown");
    for (const auth of [{ pid: "x:{y}", offset }, { pid: 7, offset }, { offset }, {}]) {
      assert.equal(await ask("alice", auth), null, JSON.stringify(auth));
    }
    // It is still hers.
    await alice.ok("conversation:list", {});
    for (const bad of ["-", "nonsense", `${offset}9999`, "0000000000000000.1", undefined]) {
      const other = await scene.connect("carol");
      const reason = await ask("carol", { pid: other.socket._pid, offset: bad });
      assert.equal(reason, "epoch", String(bad));
    }
  });

  for (const client of ["c2", "c4"]) {
    story(`${client}: a client without recovery of its own comes back by its session token, once`, async (scene) => {
      const alice = await scene.connect("alice", { node: OTHER });
      const bob = await scene.connect("bob", { node: 0, client });
      const [{ id: followed }, { id: left }] = [await scene.group(alice, ["bob"]), await scene.group(alice, ["bob"])];
      await bob.next("conversation:created");
      await bob.next("conversation:created");
      await bob.ok("conversation:leave", { conversationId: left });
      await send(alice, followed, "before");
      const { message } = { message: await hears(bob, "before") };
      const { sessionToken, expiresAt } = await bob.ok("connection:create-session", {});
      assert.equal(sessionToken, bob.session.sessionToken);
      assert.ok(Date.parse(expiresAt) > Date.now());
      bob.drop();
      await bob.ends();
      await send(alice, followed, "missed");

      const options = client === "c4" ? { auth: { token: scene.token("bob") } } : {};
      const again = await scene.connect("bob", { node: OTHER, client, options });
      await again.ok("conversation:leave", { conversationId: followed });
      const stranger = await scene.connect("mallory", { node: OTHER });
      const refused = await stranger.ok("connection:recover", { sessionToken });
      assert.deepEqual(refused, { recovered: false, recoveryFailure: "identity", rooms: [], changes: [], queued: 0 });
      const answer = await again.ok("connection:recover", { sessionToken, positions: { [followed]: message.rev } });
      assert.deepEqual([answer.recovered, answer.rooms, answer.queued], [true, [followed], 0]);
      assert.deepEqual(answer.changes.map(({ messages }) => messages.map(({ content }) => content)), [["missed"]]);
      await send(alice, followed, "live");
      await hears(again, "live");
      const twice = await again.ok("connection:recover", { sessionToken });
      assert.deepEqual([twice.recovered, twice.recoveryFailure], [false, "unknown"]);
      const info = await again.ok("connection:session-info", {});
      assert.deepEqual([info.userId, info.recovered, info.rooms.includes(followed)], [scene.id("bob"), false, true]);
      const stats = await again.ok("connection:stats", {});
      assert.ok(stats.recovered >= 1 && stats.failures.identity >= 1 && stats.attempts >= 3, JSON.stringify(stats));
      await again.refused("VALIDATION_FAILED", "connection:recover", { positions: { x: 1 } });
    });
  }

  story("who left for good is not recovered", async (scene) => {
    const alice = await scene.connect("alice");
    const [pid, offset] = [alice.socket._pid, alice.socket._lastOffset];
    alice.socket.disconnect();
    await pause(300);
    const again = await scene.connect("alice", { options: { auth: { token: scene.token("alice"), pid, offset } } });
    assert.deepEqual([again.socket.recovered, again.session.recoveryFailure], [false, "unknown"]);
  });
});

stories("recovery-limits", { env: { SWITCHBOARD__RECOVERY__MAX_DISCONNECTION: "2s", SWITCHBOARD__RECOVERY__LOG_LENGTH: "5" } }, (story) => {
  story("who was away for too long begins anew", async (scene) => {
    const bob = await behindBalancer(scene, "bob", 0);
    const came = await away(scene, bob, OTHER, () => pause(2_600));
    assert.deepEqual([came.recovered, came.session.recoveryFailure], [false, "expired"]);
  });

  for (const [missed, failure] of [[5, null], [6, "trimmed"]]) {
    story(`who missed ${missed} of a log of 5 ${failure ? "begins anew" : "is recovered"}`, async (scene) => {
      const bob = await behindBalancer(scene, "bob", 0);
      const alice = await scene.connect("alice", { node: OTHER });
      const { id: conversationId } = await scene.group(alice, ["bob"]);
      await bob.client.next("conversation:created");
      await send(alice, conversationId, "before");
      await hears(bob.client, "before");
      const came = await away(scene, bob, OTHER, async () => {
        for (let n = 0; n < missed; n += 1) await send(alice, conversationId, `missed ${n}`);
      });
      assert.deepEqual([came.recovered, came.session.recoveryFailure], [failure === null, failure]);
      await bob.client.quiet(200, "none");
      assert.equal(revs(bob.client).length, failure ? 1 : missed + 1);
    });
  }
});
