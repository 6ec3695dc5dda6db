/**
 * Everything that the page shows, and how each event changes it.
 *
 * Pure: no sockets, no DOM, no clock. Messages are kept in `seq` order; whether something was seen already is decided
 * by `rev`, so that an event, an ack, a history page and a sync answer may bring the same message in any order.
 */
import type { Conversation, Member, Message, Presence, Receipt, SyncAnswer } from "./types.ts";

export interface Me {
  userId: string;
  org: string;
}

export type Connection =
  | { kind: "connecting"; note: string }
  | { kind: "connected"; note: string }
  | { kind: "refused"; note: string; code: string };

export interface Thread {
  conversation: Conversation;
  members: readonly Member[];
  /** Ascending `seq`, without holes from the oldest one loaded. */
  messages: readonly Message[];
  history: "none" | "loading" | "loaded";
  hasOlder: boolean;
  /** Every change up to this one has been seen: where a sync has to begin. */
  rev: number;
  /** The newest message that an event or an ack brought, for the list: known before any history is loaded. */
  latest: Message | null;
  /** Changes seen beyond a gap, ascending. Not empty for long: own acks overtake events. */
  ahead: readonly number[];
}

/** A message that the gateway has not acknowledged yet. */
export interface Pending {
  clientMessageId: string;
  conversationId: string;
  content: string;
  createdAt: string;
  /** Why it was refused for good; `null` while it is still being tried. */
  error: string | null;
}

export interface State {
  me: Me | null;
  connection: Connection;
  nodeId: string | null;
  threads: ReadonlyMap<string, Thread>;
  nextCursor: string | null;
  listed: boolean;
  openId: string | null;
  presence: ReadonlyMap<string, Presence>;
  typing: ReadonlyMap<string, readonly string[]>;
  /** Counted here: raised by messages that nobody looked at, set by what the gateway says in acks. */
  unread: ReadonlyMap<string, number>;
  outbox: readonly Pending[];
}

export type Action =
  | { type: "signed-in"; me: Me; outbox: readonly Pending[] }
  | { type: "signed-out" }
  | { type: "connection"; connection: Connection }
  | { type: "ready"; nodeId: string }
  | { type: "list"; conversations: readonly Conversation[]; nextCursor: string | null }
  /** `change`: the conversation's own `rev` is an event; otherwise it is a snapshot from an ack. */
  | { type: "conversation"; conversation: Conversation; change: boolean }
  | { type: "members"; conversationId: string; members: readonly Member[] }
  | { type: "member"; conversationId: string; member: Member; rev: number; gone: boolean }
  | { type: "open"; conversationId: string | null }
  | { type: "history-loading"; conversationId: string }
  | { type: "history-failed"; conversationId: string }
  | { type: "history"; conversationId: string; messages: readonly Message[]; hasMore: boolean }
  /** `unseen`: somebody else's message came, and its conversation is not in view. */
  | { type: "message"; message: Message; unseen?: boolean }
  | { type: "synced"; conversationId: string; answer: SyncAnswer }
  | { type: "receipt"; conversationId: string; receipt: Receipt }
  | { type: "presence"; changes: readonly Presence[] }
  | { type: "typing"; conversationId: string; userId: string; isTyping: boolean }
  | { type: "unread"; conversationId: string; count: number }
  | { type: "enqueued"; pending: Pending }
  | { type: "send-failed"; clientMessageId: string; error: string }
  | { type: "send-again"; clientMessageId: string }
  | { type: "discarded"; clientMessageId: string };

export const initial: State = {
  me: null,
  connection: { kind: "connecting", note: "Connecting…" },
  nodeId: null,
  threads: new Map(),
  nextCursor: null,
  listed: false,
  openId: null,
  presence: new Map(),
  typing: new Map(),
  unread: new Map(),
  outbox: [],
};

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "signed-in":
      return { ...initial, me: action.me, outbox: action.outbox };
    case "signed-out":
      return initial;
    case "connection":
      return { ...state, connection: action.connection };
    case "ready":
      return { ...state, nodeId: action.nodeId };
    case "list":
      return applyList(state, action.conversations, action.nextCursor);
    case "conversation":
      return applyConversation(state, action.conversation, action.change);
    case "members":
      return withThread(state, action.conversationId, (thread) => ({
        ...thread,
        members: action.members.map((member) => furthest(thread, member)),
      }));
    case "member":
      return applyMember(state, action.conversationId, action.member, action.rev, action.gone);
    case "open":
      return { ...state, openId: action.conversationId };
    case "history-loading":
      return withThread(state, action.conversationId, (thread) =>
        thread.history === "none" ? { ...thread, history: "loading" } : thread,
      );
    case "history-failed":
      return withThread(state, action.conversationId, (thread) =>
        thread.history === "loading" ? { ...thread, history: "none", messages: [] } : thread,
      );
    case "history":
      return dropStored(
        withThread(state, action.conversationId, (thread) => ({
          ...thread,
          messages: merge(thread.messages, action.messages),
          history: "loaded",
          hasOlder: action.hasMore,
        })),
        action.messages,
      );
    case "message":
      return applyMessage(state, action.message, action.unseen ?? false);
    case "synced":
      return applySync(state, action.conversationId, action.answer);
    case "receipt":
      return applyReceipt(state, action.conversationId, action.receipt);
    case "presence": {
      const presence = new Map(state.presence);
      for (const change of action.changes) presence.set(change.userId, change);
      return { ...state, presence };
    }
    case "typing":
      return applyTyping(state, action.conversationId, action.userId, action.isTyping);
    case "unread":
      return { ...state, unread: new Map(state.unread).set(action.conversationId, action.count) };
    case "enqueued":
      return { ...state, outbox: [...state.outbox, action.pending] };
    case "send-failed":
      return withPending(state, action.clientMessageId, action.error);
    case "send-again":
      return withPending(state, action.clientMessageId, null);
    case "discarded":
      return { ...state, outbox: state.outbox.filter((p) => p.clientMessageId !== action.clientMessageId) };
  }
}

function withThread(state: State, id: string, change: (thread: Thread) => Thread): State {
  const thread = state.threads.get(id);
  if (!thread) return state;
  const changed = change(thread);
  return changed === thread ? state : { ...state, threads: new Map(state.threads).set(id, changed) };
}

function withPending(state: State, clientMessageId: string, error: string | null): State {
  return {
    ...state,
    outbox: state.outbox.map((p) => (p.clientMessageId === clientMessageId ? { ...p, error } : p)),
  };
}

function newThread(conversation: Conversation): Thread {
  return {
    conversation,
    members: [],
    messages: [],
    history: "none",
    hasOlder: false,
    rev: conversation.rev,
    latest: null,
    ahead: [],
  };
}

function newer(known: Conversation, next: Conversation): Conversation {
  return next.rev >= known.rev ? { ...known, ...next } : known;
}

/** A thread whose messages are loaded keeps its own `rev`: only events and syncs may say what was seen. */
function snapshot(thread: Thread, conversation: Conversation): Thread {
  const seen = thread.history === "loaded" ? thread.rev : Math.max(thread.rev, conversation.rev);
  return {
    ...thread,
    conversation: newer(thread.conversation, conversation),
    rev: seen,
    ahead: thread.ahead.filter((rev) => rev > seen),
  };
}

/** Notes a change as seen, and closes the gap before it if this was the one missing. */
function noteRev(thread: Thread, rev: number): Thread {
  if (rev <= thread.rev || thread.ahead.includes(rev)) return thread;
  // Nothing is loaded that a missed change could have touched.
  if (thread.history === "none") return { ...thread, rev };
  const ahead = [...thread.ahead, rev].sort((a, b) => a - b);
  let seen = thread.rev;
  while (ahead[0] === seen + 1) {
    ahead.shift();
    seen += 1;
  }
  return { ...thread, rev: seen, ahead };
}

function applyList(state: State, conversations: readonly Conversation[], nextCursor: string | null): State {
  const threads = new Map(state.threads);
  let unread = state.unread;
  for (const conversation of conversations) {
    const thread = threads.get(conversation.id);
    threads.set(conversation.id, thread ? snapshot(thread, conversation) : newThread(conversation));
    unread = corrected(unread, thread, conversation);
  }
  return { ...state, threads, unread, nextCursor, listed: true };
}

/** The gateway's own count, unless it was taken before a message that is known here already. */
function corrected(unread: State["unread"], known: Thread | undefined, conversation: Conversation): State["unread"] {
  const { id, lastSeq, unreadCount } = conversation;
  if (unreadCount === undefined || lastSeq < (known?.conversation.lastSeq ?? 0)) return unread;
  return new Map(unread).set(id, unreadCount);
}

function applyConversation(state: State, conversation: Conversation, change: boolean): State {
  const known = state.threads.get(conversation.id);
  let thread = known ?? newThread(conversation);
  if (known) {
    thread = change
      ? noteRev({ ...known, conversation: newer(known.conversation, conversation) }, conversation.rev)
      : snapshot(known, conversation);
  }
  const unread = corrected(state.unread, known, conversation);
  return { ...state, unread, threads: new Map(state.threads).set(conversation.id, thread) };
}

function applyMember(state: State, id: string, member: Member, rev: number, gone: boolean): State {
  if (gone && member.userId === state.me?.userId) {
    const threads = new Map(state.threads);
    threads.delete(id);
    return { ...state, threads, openId: state.openId === id ? null : state.openId };
  }
  return withThread(state, id, (thread) => {
    const others = thread.members.filter((m) => m.userId !== member.userId);
    const members = gone ? others : [...others, furthest(thread, member)];
    return noteRev({ ...thread, members }, rev);
  });
}

/** Watermarks only move forward, whichever of an event and a snapshot comes last. */
function furthest(thread: Thread, member: Member): Member {
  const known = thread.members.find((m) => m.userId === member.userId);
  return known ? forward(member, known) : member;
}

function forward(member: Member, receipt: Receipt): Member {
  const readSeq = Math.max(member.readSeq ?? 0, receipt.readSeq ?? 0);
  const deliveredSeq = Math.max(member.deliveredSeq ?? 0, receipt.deliveredSeq ?? 0, readSeq);
  return { ...member, readSeq, deliveredSeq };
}

/** One message per `seq`, the one with the highest `rev`, ascending. */
function merge(known: readonly Message[], more: readonly Message[]): Message[] {
  const bySeq = new Map(known.map((message) => [message.seq, message]));
  for (const message of more) {
    const held = bySeq.get(message.seq);
    if (!held || message.rev > held.rev) bySeq.set(message.seq, message);
  }
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}

/** Leaves out what lies before the oldest page loaded: it comes, as it then is, when that page is loaded. */
function within(thread: Thread, messages: readonly Message[]): readonly Message[] {
  if (thread.history === "none") return [];
  const oldest = thread.messages[0];
  if (thread.history === "loading" || !thread.hasOlder || !oldest) return messages;
  return messages.filter((message) => message.seq >= oldest.seq);
}

function applyMessage(state: State, message: Message, unseen: boolean): State {
  // One that a snapshot was taken after is in that snapshot's count.
  const counts = unseen && message.seq > (state.threads.get(message.conversationId)?.conversation.lastSeq ?? Infinity);
  const changed = withThread(state, message.conversationId, (thread) => {
    const isNew = message.seq > thread.conversation.lastSeq;
    const conversation = {
      ...thread.conversation,
      lastSeq: Math.max(thread.conversation.lastSeq, message.seq),
      rev: Math.max(thread.conversation.rev, message.rev),
      lastMessageAt: isNew ? message.createdAt : thread.conversation.lastMessageAt,
      messageCount: thread.conversation.messageCount + (isNew ? 1 : 0),
    };
    const messages = merge(thread.messages, within(thread, [message]));
    return noteRev({ ...thread, conversation, messages, latest: newest(thread.latest, message) }, message.rev);
  });
  const quiet = message.deletedAt || message.editedAt ? changed : stopTyping(changed, message);
  return dropStored(counts ? oneMoreUnread(quiet, message.conversationId) : quiet, [message]);
}

function newest(known: Message | null, next: Message): Message {
  if (!known || next.seq > known.seq) return next;
  return next.seq === known.seq && next.rev > known.rev ? next : known;
}

function oneMoreUnread(state: State, id: string): State {
  return { ...state, unread: new Map(state.unread).set(id, (state.unread.get(id) ?? 0) + 1) };
}

function applyReceipt(state: State, id: string, receipt: Receipt): State {
  const changed = withThread(state, id, (thread) => ({
    ...thread,
    members: thread.members.map((member) => (member.userId === receipt.userId ? forward(member, receipt) : member)),
  }));
  const lastSeq = state.threads.get(id)?.conversation.lastSeq;
  if (receipt.userId !== state.me?.userId || lastSeq === undefined) return changed;
  // Read in another tab: no more can be unread than came after that.
  const most = Math.max(0, lastSeq - receipt.readSeq);
  const count = Math.min(state.unread.get(id) ?? 0, most);
  return { ...changed, unread: new Map(state.unread).set(id, count) };
}

function stopTyping(state: State, message: Message): State {
  return applyTyping(state, message.conversationId, message.senderId, false);
}

function applySync(state: State, id: string, answer: SyncAnswer): State {
  const changed = withThread(state, id, (thread) => {
    const touched = new Map(answer.members.map((member) => [member.userId, member]));
    const kept = thread.members.filter((member) => !touched.has(member.userId));
    const joined = answer.members.filter((member) => !member.leftAt).map((m) => furthest(thread, m));
    const receipts = new Map(answer.receipts.map((receipt) => [receipt.userId, receipt]));
    const members = [...kept, ...joined].map((member) => {
      const receipt = receipts.get(member.userId);
      return receipt ? forward(member, receipt) : member;
    });
    const rev = Math.max(thread.rev, answer.rev);
    const base: Thread = {
      ...thread,
      conversation: newer(thread.conversation, answer.conversation),
      members,
      messages: merge(thread.messages, within(thread, answer.messages)),
      rev,
      ahead: [],
    };
    return thread.ahead.reduce(noteRev, base);
  });
  return dropStored(changed, answer.messages);
}

/** What is stored is no longer pending, however we came to hear of it (the ack may have been lost). */
function dropStored(state: State, messages: readonly Message[]): State {
  const stored = new Set<string>();
  for (const message of messages) {
    if (message.clientMessageId && message.senderId === state.me?.userId) {
      stored.add(message.clientMessageId);
    }
  }
  const outbox = state.outbox.filter((pending) => !stored.has(pending.clientMessageId));
  return outbox.length === state.outbox.length ? state : { ...state, outbox };
}

function applyTyping(state: State, id: string, userId: string, isTyping: boolean): State {
  const before = state.typing.get(id) ?? [];
  if (before.includes(userId) === isTyping || userId === state.me?.userId) return state;
  const after = isTyping ? [...before, userId] : before.filter((other) => other !== userId);
  return { ...state, typing: new Map(state.typing).set(id, after) };
}
