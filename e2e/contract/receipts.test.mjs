// Watermarks and unread counts.
import assert from "node:assert/strict";
import { hears, send, stories } from "../support/story.mjs";

/** Alice sends `count` messages to bob, who hears them. */
async function withMessages(scene, count) {
  const parts = await scene.aliceAndBob();
  const messages = [];
  for (let n = 1; n <= count; n += 1) messages.push(await send(parts.alice, parts.conversationId, `${n}`));
  await hears(parts.bob, `${count}`);
  return { ...parts, messages };
}

stories("receipts", {}, (story) => {
  story("receipts go to the others and to one's other devices, not to the socket that caused them", async (scene) => {
    const { alice, bob, conversationId } = await withMessages(scene, 3);
    const tablet = await scene.connect("bob", { node: 0 });
    const { deliveredSeq } = await bob.ok("message:delivered", { conversationId, upToSeq: 3 });
    assert.equal(deliveredSeq, 3);
    for (const client of [alice, tablet]) {
      const { at, ...rest } = await client.next("message:delivered");
      assert.deepEqual(rest, { conversationId, userId: bob.user, upToSeq: 3 });
      assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000, at);
    }
    const read = await bob.ok("message:read", { conversationId, upToSeq: 2 });
    assert.deepEqual(read, { readSeq: 2, unreadCount: 1 });
    for (const client of [alice, tablet]) {
      const { at, ...rest } = await client.next("message:read");
      assert.deepEqual(rest, { conversationId, userId: bob.user, upToSeq: 2 });
      assert.ok(at);
    }
    await send(alice, conversationId, "barrier");
    await hears(bob, "barrier");
    await bob.quiet(300, "message:delivered", "message:read");
  });

  story("a watermark only moves forward, and nobody hears of what does not move", async (scene) => {
    const { alice, bob, conversationId } = await withMessages(scene, 4);
    const read = (upToSeq) => bob.ok("message:read", { conversationId, upToSeq });
    assert.deepEqual(await read(3), { readSeq: 3, unreadCount: 1 });
    assert.deepEqual(await read(1), { readSeq: 3, unreadCount: 1 });
    assert.deepEqual(await read(3), { readSeq: 3, unreadCount: 1 });
    const { deliveredSeq } = await bob.ok("message:delivered", { conversationId, upToSeq: 2 });
    assert.equal(deliveredSeq, 3, "what was read was delivered");
    assert.deepEqual(await read(4), { readSeq: 4, unreadCount: 0 });
    await alice.next("message:read", ({ upToSeq }) => upToSeq === 4);
    assert.deepEqual(alice.collected("message:read").map(({ upToSeq }) => upToSeq), [3, 4]);
  });

  story("a receipt may name messages instead of a position", async (scene) => {
    const { alice, bob, conversationId, messages } = await withMessages(scene, 5);
    const [one, two, three, four] = messages.map(({ id }) => id);
    assert.equal((await bob.ok("message:delivered", { messageId: one })).deliveredSeq, 1);
    assert.equal((await bob.ok("message:delivered", { messageIds: [three, two] })).deliveredSeq, 3);
    assert.deepEqual(await bob.ok("message:read", { messageId: two }), { readSeq: 2, unreadCount: 3 });
    assert.deepEqual(await bob.ok("message:read", { messageIds: [four, one] }), { readSeq: 4, unreadCount: 1 });
    await alice.next("message:read", ({ upToSeq }) => upToSeq === 4);
    const { receipts } = await alice.ok("conversation:sync", { conversationId, afterRev: 0 });
    assert.deepEqual(
      receipts.find(({ userId }) => userId === bob.user),
      { userId: bob.user, deliveredSeq: 4, readSeq: 4 },
    );
  });

  story("a receipt may be for all that there is", async (scene) => {
    const { alice, bob, conversationId } = await withMessages(scene, 3);
    const all = { conversationId, all: true };
    assert.deepEqual(await bob.ok("message:delivered", all), { deliveredSeq: 3 });
    assert.deepEqual(await bob.ok("message:read", all), { readSeq: 3, unreadCount: 0 });
    assert.equal((await alice.next("message:read")).upToSeq, 3);
    await bob.refused("VALIDATION_FAILED", "message:read", { conversationId, all: false });
    await bob.refused("VALIDATION_FAILED", "message:read", { all: true });
    const mallory = await scene.connect("mallory");
    await mallory.refused("FORBIDDEN", "message:read", all);
    const eve = await scene.connect("eve", { org: "another" });
    await eve.refused("NOT_FOUND", "message:read", all);
  });

  story("a position beyond the last message is refused", async (scene) => {
    const { bob, conversationId } = await withMessages(scene, 2);
    for (const event of ["message:delivered", "message:read"]) {
      const error = await bob.refused("VALIDATION_FAILED", event, { conversationId, upToSeq: 3 });
      assert.deepEqual(error.details.map(({ path }) => path), ["upToSeq"]);
      await bob.refused("VALIDATION_FAILED", event, { conversationId, upToSeq: -1 });
      await bob.refused("VALIDATION_FAILED", event, { conversationId });
      await bob.refused("VALIDATION_FAILED", event, {});
      await bob.refused("VALIDATION_FAILED", event, { messageIds: [] });
    }
    assert.deepEqual(await bob.ok("message:read", { conversationId, upToSeq: 2 }), { readSeq: 2, unreadCount: 0 });
  });

  story("unread are the messages of others that were neither read nor deleted", async (scene) => {
    const { alice, bob, conversationId, messages } = await withMessages(scene, 3);
    const unread = async (client) => (await client.ok("conversation:get", { conversationId })).conversation.unreadCount;
    assert.deepEqual([await unread(alice), await unread(bob)], [0, 3]);
    await alice.ok("message:delete", { messageId: messages[1].id });
    assert.equal(await unread(bob), 2);
    const tablet = await scene.connect("bob", { node: 0 });
    assert.equal(tablet.session.unread.total, 2);
    await send(bob, conversationId, "bob's own counts for alice only");
    assert.deepEqual([await unread(alice), await unread(bob)], [1, 2]);
    await bob.ok("message:read", { conversationId, upToSeq: 4 });
    assert.equal(await unread(bob), 0);
    const { conversations } = await bob.ok("conversation:list", {});
    assert.deepEqual(conversations.map((one) => [one.id, one.unreadCount]), [[conversationId, 0]]);
  });
});
