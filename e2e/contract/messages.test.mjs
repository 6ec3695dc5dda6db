// Messages: order, once, edits, deletions, replies.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { hears, send, stories } from "../support/story.mjs";

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

stories("messages", {}, (story) => {
  story("messages cross the nodes in order, once, and not back to the socket that sent them", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const desk = await scene.connect("alice", { node: 1 });
    const sent = [];
    for (let n = 1; n <= 20; n += 1) {
      const [from, text] = n % 2 ? [alice, `from alice ${n}`] : [bob, `from bob ${n}`];
      sent.push(await send(from, conversationId, text));
    }
    assert.deepEqual(sent.map(({ seq }) => seq), Array.from({ length: 20 }, (_, n) => n + 1));
    assert.deepEqual(sent.map(({ rev }) => rev), Array.from({ length: 20 }, (_, n) => n + 2));
    // What the other sends last comes after everything before, so nothing more can follow it.
    await send(alice, conversationId, "last of alice");
    await send(bob, conversationId, "last of bob");
    await Promise.all([hears(bob, "last of alice"), hears(alice, "last of bob"), hears(desk, "last of bob")]);
    const contents = (client) => client.collected("message:new").map(({ message }) => message.content);
    const all = [...sent.map(({ content }) => content), "last of alice", "last of bob"];
    assert.deepEqual(contents(bob), all.filter((text) => text.includes("alice")));
    assert.deepEqual(contents(alice), all.filter((text) => text.includes("bob")));
    assert.deepEqual(contents(desk), all);
  });

  story("a message has every field of the contract, in the ack, the event and the history", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const more = { clientMessageId: randomUUID(), metadata: { order: [1, { deep: null }] } };
    const message = await send(alice, conversationId, "hello", more);
    const { id, createdAt, ...rest } = message;
    assert.match(id, UUID_V7);
    assert.match(createdAt, TIME);
    assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 60_000);
    assert.deepEqual(rest, {
      conversationId,
      seq: 1,
      rev: 2,
      version: 1,
      senderId: alice.user,
      type: "text",
      content: "hello",
      replyTo: null,
      threadRootId: null,
      attachments: [],
      reactions: [],
      ...more,
      editedAt: null,
      deletedAt: null,
    });
    assert.deepEqual(await hears(bob, "hello"), message);
    assert.deepEqual(await bob.ok("message:history", { conversationId }), { messages: [message], hasMore: false });
  });

  story("the other names of fields are understood", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    const texts = [{ chatId: conversationId, text: "a" }, { roomId: conversationId, message: "b" }];
    for (const payload of texts) await alice.ok("message:send", payload);
    const { messages } = await alice.ok("message:history", { chatId: conversationId });
    assert.deepEqual(messages.map(({ content }) => content), ["a", "b"]);
  });

  story("a message that is sent again is stored once, on whichever node", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const other = await scene.connect("alice", { node: 1 });
    const payload = { conversationId, content: "once", clientMessageId: "c-1" };
    const first = await alice.ok("message:send", payload);
    assert.equal(first.duplicate ?? false, false);
    for (const device of [alice, other]) {
      const again = await device.ok("message:send", { ...payload, content: "changed" });
      assert.equal(again.duplicate, true);
      assert.deepEqual(again.message, first.message);
    }
    // The same id from somebody else, or in another conversation, is another message.
    const fromBob = await bob.ok("message:send", payload);
    assert.notEqual(fromBob.message.id, first.message.id);
    const elsewhere = await scene.group(alice, ["carol"]);
    const there = await alice.ok("message:send", { ...payload, conversationId: elsewhere.id });
    assert.notEqual(there.message.id, first.message.id);
    await send(alice, conversationId, "barrier");
    await hears(bob, "barrier");
    const heard = bob.collected("message:new").map(({ message }) => message.content);
    assert.deepEqual(heard, ["once", "barrier"]);
  });

  story("a message that two nodes get at the same time is stored once", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const other = await scene.connect("alice", { node: 1 });
    for (let round = 1; round <= 5; round += 1) {
      const payload = { conversationId, content: `round ${round}`, clientMessageId: `c-${round}` };
      const devices = Array.from({ length: 8 }, (_, n) => (n % 2 ? other : alice));
      const answers = await Promise.all(devices.map((device) => device.ok("message:send", payload)));
      assert.equal(new Set(answers.map(({ message }) => message.id)).size, 1);
      assert.equal(answers.filter(({ duplicate }) => !duplicate).length, 1);
      assert.equal(answers[0].message.seq, round);
      await hears(bob, `round ${round}`);
    }
    await send(alice, conversationId, "barrier");
    await hears(bob, "barrier");
    assert.equal(bob.collected("message:new").length, 6);
  });

  story("an edit is seen by everyone, with a new version and rev", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const desk = await scene.connect("alice", { node: 1 });
    const message = await send(alice, conversationId, "frist");
    const call = { messageId: message.id, content: "first", expectedVersion: 1 };
    const edited = (await alice.ok("message:edit", call)).message;
    assert.match(edited.editedAt, TIME);
    const expected = { ...message, content: "first", version: 2, rev: message.rev + 1, editedAt: edited.editedAt };
    assert.deepEqual(edited, expected);
    for (const client of [bob, desk]) assert.deepEqual(await client.next("message:edited"), { message: edited });
    await send(bob, conversationId, "barrier");
    await hears(alice, "barrier");
    assert.deepEqual(alice.collected("message:edited"), []);
  });

  story("an edit of a version that has passed is a conflict, with the message as it is", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    const message = await send(alice, conversationId, "one");
    const edited = (await alice.ok("message:edit", { messageId: message.id, content: "two" })).message;
    const stale = { messageId: message.id, content: "three", expectedVersion: 1 };
    const error = await alice.refused("CONFLICT", "message:edit", stale);
    assert.deepEqual(error.current.message, edited);
    assert.deepEqual(await alice.next("error"), error);
  });

  story("of two edits at the same time one wins", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    const desk = await scene.connect("alice", { node: 1 });
    const { id: messageId } = await send(alice, conversationId, "one");
    const edit = (client, content) => client.call("message:edit", { messageId, content, expectedVersion: 1 });
    const answers = await Promise.all([edit(alice, "left"), edit(desk, "right")]);
    const [won, lost] = answers[0].ok ? answers : answers.reverse();
    assert.equal(won.ok, true);
    assert.equal(lost.error.code, "CONFLICT");
    assert.deepEqual(lost.error.current.message, won.data.message);
  });

  story("nobody edits somebody else's message, not even the owner", async (scene) => {
    const [alice, bob] = await Promise.all([scene.connect("alice"), scene.connect("bob", { node: 1 })]);
    const { id: conversationId } = await scene.group(alice, ["bob"]);
    await bob.next("conversation:created");
    const message = await send(bob, conversationId, "mine");
    const error = await alice.refused("FORBIDDEN", "message:edit", { messageId: message.id, content: "x" });
    assert.deepEqual(await alice.next("error"), error);
    const { messages } = await alice.ok("message:history", { conversationId });
    assert.deepEqual(messages, [message]);
  });

  story("a deleted message stays as a tombstone, which nobody edits", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const message = await send(alice, conversationId, "oops", { metadata: { a: 1 } });
    const deleted = (await alice.ok("message:delete", { messageId: message.id })).message;
    assert.match(deleted.deletedAt, TIME);
    assert.equal(deleted.content, "");
    assert.deepEqual(deleted.attachments, []);
    assert.equal(deleted.seq, message.seq);
    assert.equal(deleted.rev, message.rev + 1);
    assert.deepEqual(await bob.next("message:deleted"), { message: deleted });
    // Deleted is what it is wanted to be: once more changes nothing, and nobody hears of it.
    const again = await alice.ok("message:delete", { messageId: message.id });
    assert.deepEqual(again.message, deleted);
    const error = await alice.refused("CONFLICT", "message:edit", { messageId: message.id, content: "x" });
    assert.deepEqual(error.current.message, deleted);
    const next = await send(alice, conversationId, "barrier");
    assert.equal(next.rev, deleted.rev + 1);
    await hears(bob, "barrier");
    assert.equal(bob.collected("message:deleted").length, 1);
    const { messages } = await bob.ok("message:history", { conversationId });
    assert.deepEqual(messages, [deleted, next]);
  });

  story("the owner of a group deletes a member's message, a member not the owner's", async (scene) => {
    const [alice, bob] = await Promise.all([scene.connect("alice"), scene.connect("bob", { node: 1 })]);
    const { id: conversationId } = await scene.group(alice, ["bob"]);
    await bob.next("conversation:created");
    const owners = await send(alice, conversationId, "the owner's");
    await bob.refused("FORBIDDEN", "message:delete", { messageId: owners.id });
    const members = await send(bob, conversationId, "a member's");
    const { message } = await alice.ok("message:delete", { messageId: members.id });
    assert.equal(message.senderId, bob.user);
    assert.deepEqual(await bob.next("message:deleted"), { message });
  });

  story("a reply names its root, and a reply to a reply the same one", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const root = await send(alice, conversationId, "question");
    const reply = await send(bob, conversationId, "answer", { replyTo: root.id });
    assert.deepEqual([reply.replyTo, reply.threadRootId], [root.id, root.id]);
    const further = await send(alice, conversationId, "thanks", { replyTo: reply.id });
    assert.deepEqual([further.replyTo, further.threadRootId], [reply.id, root.id]);
    assert.deepEqual((await hears(bob, "thanks")).threadRootId, root.id);
    const elsewhere = await scene.group(alice, ["carol"]);
    const astray = { conversationId: elsewhere.id, content: "x", replyTo: root.id };
    const answer = await alice.call("message:send", astray);
    assert.ok(["VALIDATION_FAILED", "NOT_FOUND"].includes(answer.error?.code), JSON.stringify(answer));
  });

  story("edits, deletions and messages from both nodes come as one row of revs", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const watcher = await scene.connect("bob", { node: 0 });
    const work = async (client, name) => {
      for (let n = 0; n < 5; n += 1) {
        const { id: messageId } = await send(client, conversationId, `${name} ${n}`);
        await client.ok("message:edit", { messageId, content: `${name} ${n}!` });
        if (n % 2) await client.ok("message:delete", { messageId });
      }
    };
    await Promise.all([work(alice, "alice"), work(bob, "bob")]);
    const changes = ["message:new", "message:edited", "message:deleted"];
    const revs = () => watcher.collected(...changes).map(({ message }) => message.rev);
    const total = 2 * (5 + 5 + 2);
    await watcher.until(() => revs().length >= total, () => `${total} changes`);
    assert.deepEqual(revs(), Array.from({ length: total }, (_, n) => n + 2));
  });

  story("the history has windows on both sides of a message", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    for (let n = 1; n <= 12; n += 1) await send(alice, conversationId, `${n}`);
    const window = async (payload) => {
      const { messages, hasMore } = await alice.ok("message:history", { conversationId, ...payload });
      return [...messages.map(({ seq }) => seq), hasMore];
    };
    assert.deepEqual(await window({ limit: 5 }), [8, 9, 10, 11, 12, true]);
    assert.deepEqual(await window({ limit: 12 }), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, false]);
    assert.deepEqual(await window({ beforeSeq: 8, limit: 5 }), [3, 4, 5, 6, 7, true]);
    assert.deepEqual(await window({ beforeSeq: 3, limit: 5 }), [1, 2, false]);
    assert.deepEqual(await window({ beforeSeq: 1 }), [false]);
    assert.deepEqual(await window({ afterSeq: 0, limit: 3 }), [1, 2, 3, true]);
    assert.deepEqual(await window({ afterSeq: 9, limit: 3 }), [10, 11, 12, false]);
    assert.deepEqual(await window({ afterSeq: 10, limit: 3 }), [11, 12, false]);
    assert.deepEqual(await window({ afterSeq: 12 }), [false]);
    const both = { conversationId, beforeSeq: 5, afterSeq: 2 };
    await alice.refused("VALIDATION_FAILED", "message:history", both);
  });

  story("without a limit the history has the newest fifty", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    for (let n = 1; n <= 51; n += 1) await send(alice, conversationId, `${n}`);
    const { messages, hasMore } = await alice.ok("message:history", { conversationId });
    assert.deepEqual([messages.length, messages[0].seq, hasMore], [50, 2, true]);
  });
});
