import assert from "node:assert/strict";
import test from "node:test";
import { conversationsInOrder, deliveryState, otherParty, rows, titleOf, unreadTotal } from "../src/select.ts";
import { after, conversation, ID, loaded, member, message, pending, thread } from "./fixtures.ts";

const receipt = (deliveredSeq: number, readSeq: number) => ({
  type: "receipt" as const,
  conversationId: ID,
  receipt: { userId: "bob", deliveredSeq, readSeq },
});

test("the conversation with the newest message comes first", () => {
  const state = after(loaded([1]), {
    type: "list",
    conversations: [conversation({ id: "c2", createdAt: "2026-11-20T09:30:00.000Z" })],
    nextCursor: null,
  });
  const ids = (from: typeof state) => conversationsInOrder(from).map((t) => t.conversation.id);
  assert.deepEqual(ids(state), ["c2", ID]);
  const later = message(2, { createdAt: "2026-11-20T10:00:00.000Z" });
  assert.deepEqual(ids(after(state, { type: "message", message: later })), [ID, "c2"]);
});

test("a direct conversation is named after the other party, known from its creator or its members", () => {
  const state = loaded([1]);
  assert.equal(titleOf(state, thread(state)), "bob");
  const bare = { ...thread(state), members: [] };
  assert.equal(otherParty(state, bare), null);
  assert.equal(otherParty(state, { ...bare, conversation: conversation({ createdBy: "carol" }) }), "carol");
});

test("ticks go from sent to delivered to read, each at its watermark", () => {
  const state = loaded([1, 2]);
  const ticks = (from: typeof state) => deliveryState(from, thread(from), message(2, { senderId: "alice" }));
  assert.equal(ticks(state), "sent");
  assert.equal(ticks(after(state, receipt(1, 1))), "sent");
  assert.equal(ticks(after(state, receipt(2, 1))), "delivered");
  assert.equal(ticks(after(state, receipt(2, 2))), "read");
});

test("in a group, a message is read when everybody else has read it", () => {
  const carol = member("carol", { deliveredSeq: 2 });
  const state = after(
    loaded([1, 2]),
    receipt(2, 2),
    { type: "member", conversationId: ID, member: carol, rev: 4, gone: false },
  );
  assert.equal(deliveryState(state, thread(state), message(2, { senderId: "alice" })), "delivered");
});

test("a pending message comes last, keeps its key when stored, and says when it failed", () => {
  const waiting = after(loaded([1]), { type: "enqueued", pending: pending("x") });
  const last = (from: typeof waiting) => rows(from, thread(from)).at(-1);
  const before = last(waiting);
  assert.ok(before?.kind === "message");
  assert.equal(before.state, "sending");
  const failed = last(after(waiting, { type: "send-failed", clientMessageId: "x", error: "no" }));
  assert.ok(failed?.kind === "message");
  assert.equal(failed.state, "failed");
  const mine = message(2, { senderId: "alice", clientMessageId: "x", createdAt: "2026-11-20T09:10:01.000Z" });
  const stored = last(after(waiting, { type: "message", message: mine }));
  assert.ok(stored?.kind === "message");
  assert.equal(stored.state, "sent");
  assert.equal(stored.key, before.key);
});

test("a run of messages from one person ends with another person or a pause of more than five minutes", () => {
  const at = (seconds: number) => new Date(Date.UTC(2026, 10, 20, 9, 0, seconds)).toISOString();
  const state = after(
    loaded([1, 2]),
    { type: "message", message: message(3, { createdAt: at(302) }) },
    { type: "message", message: message(4, { createdAt: at(603) }) },
    { type: "message", message: message(5, { createdAt: at(604), senderId: "alice" }) },
  );
  const firsts = rows(state, thread(state)).flatMap((row) => (row.kind === "message" ? [row.first] : []));
  assert.deepEqual(firsts, [true, false, false, true, true]);
});

test("unread messages are counted over all conversations", () => {
  const state = after(
    loaded([1]),
    { type: "list", conversations: [conversation({ id: "c2", unreadCount: 3 })], nextCursor: null },
    { type: "unread", conversationId: ID, count: 2 },
    { type: "unread", conversationId: "not listed", count: 9 },
  );
  assert.equal(unreadTotal(state), 5);
});
