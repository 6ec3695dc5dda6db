// Conversations: creating, joining, listing, catching up.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { hears, pause, send, stories } from "../support/story.mjs";

stories("conversations", {}, (story) => {
  story("a socket that begins is told where it is and what it is in", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    await send(alice, conversationId, "one");
    const group = await scene.group(alice, ["bob", "carol"]);
    const tablet = await scene.connect("bob", { node: 0 });
    const { rooms, serverTime, sessionId, nodeId, sessionToken, ...rest } = tablet.session;
    assert.deepEqual([...rooms].sort(), [conversationId, group.id].sort());
    assert.match(serverTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.equal(typeof sessionId, "string");
    assert.equal(nodeId, "one");
    // A key of a session, or null as long as sessions cannot be recovered; but always there.
    assert.ok(sessionToken === null || typeof sessionToken === "string", `${sessionToken}`);
    assert.deepEqual(rest, {
      userId: tablet.user,
      organizationId: scene.org,
      recovered: false,
      recoveryFailure: null,
      unread: { total: 1 },
    });
    // It has joined: the next message comes by itself.
    await send(alice, group.id, "to the group");
    await hears(tablet, "to the group");
  });

  story("a conversation has every field of the contract", async (scene) => {
    const alice = await scene.connect("alice");
    const more = {
      title: "Order 7",
      context: { type: "order", id: "7" },
      metadata: { vip: true },
      clientConversationId: randomUUID(),
    };
    const { conversation, created } = await alice.ok("conversation:create", {
      kind: "group",
      participantIds: [scene.id("bob"), scene.id("carol")],
      ...more,
    });
    assert.equal(created, true);
    const { id, createdAt, lastMessageAt, ...rest } = conversation;
    assert.ok(id && createdAt);
    assert.equal(lastMessageAt, null);
    assert.deepEqual(rest, {
      organizationId: scene.org,
      kind: "group",
      title: "Order 7",
      context: { type: "order", id: "7" },
      status: "active",
      createdBy: alice.user,
      lastSeq: 0,
      rev: 1,
      memberCount: 3,
      messageCount: 0,
      archivedAt: null,
      archivedBy: null,
      metadata: { vip: true },
      unreadCount: 0,
      myRole: "owner",
    });
    const found = await alice.ok("conversation:get", { conversationId: id });
    assert.deepEqual(found.conversation, conversation);
    const roles = found.members.map(({ userId, role }) => [userId, role]).sort();
    assert.deepEqual(roles, [
      [alice.user, "owner"],
      [scene.id("bob"), "member"],
      [scene.id("carol"), "member"],
    ]);
    const fields = ["deliveredSeq", "joinedAt", "lastSeenAt", "readSeq", "role", "userId"];
    for (const member of found.members) assert.deepEqual(Object.keys(member).sort(), fields);
    const message = await send(alice, id, "first");
    assert.deepEqual([message.seq, message.rev], [1, 2]);
    const after = (await alice.ok("room:info", { roomId: id })).conversation;
    assert.deepEqual(
      [after.lastSeq, after.rev, after.messageCount, after.lastMessageAt],
      [1, 2, 1, message.createdAt],
    );
  });

  story("two people have one direct conversation, whoever begins it", async (scene) => {
    const [alice, bob] = await Promise.all([scene.connect("alice"), scene.connect("bob", { node: 1 })]);
    const first = await alice.ok("conversation:create", { kind: "direct", participantIds: [bob.user] });
    assert.equal(first.created, true);
    const again = await alice.ok("conversation:create", { kind: "direct", participantIds: [bob.user] });
    const fromBob = await bob.ok("conversation:create", { kind: "direct", participantIds: [alice.user] });
    for (const { conversation, created } of [again, fromBob]) {
      assert.equal(created, false);
      assert.equal(conversation.id, first.conversation.id);
    }
    // With another context it is another conversation.
    const context = { type: "order", id: "7" };
    const about = { kind: "direct", participantIds: [bob.user], context };
    const other = await alice.ok("conversation:create", about);
    assert.equal(other.created, true);
    assert.deepEqual(other.conversation.context, context);
    const sameOther = await bob.ok("conversation:create", { ...about, participantIds: [alice.user] });
    assert.deepEqual([sameOther.created, sameOther.conversation.id], [false, other.conversation.id]);
    // He may be answered before he is told.
    for (const created of [first, other]) {
      await bob.next("conversation:created", ({ conversation }) => conversation.id === created.conversation.id);
    }
    const events = bob.collected("conversation:created").map(({ conversation }) => conversation.id);
    assert.deepEqual(events, [first.conversation.id, other.conversation.id]);
  });

  story("two people who begin at the same time on two nodes have one", async (scene) => {
    const [alice, bob] = await Promise.all([scene.connect("alice"), scene.connect("bob", { node: 1 })]);
    for (let round = 0; round < 4; round += 1) {
      const context = { type: "round", id: `${round}` };
      const begin = (from, to) =>
        from.ok("conversation:create", { kind: "direct", participantIds: [to.user], context });
      const answers = await Promise.all([
        begin(alice, bob),
        begin(bob, alice),
        begin(alice, bob),
        begin(bob, alice),
      ]);
      assert.equal(new Set(answers.map(({ conversation }) => conversation.id)).size, 1);
      assert.equal(answers.filter(({ created }) => created).length, 1);
    }
  });

  story("a group that is created again under the same client id is the same", async (scene) => {
    const [alice, desk, bob] = await Promise.all([
      scene.connect("alice"),
      scene.connect("alice", { node: 1 }),
      scene.connect("bob", { node: 1 }),
    ]);
    const call = { kind: "group", participantIds: [bob.user], clientConversationId: "group-1" };
    const answers = await Promise.all([
      alice.ok("conversation:create", call),
      desk.ok("conversation:create", call),
    ]);
    assert.equal(answers[0].conversation.id, answers[1].conversation.id);
    assert.equal(answers.filter(({ created }) => created).length, 1);
    const own = await bob.ok("conversation:create", { ...call, participantIds: [alice.user] });
    assert.equal(own.created, true, "the id is the creator's own");
  });

  story("the members' sockets are in it at once, on every node", async (scene) => {
    const [alice, desk, bob, carol] = await Promise.all([
      scene.connect("alice"),
      scene.connect("alice", { node: 1 }),
      scene.connect("bob", { node: 1 }),
      scene.connect("carol", { node: 0 }),
    ]);
    const conversation = await scene.group(alice, ["bob", "carol"]);
    await send(alice, conversation.id, "at once");
    const { unreadCount, myRole, ...forAll } = conversation;
    assert.deepEqual([unreadCount, myRole], [0, "owner"]);
    for (const client of [desk, bob, carol]) {
      assert.deepEqual(await client.next("conversation:created"), { conversation: forAll });
      await hears(client, "at once");
      assert.equal(client.collected("conversation:created").length, 1);
    }
    assert.deepEqual(alice.collected("conversation:created"), []);
  });

  story("who was told of a conversation gets what comes next, even if it is not kept for anybody", async (scene) => {
    const lost = [];
    const couple = async (n) => {
      const [alice, bob] = await Promise.all([
        scene.connect(`alice-${n}`, { node: 0 }),
        scene.connect(`bob-${n}`, { node: 1 }),
      ]);
      for (let round = 0; round < 3; round += 1) {
        const context = { type: "round", id: `${round}` };
        const call = { kind: "direct", participantIds: [bob.user], context };
        const { id: conversationId } = (await alice.ok("conversation:create", call)).conversation;
        await bob.next("conversation:created", ({ conversation }) => conversation.id === conversationId);
        await alice.ok("message:typing", { conversationId, isTyping: true });
        const isIt = (event) => event.conversationId === conversationId && event.isTyping;
        await bob.next("message:typing", isIt, 2_000).catch(() => lost.push(`${n}.${round}`));
      }
    };
    await Promise.all(Array.from({ length: 30 }, (_, n) => couple(n)));
    assert.deepEqual(lost, [], "these were not told that somebody types");
  });

  story("who leaves hears nothing live, stays a member, and catches up when joining again", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    await send(alice, conversationId, "one");
    const { message: last } = await bob.next("message:new");
    assert.deepEqual(await bob.ok("conversation:leave", { conversationId }), {});
    const missed = [await send(alice, conversationId, "two"), await send(alice, conversationId, "three")];
    assert.equal((await bob.ok("conversation:get", { conversationId })).conversation.unreadCount, 3);
    await bob.quiet(500, "message:new");
    const joined = await bob.ok("conversation:join", { conversationId, afterRev: last.rev });
    assert.equal(joined.conversation.id, conversationId);
    assert.equal(joined.members.length, 2);
    assert.deepEqual(joined.changes.messages, missed);
    assert.deepEqual([joined.changes.rev, joined.changes.hasMore], [missed[1].rev, false]);
    await send(alice, conversationId, "four");
    await hears(bob, "four");
    assert.equal((await bob.ok("join:chat", { chatId: conversationId })).changes, undefined);
    await bob.ok("leave:chat", { chatId: conversationId });
  });

  story("a join during traffic leaves no gap and no double", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    await bob.ok("conversation:leave", { conversationId });
    const sending = (async () => {
      for (let n = 1; n <= 40; n += 1) await send(alice, conversationId, `${n}`);
    })();
    await pause(50);
    const { changes } = await bob.ok("conversation:join", { conversationId, afterRev: 1 });
    await sending;
    const live = () => bob.collected("message:new").map(({ message }) => message.rev);
    const newest = () => Math.max(changes.rev, ...live());
    await bob.until(() => newest() >= 41, () => "the last of 40 messages");
    assert.equal(changes.hasMore, false);
    const caughtUp = changes.messages.map(({ rev }) => rev);
    const all = [...caughtUp, ...live().filter((rev) => rev > changes.rev)];
    assert.deepEqual(all, Array.from({ length: 40 }, (_, n) => n + 2));
    assert.deepEqual(live(), [...new Set(live())].sort((a, b) => a - b));
  });

  story("the list has the newest activity first, in pages", async (scene) => {
    const alice = await scene.connect("alice");
    const created = [];
    for (let n = 0; n < 7; n += 1) created.push((await scene.group(alice, ["bob"], { title: `${n}` })).id);
    await send(alice, created[2], "activity");
    const expected = [created[2], ...created.filter((id) => id !== created[2]).reverse()];
    const all = await alice.ok("conversation:list", {});
    assert.deepEqual(all.conversations.map(({ id }) => id), expected);
    assert.equal(all.nextCursor, null);
    const paged = [];
    let cursor;
    do {
      const page = await alice.ok("room:list", { limit: 3, ...(cursor && { cursor }) });
      assert.ok(page.conversations.length <= 3);
      paged.push(...page.conversations.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor);
    assert.deepEqual(paged, expected);
    const status = async (word) => (await alice.ok("conversation:list", { status: word })).conversations.length;
    assert.deepEqual([await status("active"), await status("archived")], [7, 0]);
    await alice.refused("VALIDATION_FAILED", "conversation:list", { status: "lost" });
    await alice.refused("VALIDATION_FAILED", "conversation:list", { cursor: "no cursor of ours" });
  });

  story("what was missed is caught up with in pages, each change in its newest state", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const messages = [];
    for (let n = 1; n <= 9; n += 1) messages.push(await send(alice, conversationId, `${n}`));
    await alice.ok("message:edit", { messageId: messages[1].id, content: "2, edited" });
    await alice.ok("message:delete", { messageId: messages[4].id });
    await bob.ok("message:read", { conversationId, upToSeq: 6 });
    const current = new Map();
    let afterRev = 0;
    for (let page, pages = 0; !page || page.hasMore; pages += 1) {
      assert.ok(pages < 20, "it comes to an end");
      page = await bob.ok("conversation:sync", { conversationId, afterRev, limit: 3 });
      assert.ok(page.rev > afterRev && page.messages.length <= 3);
      const revs = page.messages.map(({ rev }) => rev);
      assert.deepEqual(revs, [...revs].sort((a, b) => a - b));
      assert.ok(revs.every((rev) => rev > afterRev && rev <= page.rev));
      for (const message of page.messages) current.set(message.id, message);
      afterRev = page.rev;
      if (!page.hasMore) {
        assert.equal(page.rev, page.conversation.rev);
        const read = page.receipts.find(({ userId }) => userId === bob.user);
        assert.deepEqual(read, { userId: bob.user, deliveredSeq: 6, readSeq: 6 });
      }
    }
    assert.equal(afterRev, 12);
    const history = (await bob.ok("message:history", { conversationId })).messages;
    assert.deepEqual([...current.values()].sort((a, b) => a.seq - b.seq), history);
    const nothing = await bob.ok("conversation:sync", { conversationId, afterRev });
    assert.deepEqual([nothing.messages, nothing.members, nothing.rev, nothing.hasMore], [[], [], 12, false]);
    const everything = await bob.ok("conversation:sync", { conversationId, afterRev: 0 });
    assert.equal(everything.members.length, 2);
  });
});
