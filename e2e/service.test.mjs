// Events of a backend: now to whoever is there, later to whoever is not.
import assert from "node:assert/strict";
import { speak } from "./support/dialects.mjs";
import { Backend, getsQueued, queued } from "./support/service.mjs";
import { pause, stories } from "./support/story.mjs";

const KEY = "a-key-of-at-least-thirty-two-bytes=";
const env = {
  SWITCHBOARD__AUTH__API_KEYS: `["keyed=${KEY}"]`,
  SWITCHBOARD__QUEUE__RETRY_AFTER: "300ms",
  SWITCHBOARD__QUEUE__RETRY_MAX: "1s",
  SWITCHBOARD__QUEUE__ATTEMPTS: "4",
  SWITCHBOARD__QUEUE__MAX_EVENTS: "5",
};
/** Longer than all attempts together: 0.3 + 0.6 + 1 + 1 s. */
const ALL_ATTEMPTS = 6_000;

const ack = (client, ...events) => client.ok("queue:ack", { eventIds: events.map(({ id }) => id) });

stories("service", { env }, (story) => {
  story("who is there gets an event at once, on every device and once, and who is not when they come", async (scene) => {
    const backend = new Backend(scene, { node: 1 });
    const devices = await Promise.all([0, 1].map((node) => scene.connect("alice", { node })));
    const to = { userIds: [scene.id("alice"), scene.id("bob")] };
    const posted = await backend.post(to, "order:paid", { order: 7, text: "ä" });
    assert.deepEqual([posted.live, posted.queued], [1, 1]);
    for (const device of devices) assert.deepEqual(await device.next("order:paid"), { order: 7, text: "ä" });

    const bob = await scene.connect("bob", { node: 0 });
    const { events } = await bob.next("queue:events");
    assert.equal(events.length, 1);
    const { id, createdAt, ...rest } = events[0];
    assert.deepEqual(rest, { event: "order:paid", data: { order: 7, text: "ä" }, priority: "normal" });
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.match(createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const names = bob.events.map(({ event }) => event);
    assert.ok(names.indexOf("session:ready") < names.indexOf("queue:events"), names.join());
    assert.deepEqual(await ack(bob, events[0]), { remaining: 0 });

    const again = await scene.connect("bob", { node: 1 });
    await again.quiet(500, "queue:events", "order:paid");
    for (const device of devices) {
      assert.equal(device.collected("order:paid").length, 1);
      assert.deepEqual(device.collected("queue:events"), []);
    }
  });

  story("an event is sent again, less and less often, until it is acknowledged", async (scene) => {
    await new Backend(scene).post({ userIds: [scene.id("alice")] }, "nudge", 1);
    const before = performance.now();
    const alice = await scene.connect("alice");
    await getsQueued(alice, "nudge", 3);
    // 0.3 s and 0.6 s; a client that is kept from running sees them late, but never early.
    const took = performance.now() - before;
    assert.ok(took >= 890, `three in ${took} ms`);
    const ids = new Set(queued(alice, "nudge").map(({ id }) => id));
    assert.equal(ids.size, 1);
    assert.deepEqual(await ack(alice, { id: [...ids][0] }), { remaining: 0 });
    const sent = queued(alice, "nudge").length;
    await pause(1_500);
    assert.equal(queued(alice, "nudge").length, sent);
  });

  story("every device gets what waits, and one acknowledges for all", async (scene) => {
    const backend = new Backend(scene);
    await backend.post({ userIds: [scene.id("alice")] }, "one", 1);
    const [phone, laptop] = await Promise.all([0, 1].map((node) => scene.connect("alice", { node })));
    const event = await getsQueued(phone, "one");
    assert.deepEqual((await getsQueued(laptop, "one")).id, event.id);
    assert.deepEqual(await ack(laptop, event), { remaining: 0 });
    const counts = () => [phone, laptop].map((device) => queued(device).length).join();
    await pause(100);
    const before = counts();
    await pause(1_500);
    assert.equal(counts(), before);
  });

  story("a front end on /chat gets what waited once, and need not acknowledge it", async (scene) => {
    await new Backend(scene).post({ userIds: [scene.id("alice")] }, "nudge", { n: 1 });
    const alice = await speak(scene, "/chat", "alice");
    assert.deepEqual(await alice.next("message:received"), { event: "nudge", data: { n: 1 } });
    await alice.quiet(1_500, "message:received");
    const tablet = await scene.connect("alice", { node: 1 });
    await tablet.quiet(500, "queue:events");
  });

  story("what nobody acknowledges becomes a dead letter, and can be tried again", async (scene) => {
    const backend = new Backend(scene);
    await backend.post({ userIds: [scene.id("alice")] }, "ignored", { n: 1 }, { priority: "critical" });
    const alice = await scene.connect("alice");
    await getsQueued(alice, "ignored", 4);
    const page = async () => (await backend.ok("GET", `/service/dead-letters?userId=${scene.id("alice")}`)).items;
    const deadline = Date.now() + ALL_ATTEMPTS;
    let items = [];
    while (items.length === 0 && Date.now() < deadline) {
      await pause(100);
      items = await page();
    }
    assert.equal(items.length, 1);
    const [{ id, userId, event, data, priority, attempts }] = items;
    assert.deepEqual(
      { userId, event, data, priority, attempts },
      { userId: scene.id("alice"), event: "ignored", data: { n: 1 }, priority: "critical", attempts: 4 },
    );
    assert.equal(queued(alice, "ignored").length, 4);
    assert.equal((await backend.ok("GET", "/service/stats")).queue.deadLetters, 1);

    const stranger = new Backend(scene, { org: `${scene.org}-x` });
    assert.deepEqual((await stranger.ok("GET", "/service/dead-letters")).items, []);
    await stranger.refused(404, "NOT_FOUND", "POST", `/service/dead-letters/${id}/retry`);
    await backend.ok("POST", `/service/dead-letters/${id}/retry`);
    const again = await getsQueued(alice, "ignored", 5);
    assert.equal(again.id, id);
    assert.deepEqual(await ack(alice, again), { remaining: 0 });
    assert.deepEqual(await page(), []);
  });

  story("what has expired is not delivered", async (scene) => {
    const backend = new Backend(scene);
    const to = { userIds: [scene.id("alice")] };
    await backend.post(to, "short", 1, { expiresIn: 1 });
    await backend.post(to, "long", 2, { expiresIn: 60 });
    await pause(1_100);
    const alice = await scene.connect("alice");
    await getsQueued(alice, "long");
    assert.deepEqual(queued(alice, "short"), []);
  });

  story("a full queue loses what matters least, and of that the oldest", async (scene) => {
    const backend = new Backend(scene);
    const to = { userIds: [scene.id("alice")] };
    const post = (data, priority) => backend.post(to, "n", data, { priority });
    await post("low", "low");
    for (const n of [1, 2, 3, 4]) await post(n, "normal");
    await post("urgent", "critical");
    await post(5, "normal");
    assert.equal((await post("too low", "low")).queued, 0);
    const alice = await scene.connect("alice");
    const { events } = await alice.next("queue:events");
    assert.deepEqual(events.map(({ data }) => data), ["urgent", 2, 3, 4, 5]);
    assert.deepEqual(await ack(alice, ...events.slice(0, 3)), { remaining: 2 });
  });

  story("a conversation's event reaches those who follow it, and waits for its other members", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const carol = await scene.connect("carol");
    const group = await scene.group(alice, ["bob", "dave"]);
    await bob.next("conversation:created", ({ conversation }) => conversation.id === group.id);
    const backend = new Backend(scene);
    const posted = await backend.post({ conversationIds: [group.id] }, "poll:closed", { yes: 2 });
    assert.deepEqual([posted.live, posted.queued], [2, 1]);
    for (const member of [alice, bob]) assert.deepEqual(await member.next("poll:closed"), { yes: 2 });
    const dave = await scene.connect("dave", { node: 1 });
    assert.deepEqual((await getsQueued(dave, "poll:closed")).data, { yes: 2 });
    await carol.quiet(300, "poll:closed", "queue:events");
    assert.equal(alice.collected("poll:closed").length, 1);

    const stranger = new Backend(scene, { org: `${scene.org}-x` });
    const body = { to: { conversationIds: [conversationId] }, event: "x" };
    await stranger.refused(404, "NOT_FOUND", "POST", "/service/events", body);
    await alice.quiet(300, "x");
  });

  story("a system message is a message like any other, for those who follow the conversation", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const backend = new Backend(scene, { node: 1 });
    const body = { conversationId, content: "The order was paid", metadata: { order: 7 } };
    const { message } = await backend.ok("POST", "/service/messages", body);
    assert.deepEqual([message.type, message.seq, message.metadata], ["system", 1, { order: 7 }]);
    for (const member of [alice, bob]) {
      const heard = await member.next("message:new");
      assert.deepEqual([heard.message.id, heard.message.rev], [message.id, message.rev]);
    }
    const stranger = new Backend(scene, { org: `${scene.org}-x` });
    await stranger.refused(404, "NOT_FOUND", "POST", "/service/messages", body);
    await backend.refused(422, "VALIDATION_FAILED", "POST", "/service/messages", { ...body, content: "" });
  });

  story("an organization's event reaches all of it and nobody else", async (scene) => {
    const [alice, bob] = await Promise.all([scene.connect("alice", { node: 0 }), scene.connect("bob", { node: 1 })]);
    const other = await scene.connect("alice", { org: `${scene.org}-x` });
    await scene.direct(alice, "carol");
    const posted = await new Backend(scene).post({ organization: true }, "maintenance", "tonight");
    assert.deepEqual([posted.live, posted.queued], [1, 1]);
    for (const user of [alice, bob]) assert.equal(await user.next("maintenance"), "tonight");
    const carol = await scene.connect("carol");
    assert.equal((await getsQueued(carol, "maintenance")).data, "tonight");
    await other.quiet(300, "maintenance", "queue:events");
  });

  story("a volatile event does not wait", async (scene) => {
    const backend = new Backend(scene);
    const alice = await scene.connect("alice", { node: 1 });
    const to = { userIds: [scene.id("alice"), scene.id("bob")] };
    const posted = await backend.post(to, "blink", 1, { class: "volatile" });
    assert.deepEqual([posted.live, posted.queued], [1, 0]);
    assert.equal(await alice.next("blink"), 1);
    const bob = await scene.connect("bob");
    await bob.quiet(500, "queue:events", "blink");
  });

  story("an event that comes while its user connects is not missed", async (scene) => {
    const backend = new Backend(scene);
    const names = Array.from({ length: 12 }, (_, n) => `user${n}`);
    const coming = names.map(async (name, n) => {
      await pause(n * 5);
      return scene.connect(name, { node: n % 2 });
    });
    const posting = names.map(async (name, n) => {
      await pause(n * 7);
      return backend.post({ userIds: [scene.id(name)] }, "hello", name);
    });
    await Promise.all(posting);
    for (const [n, client] of (await Promise.all(coming)).entries()) {
      const came = () => client.collected("hello").concat(queued(client, "hello").map(({ data }) => data));
      await client.until(() => came().length > 0, () => "hello");
      assert.equal(came()[0], names[n]);
    }
  });

  story("many events come in several packets, and are acknowledged in one call", async (scene) => {
    const backend = new Backend(scene);
    const data = "x".repeat(20_000);
    for (let n = 0; n < 5; n += 1) await backend.post({ userIds: [scene.id("alice")] }, "large", { n, data });
    const alice = await scene.connect("alice");
    await getsQueued(alice, "large", 5);
    const packets = alice.collected("queue:events").map(({ events }) => events.length);
    assert.ok(packets.length >= 4, packets.join());
    const numbers = queued(alice, "large").slice(0, 5).map(({ data }) => data.n);
    assert.deepEqual(numbers, [0, 1, 2, 3, 4]);
    assert.deepEqual(await ack(alice, ...queued(alice, "large").slice(0, 5)), { remaining: 0 });
  });

  story("what somebody else's queue holds cannot be acknowledged", async (scene) => {
    const backend = new Backend(scene);
    await backend.post({ userIds: [scene.id("alice")] }, "mine", 1);
    const alice = await scene.connect("alice");
    const mine = await getsQueued(alice, "mine");
    const [bob, stranger] = [await scene.connect("bob"), await scene.connect("alice", { org: `${scene.org}-x` })];
    for (const other of [bob, stranger]) assert.deepEqual(await ack(other, mine), { remaining: 0 });
    await getsQueued(alice, "mine", 2);
    await alice.refused("VALIDATION_FAILED", "queue:ack", { eventIds: [] });
    await alice.refused("VALIDATION_FAILED", "queue:ack", { eventIds: ["x"] });
    assert.deepEqual(await ack(alice, mine), { remaining: 0 });
  });

  story("connection:recover says how much waits", async (scene) => {
    const alice = await scene.connect("alice");
    const { sessionToken } = await alice.ok("connection:create-session", {});
    alice.close();
    const backend = new Backend(scene);
    const gone = async () => (await backend.post({ userIds: [scene.id("alice")] }, "n", 1)).queued === 1;
    const deadline = Date.now() + 5_000;
    while (!(await gone()) && Date.now() < deadline) await pause(50);
    const again = await scene.connect("alice", { node: 1 });
    const { queued } = await again.ok("connection:recover", { sessionToken });
    assert.equal(queued, 1);
  });

  story("the same Idempotency-Key is one event, whichever node it comes to", async (scene) => {
    const backends = [0, 1].map((node) => new Backend(scene, { node }));
    const body = { to: { userIds: [scene.id("alice")] }, event: "once", data: 1 };
    const key = { "idempotency-key": `key-${scene.org}` };
    const answers = await Promise.all(
      [0, 1, 0, 1].map((n) => backends[n].ask("POST", "/service/events", body, key)),
    );
    const ids = new Set();
    for (const { status, body } of answers) {
      assert.ok([202, 409].includes(status), `${status}`);
      if (status === 202) ids.add(body.id);
    }
    assert.equal(ids.size, 1);
    const again = await backends[1].ask("POST", "/service/events", body, key);
    assert.deepEqual([again.status, again.headers.get("idempotency-replayed")], [202, "true"]);
    const other = { ...body, data: 2 };
    await backends[0].refused(422, "VALIDATION_FAILED", "POST", "/service/events", other, key);
    const alice = await scene.connect("alice");
    const { events } = await alice.next("queue:events");
    assert.equal(events.length, 1);
  });

  story("a user who is sent away goes on every node, and may come back", async (scene) => {
    const devices = await Promise.all([0, 1].map((node) => scene.connect("alice", { node })));
    const [bob, stranger] = [await scene.connect("bob"), await scene.connect("alice", { org: `${scene.org}-x` })];
    const backend = new Backend(scene, { node: 1 });
    await backend.ok("POST", `/service/users/${scene.id("alice")}/disconnect`, { reason: "see you" });
    for (const device of devices) {
      assert.equal(await device.ends(3_000), "io server disconnect");
      assert.match(device.collected("error")[0].message, /see you/);
    }
    await pause(300);
    assert.deepEqual([bob.disconnected, stranger.disconnected], [undefined, undefined]);
    await scene.connect("alice");
  });

  story("a revoked token, and a user's older ones, end their sockets and open nothing", async (scene) => {
    const backend = new Backend(scene);
    const [one, other] = ["one", "other"].map((jti) => ({ jti: `${jti}-${scene.org}` }));
    const doomed = await scene.connect("alice", { claims: one, node: 1 });
    const kept = await scene.connect("alice", { claims: other });
    await backend.ok("POST", "/service/tokens/revoke", one);
    await doomed.ends(3_000);
    await assert.rejects(scene.connect("alice", { claims: one }), { message: "UNAUTHENTICATED" });
    assert.equal(kept.disconnected, undefined);
    const before = new Date(Date.now() + 2_000).toISOString();
    await backend.ok("POST", "/service/tokens/revoke", { userId: scene.id("alice"), before });
    await kept.ends(3_000);
    await assert.rejects(scene.connect("alice", { node: 1 }), { message: "UNAUTHENTICATED" });
  });

  story("only services get in", async (scene) => {
    const body = { to: { organization: true }, event: "x" };
    const user = new Backend(scene, { authorization: `Bearer ${scene.token("alice")}` });
    await user.refused(403, "FORBIDDEN", "POST", "/service/events", body);
    const nobody = new Backend(scene, { authorization: "" });
    await nobody.refused(401, "UNAUTHENTICATED", "POST", "/service/events", body);
    await nobody.refused(404, "NOT_FOUND", "GET", "/nothing");
  });

  story("an API key is as good as a token, for its organization", async (scene) => {
    const keyed = new Backend(scene, { authorization: `Bearer ${KEY}` });
    const own = await scene.connect("alice", { org: "keyed" });
    const other = await scene.connect("alice");
    const to = { userIds: [scene.id("alice")] };
    await keyed.post(to, "key:used", 1);
    assert.equal(await own.next("key:used"), 1);
    await new Backend(scene, { authorization: `Bearer ${KEY}x` }).refused(401, "UNAUTHENTICATED", "GET", "/service/stats");
    await other.quiet(300, "key:used");
  });

  story("bodies have at most 100 KiB, and every mistake is told", async (scene) => {
    const backend = new Backend(scene);
    const of = (bytes) => {
      const body = (data) => JSON.stringify({ to: { userIds: ["nobody"] }, event: "x", class: "volatile", data });
      return body("x".repeat(bytes - body("").length));
    };
    await backend.ok("POST", "/service/events", of(100 * 1024));
    await backend.refused(413, "PAYLOAD_TOO_LARGE", "POST", "/service/events", of(100 * 1024 + 1));
    const bad = { to: {}, event: "message:new", priority: "urgent" };
    const { details } = await backend.refused(422, "VALIDATION_FAILED", "POST", "/service/events", bad);
    assert.deepEqual(details.map(({ path }) => path), ["to", "event", "priority"]);
  });

  story("pages of allowed origins may read the answers, and the document says what there is", async (scene) => {
    const headers = { origin: "https://app.example.com" };
    const answer = await new Backend(scene).ask("GET", "/service/stats", undefined, headers);
    assert.equal(answer.headers.get("access-control-allow-origin"), "https://app.example.com");
    const document = await (await fetch(`${scene.url()}/openapi.json`)).json();
    assert.ok(document.openapi.startsWith("3.1") && document.paths["/service/events"].post);
  });
});
