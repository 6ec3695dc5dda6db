import assert from "node:assert/strict";
import test from "node:test";
import { newestMessage } from "../src/select.ts";
import { initial } from "../src/state.ts";
import { after, conversation, ID, loaded, member, message, pending, seqs, sync, thread } from "./fixtures.ts";

test("messages are ordered by seq, in whatever order they arrive", () => {
  const state = after(loaded([1]), { type: "message", message: message(3) }, { type: "message", message: message(2) });
  assert.deepEqual(seqs(state), [1, 2, 3]);
});

test("a message that arrives twice is there once", () => {
  const event = { type: "message" as const, message: message(2) };
  assert.deepEqual(seqs(after(loaded([1]), event, event)), [1, 2]);
});

test("an edit replaces the message, and an older state of it does not come back", () => {
  const edited = message(1, { rev: 5, version: 2, content: "edited", editedAt: "2026-11-20T10:00:00.000Z" });
  const state = after(loaded([1]), { type: "message", message: edited }, { type: "message", message: message(1) });
  assert.equal(thread(state).messages[0]?.content, "edited");
});

test("the position moves over changes without a gap", () => {
  const state = after(loaded([1]), { type: "message", message: message(2) }, { type: "message", message: message(3) });
  assert.equal(thread(state).rev, 4);
  assert.deepEqual(thread(state).ahead, []);
});

test("the position waits at a gap until the missing change is there", () => {
  const gap = after(loaded([1]), { type: "message", message: message(3) });
  assert.equal(thread(gap).rev, 2);
  assert.deepEqual(thread(gap).ahead, [4]);
  const closed = after(gap, { type: "message", message: message(2) });
  assert.equal(thread(closed).rev, 4);
  assert.deepEqual(thread(closed).ahead, []);
});

test("a list fetched after a reconnect does not move the position past what was missed", () => {
  const state = after(loaded([1]), {
    type: "list",
    conversations: [conversation({ rev: 9, lastSeq: 8, unreadCount: 7 })],
    nextCursor: null,
  });
  assert.equal(thread(state).rev, 2);
  assert.equal(thread(state).conversation.lastSeq, 8);
  assert.equal(state.unread.get(ID), 7);
});

test("a sync page brings what was missed and moves the position to its end", () => {
  const missed = after(loaded([1]), { type: "message", message: message(5) });
  const answer = sync({ messages: [message(2), message(3)], rev: 4, hasMore: true });
  const first = after(missed, { type: "synced", conversationId: ID, answer });
  assert.equal(thread(first).rev, 4);
  assert.deepEqual(thread(first).ahead, [6]);
  const last = after(first, { type: "synced", conversationId: ID, answer: sync({ messages: [message(4)], rev: 5 }) });
  assert.equal(thread(last).rev, 6);
  assert.deepEqual(seqs(last), [1, 2, 3, 4, 5]);
});

test("a sync removes members who left and moves watermarks", () => {
  const answer = sync({
    members: [member("bob", { leftAt: "2026-11-20T10:00:00.000Z" })],
    receipts: [{ userId: "alice", deliveredSeq: 1, readSeq: 1 }],
    rev: 3,
  });
  const state = after(loaded([1]), { type: "synced", conversationId: ID, answer });
  assert.deepEqual(thread(state).members, [member("alice", { deliveredSeq: 1, readSeq: 1 })]);
});

test("a change of a message that is not loaded leaves no hole in the display", () => {
  const old = message(2, { rev: 13, content: "edited" });
  const state = after(loaded([9, 10], true), { type: "message", message: old });
  assert.deepEqual(seqs(state), [9, 10]);
  assert.equal(thread(state).rev, 11);
  assert.deepEqual(thread(state).ahead, [13]);
});

test("an older page goes before what is there", () => {
  const page = { type: "history" as const, conversationId: ID, messages: [message(1), message(2)], hasMore: false };
  const state = after(loaded([3, 4], true), page);
  assert.deepEqual(seqs(state), [1, 2, 3, 4]);
  assert.equal(thread(state).hasOlder, false);
});

test("a message that arrives while history is loading is kept", () => {
  const state = after(
    loaded([]),
    { type: "list", conversations: [conversation({ id: "c2" })], nextCursor: null },
    { type: "history-loading", conversationId: "c2" },
    { type: "message", message: message(2, { conversationId: "c2" }) },
    { type: "history", conversationId: "c2", messages: [message(1, { conversationId: "c2" })], hasMore: false },
  );
  assert.deepEqual(state.threads.get("c2")?.messages.map((m) => m.seq), [1, 2]);
});

test("a pending message goes when it is stored, however that is learned", () => {
  const waiting = after(loaded([1]), { type: "enqueued", pending: pending("x") });
  const mine = message(2, { senderId: "alice", clientMessageId: "x" });
  const page = { type: "history" as const, conversationId: ID, messages: [mine], hasMore: false };
  const synced = { type: "synced" as const, conversationId: ID, answer: sync({ messages: [mine], rev: 3 }) };
  assert.equal(waiting.outbox.length, 1);
  assert.equal(after(waiting, { type: "message", message: mine }).outbox.length, 0);
  assert.equal(after(waiting, synced).outbox.length, 0);
  assert.equal(after(waiting, page).outbox.length, 0);
});

test("somebody else's clientMessageId does not settle mine", () => {
  const state = after(loaded([1]), { type: "enqueued", pending: pending("x") }, {
    type: "message",
    message: message(2, { senderId: "bob", clientMessageId: "x" }),
  });
  assert.equal(state.outbox.length, 1);
});

test("a refused message stays, with the reason, until it is sent again or discarded", () => {
  const failed = after(
    loaded([1]),
    { type: "enqueued", pending: pending("x") },
    { type: "send-failed", clientMessageId: "x", error: "too long" },
  );
  assert.equal(failed.outbox[0]?.error, "too long");
  assert.equal(after(failed, { type: "send-again", clientMessageId: "x" }).outbox[0]?.error, null);
  assert.equal(after(failed, { type: "discarded", clientMessageId: "x" }).outbox.length, 0);
});

test("watermarks only move forward, also when a snapshot is older than an event", () => {
  const state = after(
    loaded([1, 2, 3]),
    { type: "receipt", conversationId: ID, receipt: { userId: "bob", deliveredSeq: 3, readSeq: 2 } },
    { type: "receipt", conversationId: ID, receipt: { userId: "bob", deliveredSeq: 1, readSeq: 0 } },
    { type: "members", conversationId: ID, members: [member("alice"), member("bob", { deliveredSeq: 1 })] },
  );
  assert.deepEqual(thread(state).members[1], member("bob", { deliveredSeq: 3, readSeq: 2 }));
});

test("a message ends its sender's typing", () => {
  const typing = after(loaded([1]), { type: "typing", conversationId: ID, userId: "bob", isTyping: true });
  assert.deepEqual(typing.typing.get(ID), ["bob"]);
  assert.deepEqual(after(typing, { type: "message", message: message(2) }).typing.get(ID), []);
});

test("my own typing in another tab is not shown to me", () => {
  const state = after(loaded([1]), { type: "typing", conversationId: ID, userId: "alice", isTyping: true });
  assert.equal(state.typing.get(ID), undefined);
});

test("being removed closes the conversation; somebody else's removal does not", () => {
  const open = after(loaded([1]), { type: "open", conversationId: ID });
  const gone = (userId: string) =>
    after(open, { type: "member", conversationId: ID, member: member(userId), rev: 3, gone: true });
  assert.equal(gone("alice").openId, null);
  assert.equal(gone("alice").threads.size, 0);
  assert.deepEqual(thread(gone("bob")).members.map((m) => m.userId), ["alice"]);
  assert.equal(thread(gone("bob")).rev, 3);
});

test("signing out leaves nothing behind", () => {
  const state = after(loaded([1]), { type: "enqueued", pending: pending("x") }, { type: "signed-out" });
  assert.equal(state.threads.size, 0);
  assert.equal(state.outbox.length, 0);
  assert.equal(state.me, null);
});

test("messages that nobody looked at are counted, each once; those in view are not", () => {
  const unseen = (seq: number) => ({ type: "message" as const, message: message(seq), unseen: true });
  const state = after(loaded([1]), unseen(2), unseen(2), unseen(3), { type: "message", message: message(4), unseen: false });
  assert.equal(state.unread.get(ID), 2);
  assert.equal(after(state, { type: "unread", conversationId: ID, count: 0 }).unread.get(ID), 0);
});

test("the gateway's count corrects the own one, unless it was taken before a message that came since", () => {
  const counted = after(loaded([1]), { type: "message", message: message(2), unseen: true });
  const listed = (lastSeq: number, unreadCount: number) => ({
    type: "list" as const,
    conversations: [conversation({ lastSeq, rev: lastSeq + 1, unreadCount })],
    nextCursor: null,
  });
  assert.equal(after(counted, listed(1, 0)).unread.get(ID), 1);
  assert.equal(after(counted, listed(2, 2)).unread.get(ID), 2);
  // The event of a message that the list has counted comes after the list.
  const late = after(counted, listed(3, 2), { type: "message", message: message(3), unseen: true });
  assert.equal(late.unread.get(ID), 2);
});

test("what was read in another tab is not unread here", () => {
  const unseen = (seq: number) => ({ type: "message" as const, message: message(seq), unseen: true });
  const state = after(loaded([1]), unseen(2), unseen(3));
  const read = (userId: string, readSeq: number) =>
    after(state, { type: "receipt", conversationId: ID, receipt: { userId, deliveredSeq: readSeq, readSeq } });
  assert.equal(read("bob", 3).unread.get(ID), 2);
  assert.equal(read("alice", 2).unread.get(ID), 1);
  assert.equal(read("alice", 3).unread.get(ID), 0);
});

test("the newest message is known before any history is loaded", () => {
  const state = after(
    initial,
    { type: "list", conversations: [conversation({ lastSeq: 4, rev: 5 })], nextCursor: null },
  );
  assert.equal(newestMessage(thread(state)), null);
  const told = after(state, { type: "message", message: message(5) });
  assert.equal(newestMessage(thread(told))?.seq, 5);
  const edited = after(told, { type: "message", message: message(5, { rev: 7, content: "edited" }) });
  assert.equal(newestMessage(thread(edited))?.content, "edited");
  assert.deepEqual(seqs(edited), []);
});
