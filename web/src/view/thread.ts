import type { Client } from "../client.ts";
import { el, icon, keyed, setText } from "../dom.ts";
import { names, when } from "../format.ts";
import { otherParty, presenceOf, rows, titleOf, type Row } from "../select.ts";
import type { State, Thread } from "../state.ts";
import type { Message } from "../types.ts";
import { composer } from "./composer.ts";
import type { View } from "./header.ts";
import { makeRow, updateRow, type RowActions } from "./message.ts";
import { presenceDot, setPresence } from "./parts.ts";

/** How near to the end counts as "at the end", and to the top as "wants older ones"; pixels. */
const NEAR = 80;

export interface ThreadActions {
  back: () => void;
  confirmDelete: (message: Message) => void;
}

export function threadPane(client: Client, actions: ThreadActions): View {
  const heading = threadHeading(actions.back);
  const list = el("ol", { class: "messages" });
  const hint = el("p", { class: "muted hint centred" });
  const scroller = el(
    "div",
    { class: "scroller", attrs: { tabindex: "0", role: "region", "aria-label": "Messages" } },
    hint,
    list,
  );
  const jump = el(
    "button",
    { class: "jump", attrs: { type: "button", "aria-label": "To the newest message" }, on: { click: () => toEnd() } },
    icon("down"),
  );
  const typing = el("p", { class: "typing", testid: "typing", attrs: { "aria-live": "polite" } });
  const announcer = el("p", { class: "sr-only", attrs: { "aria-live": "polite" } });
  const compose = composer(client);
  const choose = el("p", { class: "muted" }, "Choose a conversation, or start one.");
  const alone = nobodyYet();
  const nothing = el("div", { class: "nothing" }, choose, alone);
  const body = el("div", { class: "thread-body" }, scroller, jump, typing, announcer, compose.element);
  const element = el("main", { class: "thread" }, nothing, heading.element, body);

  const rowActions: RowActions = {
    edit: (message) => compose.startEdit(message),
    remove: actions.confirmDelete,
    again: (id) => client.outbox.again(id),
    discard: (id) => client.store.dispatch({ type: "discarded", clientMessageId: id }),
  };
  let shown: string | null = null;
  let known = new Map<string, HTMLLIElement>();
  let firstSeq = 0;
  let lastSeq = 0;
  let loading = false;
  let atEnd = true;

  const toEnd = (): void => {
    scroller.scrollTop = scroller.scrollHeight;
  };
  scroller.addEventListener("scroll", () => {
    atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
    jump.hidden = atEnd;
    if (scroller.scrollTop < NEAR && shown && !loading) void older(shown);
  });
  // A phone's keyboard, or a wider composer, takes room: the end stays in view.
  new ResizeObserver(() => atEnd && toEnd()).observe(scroller);

  const older = async (conversationId: string): Promise<void> => {
    if (!client.store.state.threads.get(conversationId)?.hasOlder) return;
    loading = true;
    await client.loadOlder(conversationId);
    loading = false;
  };

  const show = (id: string | null): void => {
    shown = id;
    known = new Map();
    list.replaceChildren();
    firstSeq = lastSeq = 0;
    atEnd = true;
    jump.hidden = true;
    setText(announcer, "");
  };

  const announce = (state: State, thread: Thread): void => {
    const last = thread.messages.at(-1);
    const before = lastSeq;
    lastSeq = last?.seq ?? 0;
    if (!last || before === 0 || last.seq <= before || last.senderId === state.me?.userId) return;
    setText(announcer, `${last.senderId}: ${last.content}`);
  };

  const update = (state: State): void => {
    const thread = state.openId ? state.threads.get(state.openId) : undefined;
    if ((thread?.conversation.id ?? null) !== shown) show(thread?.conversation.id ?? null);
    nothing.hidden = thread !== undefined;
    alone.hidden = !state.listed || state.threads.size > 0;
    choose.hidden = !alone.hidden;
    heading.element.hidden = body.hidden = thread === undefined;
    compose.update(state);
    if (!thread) return;
    heading.show(state, thread);
    const height = scroller.scrollHeight;
    const top = scroller.scrollTop;
    const oldest = thread.messages[0]?.seq ?? 0;
    setText(hint, hintOf(thread));
    hint.hidden = hint.textContent === "";
    setText(typing, typingText(state, thread));
    keyed<Row, HTMLLIElement>(
      list,
      known,
      rows(state, thread),
      (row) => row.key,
      (row) => makeRow(row, rowActions),
      (item, row) => updateRow(item, row, thread.conversation.kind === "group"),
    );
    if (atEnd) toEnd();
    // An older page came in above: what was being read stays where it is.
    else if (oldest < firstSeq) scroller.scrollTop = top + scroller.scrollHeight - height;
    firstSeq = oldest;
    announce(state, thread);
  };
  return { element, update };
}

/** For somebody's first minute: a chat needs two. */
function nobodyYet(): HTMLElement {
  // `noopener` gives the new tab a session of its own, so that it asks who is there.
  const tab = el("a", { attrs: { href: "./", target: "_blank", rel: "noopener" } }, "a second tab");
  return el(
    "div",
    { class: "muted" },
    el("p", {}, "A chat needs two. Open ", tab, " and sign in there as somebody else,"),
    el("p", {}, "then start a conversation with them here."),
  );
}

function hintOf(thread: Thread): string {
  if (thread.history !== "loaded") return "Loading messages…";
  if (thread.hasOlder) return "Loading older messages…";
  return thread.messages.length === 0 ? "No messages yet. Say hello." : "";
}

function typingText(state: State, thread: Thread): string {
  const users = state.typing.get(thread.conversation.id) ?? [];
  if (users.length === 0) return "";
  return `${names(users)} ${users.length === 1 ? "is" : "are"} typing…`;
}

function threadHeading(back: () => void) {
  const title = el("h2", {});
  const people = el("p", { class: "people muted" });
  const goBack = el(
    "button",
    { class: "button quiet icon-only back", attrs: { type: "button", "aria-label": "Back to the conversations" }, on: { click: back } },
    icon("back"),
  );
  const element = el("div", { class: "thread-head" }, goBack, el("div", {}, title, people));
  const chips = new Map<string, HTMLElement>();
  const show = (state: State, thread: Thread): void => {
    setText(title, titleOf(state, thread));
    const other = otherParty(state, thread);
    const users = other ? [other] : thread.members.map((member) => member.userId).sort();
    keyed(
      people,
      chips,
      users,
      (user) => user,
      () => el("span", { class: "person" }, presenceDot(), el("span", {})),
      (chip, user) => {
        const presence = presenceOf(state, user);
        setPresence(chip.firstElementChild as HTMLElement, presence.status, presence.customStatus);
        setText(chip.lastElementChild as HTMLElement, other ? describe(presence) : user);
      },
    );
  };
  return { element, show };
}

function describe(presence: ReturnType<typeof presenceOf>): string {
  if (presence.customStatus) return `${presence.status}: ${presence.customStatus}`;
  if (presence.status !== "offline" || !presence.lastSeenAt) return presence.status;
  return `offline, last seen ${when(presence.lastSeenAt)}`;
}
