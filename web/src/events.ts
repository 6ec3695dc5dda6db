/** What each server event does. */
import type { Client } from "./client.ts";
import { noticeOfWire, type Notice } from "./notices.ts";
import type { Conversation, MemberEvent, Message, WireError } from "./types.ts";

/** An end of typing may get lost (it is volatile): a little after the gateway's own 5 s. */
const TYPING_TTL_MS = 6_000;
/** A gap that its missing event or ack has not closed by then is closed by a sync. */
const GAP_MS = 1_000;

export function wireEvents(client: Client, notify: (notice: Notice) => void): void {
  wireSession(client, notify);
  wireMessages(client);
  wireConversations(client);
  wireLive(client);
}

function wireSession(client: Client, notify: (notice: Notice) => void): void {
  const { api, store } = client;
  api.on("session:ready", ({ nodeId }) => store.dispatch({ type: "ready", nodeId }));
  api.on("server:draining", ({ reconnectInMs }) => {
    const text = "This node is shutting down; reconnecting.";
    notify({ text, code: "DRAINING", event: null, retryAfterMs: null });
    window.setTimeout(() => api.bounce(), reconnectInMs ?? 0);
  });
  const failed = (error: WireError): void => {
    // With an `event`, it is about one of our calls, whose ack says the same.
    if (error && !error.event) notify(noticeOfWire(error));
  };
  api.on("rate-limit-exceeded", failed);
  api.on("validation-error", failed);
  api.on("error", failed);
}

function wireMessages(client: Client): void {
  const { api, store, receipts } = client;
  const apply = (message: Message, unseen = false): void => {
    if (!store.state.threads.has(message.conversationId)) {
      void client.fetchConversation(message.conversationId);
    }
    store.dispatch({ type: "message", message, unseen });
    closeGap(client, message.conversationId);
  };
  api.on("message:new", ({ message }) => {
    const seen = message.senderId === client.me.userId || receipts.inView(message.conversationId);
    apply(message, !seen);
    receipts.arrived([message]);
  });
  api.on("message:edited", ({ message }) => apply(message));
  api.on("message:deleted", ({ message }) => apply(message));
  api.on("message:reaction", ({ message }) => apply(message));
}

function wireConversations(client: Client): void {
  const { api, store, me } = client;
  const changed = ({ conversation }: { conversation: Conversation }): void => {
    store.dispatch({ type: "conversation", conversation, change: true });
    closeGap(client, conversation.id);
  };
  api.on("conversation:created", ({ conversation }) => {
    changed({ conversation });
    // Created in another tab of the same user: only the members say who the other party is.
    if (conversation.createdBy === me.userId) void client.fetchConversation(conversation.id);
  });
  api.on("conversation:updated", changed);
  api.on("conversation:archived", changed);
  api.on("conversation:reopened", changed);
  const member = (gone: boolean) => {
    return ({ conversationId, member, rev }: MemberEvent): void => {
      if (!gone && !store.state.threads.has(conversationId)) {
        void client.fetchConversation(conversationId);
        return;
      }
      store.dispatch({ type: "member", conversationId, member, rev, gone });
      closeGap(client, conversationId);
    };
  };
  api.on("conversation:member-added", member(false));
  api.on("conversation:member-role", member(false));
  api.on("conversation:member-removed", member(true));
}

function wireLive({ api, store, presence }: Client): void {
  api.on("message:delivered", ({ conversationId, userId, upToSeq }) => {
    const receipt = { userId, deliveredSeq: upToSeq, readSeq: 0 };
    store.dispatch({ type: "receipt", conversationId, receipt });
  });
  api.on("message:read", ({ conversationId, userId, upToSeq }) => {
    const receipt = { userId, deliveredSeq: upToSeq, readSeq: upToSeq };
    store.dispatch({ type: "receipt", conversationId, receipt });
  });
  const timers = new Map<string, number>();
  api.on("message:typing", ({ conversationId, userId, isTyping }) => {
    const key = `${conversationId} ${userId}`;
    window.clearTimeout(timers.get(key));
    store.dispatch({ type: "typing", conversationId, userId, isTyping });
    const end = { type: "typing" as const, conversationId, userId, isTyping: false };
    if (isTyping) timers.set(key, window.setTimeout(() => store.dispatch(end), TYPING_TTL_MS));
  });
  api.on("presence:changed", ({ changes }) => presence.heard(changes));
}

function closeGap(client: Client, conversationId: string): void {
  const gap = (): boolean => Boolean(client.store.state.threads.get(conversationId)?.ahead.length);
  if (gap()) window.setTimeout(() => gap() && void client.sync(conversationId), GAP_MS);
}
