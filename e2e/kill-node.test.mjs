// A node dies without a word while people write: nothing that was acked is lost.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { startForwarder } from "./support/forwarder.mjs";
import { send, pause, stories } from "./support/story.mjs";

const PEOPLE = 8;
const BEFORE_KILL = 10;
const EACH = 40;
const PRESENCE_WITHIN_MS = 30_000;

const changes = ["message:new", "message:edited", "message:deleted"];

/** Every message of a conversation, by `conversation:sync` from `afterRev`. */
async function synced(client, conversationId, afterRev) {
  const messages = [];
  for (let page = { hasMore: true }; page.hasMore; afterRev = page.rev) {
    page = await client.ok("conversation:sync", { conversationId, afterRev, limit: 50 });
    messages.push(...page.messages);
  }
  return messages;
}

/** Sends until it is acked, whatever happens to the connection; returns the stored message. */
async function sendStubbornly(person, conversationId, content) {
  const payload = { conversationId, content, clientMessageId: randomUUID() };
  for (let tries = 0; tries < 100; tries += 1) {
    const answer = await ackOf(person.socket, payload);
    if (answer?.ok) return answer.data.message;
    if (answer && answer.error.code !== "UNAVAILABLE") assert.fail(JSON.stringify(answer));
    await pause(100);
  }
  return assert.fail(`not acked in 100 tries: ${content}`);
}

/** The answer, or undefined when the connection is gone or silent. */
function ackOf(socket, payload) {
  return new Promise((resolve) => {
    if (!socket.connected) {
      resolve(undefined);
      return;
    }
    socket.timeout(2_000).emit("message:send", payload, (error, answer) => resolve(error ? undefined : answer));
    socket.once("disconnect", () => resolve(undefined));
  });
}

stories("kill-node", { mode: "cluster", timeout: 120_000, concurrency: 1 }, (story) => {
  story("what was acked is there after a kill -9, once, and whoever comes back catches up", async (scene) => {
    const { cluster } = scene;
    const doomed = await cluster.startNode("doomed-traffic");
    const forwarder = await startForwarder(doomed.port);
    try {
      const options = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 300 };
      const people = await Promise.all(
        Array.from({ length: PEOPLE }, (_, n) => {
          const there = n % 2 ? { url: forwarder.url, options } : { node: 0 };
          return scene.connect(`p${n}`, { ...there, transports: ["websocket"] });
        }),
      );
      const group = await scene.group(people[0], people.slice(1).map((_, n) => `p${n + 1}`));
      await Promise.all(people.slice(1).map((person) => person.next("conversation:created")));
      let killed = false;
      let count = 0;
      const acked = [];
      const talk = async (person) => {
        for (let n = 0; n < EACH; n += 1) {
          acked.push(await sendStubbornly(person, group.id, `${person.user} ${n}`));
          count += 1;
          if (count === BEFORE_KILL * PEOPLE && !killed) {
            killed = true;
            doomed.signal("SIGKILL");
            await doomed.ended;
            forwarder.target = cluster.nodes[1].port;
          }
        }
      };
      await Promise.all(people.map(talk));
      assert.ok(killed);
      const total = PEOPLE * EACH;
      const history = await synced(people[0], group.id, 0);
      assert.equal(new Set(acked.map(({ id }) => id)).size, total);
      assert.deepEqual(history.map(({ seq }) => seq), Array.from({ length: total }, (_, n) => n + 1));
      assert.deepEqual(new Set(history.map(({ id }) => id)), new Set(acked.map(({ id }) => id)));
      // Each person has everything: what came live and, from the first gap on, by sync.
      for (const person of people) {
        const missed = await synced(person, group.id, lastRevInARow(person, acked));
        const live = person.collected(...changes).map(({ message }) => message.id);
        const own = acked.filter(({ senderId }) => senderId === person.user).map(({ id }) => id);
        const all = new Set([...live, ...own, ...missed.map(({ id }) => id)]);
        assert.equal(all.size, total, `${person.user} lacks messages`);
      }
      // Who was on the node that lived on has missed nothing, and needs no sync.
      for (const person of people.filter((_, n) => n % 2 === 0)) {
        const others = total - EACH;
        await person.until(() => person.collected("message:new").length >= others, () => `${others} messages`);
        const revs = person.collected("message:new").map(({ message }) => message.rev);
        assert.deepEqual(revs, [...new Set(revs)].sort((a, b) => a - b));
        assert.equal(revs.length, others);
      }
    } finally {
      forwarder.stop();
      await doomed.kill();
    }
  });

  story("who was on a node that died and does not come back is offline within 30 s", async (scene) => {
    const doomed = await scene.cluster.startNode("doomed-presence");
    try {
      const alice = await scene.connect("alice", { node: 0 });
      const group = await scene.group(alice, ["bob", "carol"]);
      await Promise.all(["bob", "carol"].map((name) => scene.connect(name, { url: doomed.url })));
      const carolsTablet = await scene.connect("carol", { node: 1 });
      const status = async (name) => {
        const { presence } = await alice.ok("presence:user-status", { userId: scene.id(name) });
        return presence.status;
      };
      const told = (name) =>
        alice
          .collected("presence:changed")
          .flatMap((data) => data.changes)
          .filter(({ userId }) => userId === scene.id(name))
          .map((change) => change.status);
      await alice.until(() => told("bob").length && told("carol").length, () => "both to be online");
      assert.deepEqual([await status("bob"), await status("carol")], ["online", "online"]);
      const died = Date.now();
      await doomed.kill();
      await send(alice, group.id, "sends go on");
      await alice.until(() => told("bob").includes("offline"), () => "bob to be offline", PRESENCE_WITHIN_MS);
      assert.ok(Date.now() - died <= PRESENCE_WITHIN_MS);
      assert.equal(await status("bob"), "offline");
      // Her other device is on a node that lives.
      await carolsTablet.ok("conversation:list", {});
      assert.equal(await status("carol"), "online");
      await pause(2_000);
      assert.deepEqual([told("bob"), told("carol")], [["online", "offline"], ["online"]]);
    } finally {
      await doomed.kill();
    }
  });
});

/** The rev up to which somebody has everything, from events and own acks. */
function lastRevInARow(person, acked) {
  const own = acked.filter(({ senderId }) => senderId === person.user);
  const heard = person.collected(...changes).map(({ message }) => message);
  const revs = new Set([...own, ...heard].map(({ rev }) => rev));
  let rev = 1;
  while (revs.has(rev + 1)) rev += 1;
  return rev;
}
