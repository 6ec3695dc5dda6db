/** Questions that the views ask of the state. Pure, like the state. */
import type { Pending, State, Thread } from "./state.ts";
import type { Message, Presence, Status } from "./types.ts";

export type DeliveryState = "sending" | "failed" | "sent" | "delivered" | "read";

/** Newest activity first. */
export function conversationsInOrder(state: State): Thread[] {
  return [...state.threads.values()].sort((a, b) => {
    const byTime = activity(b).localeCompare(activity(a));
    return byTime !== 0 ? byTime : b.conversation.id.localeCompare(a.conversation.id);
  });
}

function activity(thread: Thread): string {
  return thread.conversation.lastMessageAt ?? thread.conversation.createdAt;
}

/** The other party of a direct conversation; `null` for groups, or while the members are not known yet. */
export function otherParty(state: State, thread: Thread): string | null {
  const me = state.me?.userId;
  if (thread.conversation.kind !== "direct") return null;
  const other = thread.members.find((member) => member.userId !== me);
  if (other) return other.userId;
  return thread.conversation.createdBy === me ? null : thread.conversation.createdBy;
}

export function titleOf(state: State, thread: Thread): string {
  const other = otherParty(state, thread);
  if (other) return other;
  if (thread.conversation.title) return thread.conversation.title;
  return thread.conversation.kind === "group" ? "Untitled group" : "Direct conversation";
}

/** The last message, if it is known: loaded, or brought by an event before anything was loaded. */
export function newestMessage({ conversation, latest, messages }: Thread): Message | null {
  const loaded = messages.at(-1);
  if (loaded && loaded.seq >= (latest?.seq ?? 0)) return loaded;
  return latest && latest.seq >= conversation.lastSeq ? latest : null;
}

export function statusOf(state: State, userId: string): Status {
  return state.presence.get(userId)?.status ?? "offline";
}

export function presenceOf(state: State, userId: string): Presence {
  return state.presence.get(userId) ?? { userId, status: "offline" };
}

export function unreadTotal(state: State): number {
  let total = 0;
  for (const id of state.threads.keys()) total += state.unread.get(id) ?? 0;
  return total;
}

/** How far one of my messages has come: as far as it has come for every other member. */
export function deliveryState(state: State, thread: Thread, message: Message): DeliveryState {
  const others = thread.members.filter((member) => member.userId !== state.me?.userId);
  if (others.length === 0) return "sent";
  if (others.every((member) => member.readSeq >= message.seq)) return "read";
  if (others.every((member) => member.deliveredSeq >= message.seq)) return "delivered";
  return "sent";
}

export type Row =
  | { kind: "day"; key: string; at: string }
  | {
      kind: "message";
      key: string;
      message: Message | null;
      pending: Pending | null;
      senderId: string;
      content: string;
      createdAt: string;
      mine: boolean;
      /** First of a run of messages from one person. */
      first: boolean;
      state: DeliveryState;
    };

const RUN_MS = 5 * 60 * 1000;

/** What the open conversation shows from top to bottom: stored messages, then what is still to be sent. */
export function rows(state: State, thread: Thread): Row[] {
  const me = state.me?.userId ?? "";
  const result: Row[] = [];
  let day = "";
  let last: { senderId: string; at: number } | null = null;
  const push = (senderId: string, createdAt: string, key: string, rest: Partial<Row>): void => {
    const at = Date.parse(createdAt);
    const thisDay = new Date(at).toDateString();
    if (thisDay !== day) {
      day = thisDay;
      last = null;
      result.push({ kind: "day", key: `day:${thisDay}`, at: createdAt });
    }
    const first: boolean = last === null || last.senderId !== senderId || at - last.at > RUN_MS;
    last = { senderId, at };
    const mine = senderId === me;
    result.push({ kind: "message", key, senderId, createdAt, mine, first, ...rest } as Row);
  };
  for (const message of thread.messages) {
    // A message keeps the key that it had while pending, so that its row stays the same element.
    const own = message.senderId === me && message.clientMessageId;
    push(message.senderId, message.createdAt, own ? `c:${message.clientMessageId}` : message.id, {
      message,
      pending: null,
      content: message.content,
      state: deliveryState(state, thread, message),
    });
  }
  for (const pending of state.outbox) {
    if (pending.conversationId !== thread.conversation.id) continue;
    push(me, pending.createdAt, `c:${pending.clientMessageId}`, {
      message: null,
      pending,
      content: pending.content,
      state: pending.error === null ? "sending" : "failed",
    });
  }
  return result;
}
