// Reactions, threads, search, how far messages came, who types, and unread counts.
import assert from "node:assert/strict";
import { hears, pause, send, stories } from "./support/story.mjs";

const NOTHING = "01939c1e-0000-7000-8000-000000000001";

/** Somebody of another organization with alice's name, who hears whatever leaks. */
async function eavesdropper(scene) {
  const org = `${scene.org}-other`;
  const eve = await scene.connect("alice", { node: 1, org });
  const before = eve.events.length;
  return { eve, heardNothing: () => assert.deepEqual(eve.events.slice(before).filter(({ event }) => event !== "error" && event !== "validation-error"), []) };
}

stories("messages", {}, (story) => {
  story("an emoji comes and goes, with a rev, for everybody but the socket that put it there", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const { eve, heardNothing } = await eavesdropper(scene);
    const tablet = await scene.connect("bob", { node: 0 });
    const { id: messageId } = await send(alice, conversationId, "hello");
    const react = (client, emoji) => client.ok("message:react", { messageId, emoji });
    const { message } = await react(bob, "👍");
    assert.deepEqual([message.rev, message.version, message.reactions], [3, 1, [{ emoji: "👍", count: 1, userIds: [bob.user] }]]);
    for (const client of [alice, tablet]) {
      assert.deepEqual(await client.next("message:reaction"), { message, userId: bob.user, emoji: "👍", added: true });
    }
    assert.deepEqual((await react(bob, "👍")).message, message, "once more changes nothing");
    await react(alice, "👍");
    await react(alice, "🎉");
    const { message: last } = await bob.ok("message:unreact", { messageId, emoji: "👍" });
    assert.equal(last.rev, 6);
    assert.deepEqual(last.reactions, [
      { emoji: "👍", count: 1, userIds: [alice.user] },
      { emoji: "🎉", count: 1, userIds: [alice.user] },
    ]);
    assert.deepEqual(await alice.next("message:reaction", ({ added }) => !added), { message: last, userId: bob.user, emoji: "👍", added: false });
    await bob.next("message:reaction", ({ emoji }) => emoji === "🎉");
    assert.deepEqual(bob.collected("message:reaction").map(({ message: { rev } }) => rev), [4, 5]);
    const { messages } = await tablet.ok("message:history", { conversationId });
    assert.deepEqual(messages, [last]);
    const sync = await tablet.ok("conversation:sync", { conversationId, afterRev: 5 });
    assert.deepEqual(sync.messages, [last]);
    for (const event of ["message:react", "message:unreact"]) {
      await eve.refused("NOT_FOUND", event, { messageId, emoji: "👍" });
      await bob.refused("NOT_FOUND", event, { messageId: NOTHING, emoji: "👍" });
      for (const emoji of ["", "a b", "<b>", "x".repeat(33), 1]) {
        const { details } = await bob.refused("VALIDATION_FAILED", event, { messageId, emoji });
        assert.deepEqual(details.map(({ path }) => path), ["emoji"]);
      }
    }
    await pause(300);
    heardNothing();
  });

  story("a message has twenty emoji, members put them there, and a deleted one has none", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const { id: messageId } = await send(alice, conversationId, "hello");
    for (let n = 0; n < 20; n += 1) await bob.ok("message:react", { messageId, emoji: `:${n}:` });
    await alice.ok("message:react", { messageId, emoji: ":7:" });
    const { details } = await alice.refused("VALIDATION_FAILED", "message:react", { messageId, emoji: ":20:" });
    assert.deepEqual(details.map(({ path }) => path), ["emoji"]);
    const carol = await scene.connect("carol");
    await carol.refused("FORBIDDEN", "message:react", { messageId, emoji: "👍" });
    const { message } = await alice.ok("message:delete", { messageId });
    assert.deepEqual(message.reactions, []);
    const refused = await bob.refused("CONFLICT", "message:react", { messageId, emoji: "👍" });
    assert.equal(refused.current.message.id, messageId);
  });

  story("a thread is its root and the replies to it, page by page", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const { eve } = await eavesdropper(scene);
    const root = await send(alice, conversationId, "root");
    const first = await send(bob, conversationId, "reply", { replyTo: root.id });
    await send(alice, conversationId, "beside");
    const second = await send(alice, conversationId, "reply to the reply", { replyTo: first.id });
    assert.deepEqual([second.replyTo, second.threadRootId], [first.id, root.id]);
    for (const messageId of [root.id, second.id]) {
      assert.deepEqual(await bob.ok("message:thread", { messageId }), { root, replies: [first, second], nextCursor: null });
    }
    const page = await bob.ok("message:thread", { messageId: root.id, limit: 1 });
    assert.deepEqual(page.replies, [first]);
    const next = await bob.ok("message:thread", { messageId: root.id, limit: 1, cursor: page.nextCursor });
    assert.deepEqual([next.replies, next.nextCursor], [[second], null]);
    await bob.refused("VALIDATION_FAILED", "message:thread", { messageId: root.id, limit: 101 });
    await bob.refused("VALIDATION_FAILED", "message:thread", { messageId: root.id, cursor: "nonsense" });
    await eve.refused("NOT_FOUND", "message:thread", { messageId: root.id });
    await (await scene.connect("carol")).refused("FORBIDDEN", "message:thread", { messageId: root.id });
  });

  story("what was said is found by those who are there, and shown as harmless HTML", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const { eve } = await eavesdropper(scene);
    const carol = await scene.connect("carol");
    const elsewhere = await scene.direct(carol, "alice");
    const texts = ["Our R&D budget: 1 < 2", "budget budget", "Das größte Büro 👍", "nothing of it"];
    for (const text of texts) await send(alice, conversationId, text);
    await send(carol, elsewhere.id, "carol's budget");
    const search = (client, query, more = {}) => client.ok("message:search", { query, ...more });
    const contents = ({ results }) => results.map(({ message }) => message.content);
    assert.deepEqual(contents(await search(bob, "budget")), ["budget budget", "Our R&D budget: 1 < 2"]);
    assert.deepEqual(new Set(contents(await search(alice, "budget"))), new Set(["budget budget", "Our R&D budget: 1 < 2", "carol's budget"]));
    assert.deepEqual(contents(await search(alice, "budget", { conversationId: elsewhere.id })), ["carol's budget"]);
    const { results, nextCursor } = await search(bob, "\"r&d\"");
    assert.equal(results[0].snippet, "Our <mark>R&amp;D</mark> budget: 1 &lt; 2");
    assert.deepEqual([typeof results[0].rank, nextCursor], ["number", null]);
    assert.deepEqual(contents(await search(bob, "GRÖßTE")), ["Das größte Büro 👍"]);
    assert.deepEqual(contents(await search(bob, "👍")), ["Das größte Büro 👍"]);
    for (const odd of ["\"", "AND", "(", "a & | !", "-", "*", "'; drop table messages; --"]) await search(bob, odd);
    const page = await search(bob, "budget", { limit: 1 });
    await send(alice, conversationId, "budget budget budget");
    const next = await search(bob, "budget", { limit: 1, cursor: page.nextCursor });
    assert.deepEqual([contents(page), contents(next), next.nextCursor], [["budget budget"], ["Our R&D budget: 1 < 2"], null]);
    const { id: messageId } = await send(alice, conversationId, "ephemeral");
    await alice.ok("message:edit", { messageId, content: "lasting" });
    assert.deepEqual(contents(await search(bob, "ephemeral")), []);
    assert.deepEqual(contents(await search(bob, "lasting")), ["lasting"]);
    await alice.ok("message:delete", { messageId });
    assert.deepEqual(contents(await search(bob, "lasting")), []);
    for (const wrong of [{}, { query: "" }, { query: "x".repeat(201) }, { query: "a", limit: 101 }, { query: "a", cursor: "x" }]) {
      await bob.refused("VALIDATION_FAILED", "message:search", wrong);
    }
    assert.deepEqual((await search(bob, "a", { limit: 100 })).nextCursor, null);
    assert.deepEqual(await search(eve, "budget"), { results: [], nextCursor: null });
    await eve.refused("NOT_FOUND", "message:search", { query: "budget", conversationId });
    await bob.refused("FORBIDDEN", "message:search", { query: "budget", conversationId: elsewhere.id });
  });

  story("a message tells whom it has reached, and statistics how many did", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const { eve } = await eavesdropper(scene);
    const message = await send(alice, conversationId, "hello");
    const status = () => alice.ok("message:delivery-status", { messageId: message.id });
    assert.deepEqual(await status(), { sentAt: message.createdAt, deliveredTo: [], readBy: [], counts: { recipients: 1, delivered: 0, read: 0 } });
    await bob.ok("message:delivered", { messageId: message.id });
    const { deliveredTo, readBy, counts } = await status();
    assert.deepEqual([deliveredTo.map(({ userId }) => userId), readBy], [[bob.user], []]);
    assert.ok(Date.parse(deliveredTo[0].at) >= Date.parse(message.createdAt) - 1000);
    assert.deepEqual(counts, { recipients: 1, delivered: 1, read: 0 });
    await bob.ok("message:read", { messageId: message.id });
    assert.deepEqual((await status()).counts, { recipients: 1, delivered: 1, read: 1 });
    await send(alice, conversationId, "one more");
    await alice.ok("message:edit", { messageId: message.id, content: "hi" });
    const expected = { sent: 2, delivered: 1, read: 1, edited: 1, deleted: 0, perMinute: 2 / 60 };
    assert.deepEqual(await alice.ok("message:stats", {}), expected);
    assert.deepEqual(await bob.ok("message:stats", { conversationId }), expected);
    assert.deepEqual(await bob.ok("message:stats", {}), { sent: 0, delivered: 0, read: 0, edited: 0, deleted: 0, perMinute: 0 });
    const carol = await scene.connect("carol");
    await carol.refused("FORBIDDEN", "message:delivery-status", { messageId: message.id });
    await carol.refused("FORBIDDEN", "message:stats", { conversationId });
    await eve.refused("NOT_FOUND", "message:delivery-status", { messageId: message.id });
    await eve.refused("NOT_FOUND", "message:stats", { conversationId });
    await bob.refused("VALIDATION_FAILED", "message:delivery-status", {});
    await bob.refused("VALIDATION_FAILED", "message:stats", { conversationId: "x" });
  });

  story("who types is told with since when, whichever node they type at", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const { eve } = await eavesdropper(scene);
    const who = () => bob.ok("message:typing-users", { conversationId });
    assert.deepEqual(await who(), { users: [] });
    await alice.ok("message:typing", { conversationId, isTyping: true });
    const { users } = await who();
    assert.deepEqual(users.map(({ userId }) => userId), [alice.user]);
    assert.ok(Math.abs(Date.parse(users[0].since) - Date.now()) < 60_000);
    await alice.ok("message:typing", { conversationId, isTyping: false });
    assert.deepEqual(await who(), { users: [] });
    await eve.refused("NOT_FOUND", "message:typing-users", { conversationId });
    await (await scene.connect("carol")).refused("FORBIDDEN", "message:typing-users", { conversationId });
    await bob.refused("VALIDATION_FAILED", "message:typing-users", {});
  });

  story("unread counts come by themselves, on every device", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const { heardNothing } = await eavesdropper(scene);
    const tablet = await scene.connect("bob", { node: 0 });
    const other = await scene.group(alice, ["bob"]);
    await send(alice, other.id, "elsewhere");
    for (const client of [bob, tablet]) {
      assert.deepEqual(await client.next("unread:count"), { conversationId: other.id, unreadCount: 1, total: 1 });
    }
    await send(alice, conversationId, "one");
    await send(alice, conversationId, "two");
    for (const client of [bob, tablet]) {
      await client.next("unread:count", (event) => event.conversationId === conversationId && event.unreadCount === 2 && event.total === 3);
    }
    await bob.ok("message:read", { conversationId, upToSeq: 2 });
    const read = (event) => event.conversationId === conversationId && event.unreadCount === 0;
    assert.equal((await tablet.next("unread:count", read)).total, 1);
    const again = await scene.connect("bob", { node: 1 });
    assert.equal(again.session.unread.total, 1);
    await pause(500);
    assert.deepEqual(bob.collected("unread:count").filter(read), [], "the socket that read has the ack");
    assert.deepEqual(alice.collected("unread:count"), [], "what one says is read by oneself");
    heardNothing();
  });

  story("receipts of a large group come one by one", async (scene) => {
    const names = Array.from({ length: 51 }, (_, n) => `user${n}`);
    const alice = await scene.connect("alice", { node: 0 });
    const { id: conversationId } = await scene.group(alice, names);
    const readers = await Promise.all(names.slice(0, 10).map((name, n) => scene.connect(name, { node: n % 2 })));
    await send(alice, conversationId, "hello");
    await Promise.all(readers.map((reader) => reader.ok("message:read", { conversationId, upToSeq: 1 })));
    for (const { user } of readers) {
      const { at, ...rest } = await alice.next("message:read", ({ userId }) => userId === user);
      assert.deepEqual(rest, { conversationId, userId: user, upToSeq: 1 });
      assert.ok(at);
    }
    await readers[1].until(() => readers[1].collected("message:read").length === 9, () => "the receipts of the others");
    await pause(300);
    assert.equal(readers[1].collected("message:read").length, 9, "its own has the ack");
    await hears(readers[1], "hello");
  });
});
