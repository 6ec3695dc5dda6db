import { initial, reduce, type Action, type Pending, type State, type Thread } from "../src/state.ts";
import type { Conversation, Member, Message, SyncAnswer } from "../src/types.ts";

export const ID = "c1";

export function conversation(over: Partial<Conversation> = {}): Conversation {
  return {
    id: ID,
    organizationId: "acme",
    kind: "direct",
    title: null,
    status: "active",
    createdBy: "alice",
    createdAt: "2026-11-20T09:00:00.000Z",
    lastMessageAt: null,
    lastSeq: 0,
    rev: 1,
    memberCount: 2,
    messageCount: 0,
    ...over,
  };
}

export function message(seq: number, over: Partial<Message> = {}): Message {
  return {
    id: `m${seq}`,
    conversationId: ID,
    seq,
    rev: seq + 1,
    version: 1,
    senderId: "bob",
    type: "text",
    content: `message ${seq}`,
    clientMessageId: null,
    createdAt: new Date(Date.UTC(2026, 10, 20, 9, 0, seq)).toISOString(),
    editedAt: null,
    deletedAt: null,
    ...over,
  };
}

export function member(userId: string, over: Partial<Member> = {}): Member {
  return { userId, role: "member", deliveredSeq: 0, readSeq: 0, ...over };
}

export function pending(clientMessageId: string, content = "hello"): Pending {
  return {
    clientMessageId,
    conversationId: ID,
    content,
    createdAt: "2026-11-20T09:10:00.000Z",
    error: null,
  };
}

export function sync(over: Partial<SyncAnswer>): SyncAnswer {
  return { conversation: conversation(), messages: [], members: [], receipts: [], rev: 1, hasMore: false, ...over };
}

export function after(state: State, ...actions: Action[]): State {
  return actions.reduce(reduce, state);
}

/** Alice, signed in, with one direct conversation with bob, whose first `seqs` messages are loaded. */
export function loaded(seqs: number[], hasMore = false): State {
  const lastSeq = seqs.at(-1) ?? 0;
  return after(
    initial,
    { type: "signed-in", me: { userId: "alice", org: "acme" }, outbox: [] },
    { type: "list", conversations: [conversation({ lastSeq, rev: lastSeq + 1 })], nextCursor: null },
    { type: "members", conversationId: ID, members: [member("alice"), member("bob")] },
    { type: "history-loading", conversationId: ID },
    { type: "history", conversationId: ID, messages: seqs.map((seq) => message(seq)), hasMore },
  );
}

export function thread(state: State): Thread {
  const found = state.threads.get(ID);
  if (!found) throw new Error("the conversation is gone");
  return found;
}

export function seqs(state: State): number[] {
  return thread(state).messages.map((m) => m.seq);
}
