import type { Client } from "../client.ts";
import { el, icon, keyed, setAttr, setText } from "../dom.ts";
import { names, when } from "../format.ts";
import { conversationsInOrder, newestMessage, otherParty, presenceOf, titleOf } from "../select.ts";
import type { State, Thread } from "../state.ts";
import type { Message } from "../types.ts";
import type { View } from "./header.ts";
import { avatar, presenceDot, setAvatar, setPresence } from "./parts.ts";

export interface SidebarActions {
  open: (conversationId: string) => void;
  create: () => void;
}

export function sidebar(client: Client, actions: SidebarActions): View {
  const list = el("ul", { class: "conversations", attrs: { "aria-label": "Conversations" } });
  const known = new Map<string, HTMLLIElement>();
  const empty = el("p", { class: "muted hint" }, "No conversations yet. Start one: the other person sees it at once.");
  const more = el(
    "button",
    { class: "button quiet wide", testid: "load-more", attrs: { type: "button" }, on: { click: () => void loadMore() } },
    "Show more",
  );
  const loadMore = (): Promise<void> => client.loadList(client.store.state.nextCursor ?? undefined).catch(client.report);
  const create = el(
    "button",
    {
      class: "button small",
      testid: "new-conversation",
      attrs: { type: "button", "aria-label": "New conversation" },
      on: { click: actions.create },
    },
    icon("plus"),
    "New",
  );
  const element = el(
    "nav",
    { class: "sidebar", attrs: { "aria-label": "Conversations" } },
    el("div", { class: "sidebar-head" }, el("h2", {}, "Conversations"), create),
    list,
    empty,
    more,
  );
  const update = (state: State): void => {
    keyed(
      list,
      known,
      conversationsInOrder(state),
      (thread) => thread.conversation.id,
      (thread) => item(() => actions.open(thread.conversation.id)),
      (row, thread) => updateItem(row, state, thread),
    );
    empty.hidden = !state.listed || state.threads.size > 0;
    more.hidden = !state.nextCursor;
  };
  return { element, update };
}

function item(open: () => void): HTMLLIElement {
  const button = el(
    "button",
    { class: "conversation", testid: "conversation-item", attrs: { type: "button" }, on: { click: open } },
    el("span", { class: "avatar-box" }, avatar("?"), presenceDot()),
    el(
      "span",
      { class: "conversation-text" },
      el("span", { class: "line" }, el("b", { class: "title" }), el("time", { class: "muted" })),
      el("span", { class: "line" }, el("span", { class: "preview muted" }), el("span", { class: "badge", testid: "unread" })),
    ),
  );
  return el("li", {}, button);
}

function updateItem(row: HTMLLIElement, state: State, thread: Thread): void {
  const find = (selector: string): HTMLElement => row.querySelector<HTMLElement>(selector) as HTMLElement;
  const { conversation } = thread;
  const button = find(".conversation");
  setAttr(button, "data-conversation-id", conversation.id);
  setAttr(button, "aria-current", conversation.id === state.openId ? "true" : null);
  const title = titleOf(state, thread);
  setText(find(".title"), title);
  setText(find("time"), when(conversation.lastMessageAt ?? conversation.createdAt));
  if (conversation.kind === "group") setGroupAvatar(find(".avatar"));
  else setAvatar(find(".avatar"), title);
  const dot = find(".dot");
  const other = otherParty(state, thread);
  dot.hidden = other === null;
  if (other) {
    const presence = presenceOf(state, other);
    setPresence(dot, presence.status, presence.customStatus);
  }
  const typing = state.typing.get(conversation.id) ?? [];
  const preview = find(".preview");
  setText(preview, typing.length > 0 ? "typing…" : previewOf(state, thread));
  setAttr(preview, "data-typing", typing.length > 0 ? "" : null);
  const inView = conversation.id === state.openId && !document.hidden;
  const unread = inView ? 0 : (state.unread.get(conversation.id) ?? 0);
  const badge = find(".badge");
  badge.hidden = unread === 0;
  setText(badge, unread > 99 ? "99+" : String(unread));
  setAttr(badge, "aria-label", `${unread} unread`);
}

function setGroupAvatar(element: HTMLElement): void {
  if (element.dataset["tint"] === "group") return;
  element.dataset["tint"] = "group";
  element.replaceChildren(icon("group"));
}

function previewOf(state: State, thread: Thread): string {
  const last = newestMessage(thread);
  if (last?.deletedAt) return "Message deleted";
  if (last) return `${senderOf(state, thread, last)}${last.content}`;
  const { kind, messageCount, memberCount } = thread.conversation;
  if (messageCount > 0) return messageCount === 1 ? "1 message" : `${messageCount} messages`;
  if (kind === "direct") return "No messages yet";
  const others = thread.members.map((m) => m.userId).filter((id) => id !== state.me?.userId);
  return others.length > 0 ? `with ${names(others)}` : `${memberCount} members`;
}

function senderOf(state: State, thread: Thread, { senderId }: Message): string {
  if (senderId === state.me?.userId) return "You: ";
  return thread.conversation.kind === "group" ? `${senderId}: ` : "";
}
