import type { Client } from "../client.ts";
import { el, icon, setText } from "../dom.ts";
import type { State } from "../state.ts";
import type { Message } from "../types.ts";

/** `messages.max_length` counts Unicode scalar values; the gateway decides, this only keeps a paste within reason. */
const LONGEST = "10000";

export interface Composer {
  element: HTMLElement;
  update: (state: State) => void;
  startEdit: (message: Message) => void;
}

export function composer(client: Client): Composer {
  const input = el("textarea", {
    testid: "composer",
    attrs: {
      rows: "1",
      placeholder: "Write a message",
      "aria-label": "Message",
      maxlength: LONGEST,
      enterkeyhint: "send",
      autocomplete: "off",
    },
  });
  const send = el(
    "button",
    { class: "button primary icon-only send", testid: "send", attrs: { type: "submit", "aria-label": "Send" } },
    icon("send"),
  );
  const banner = el("span", {});
  const cancel = el(
    "button",
    { class: "button quiet icon-only", testid: "composer-cancel-edit", attrs: { type: "button", "aria-label": "Stop editing" } },
    icon("close"),
  );
  const editing = el("div", { class: "editing" }, icon("edit"), banner, cancel);
  const form = el("form", { class: "composer" }, editing, el("div", { class: "composer-row" }, input, send));
  /** What was typed and not sent, by conversation. */
  const drafts = new Map<string, string>();
  let conversationId: string | null = null;
  let edited: Message | null = null;

  const fit = (): void => {
    input.style.height = "auto";
    input.style.height = `${input.scrollHeight}px`;
    send.disabled = input.value.trim() === "";
  };
  const fill = (text: string): void => {
    input.value = text;
    fit();
  };
  const draft = (): string => (conversationId ? (drafts.get(conversationId) ?? "") : "");
  const setEdited = (message: Message | null): void => {
    edited = message;
    editing.hidden = message === null;
    setText(banner, "Editing a message");
    fill(message ? message.content : draft());
  };
  const submit = (): void => {
    const content = input.value.trim();
    if (!conversationId || content === "") return;
    client.typing.stop();
    if (edited) {
      const message = edited;
      if (content !== message.content) void client.edit(message, content);
      return setEdited(null);
    }
    drafts.delete(conversationId);
    fill("");
    client.outbox.add(conversationId, content);
  };

  input.addEventListener("input", () => {
    fit();
    if (!conversationId || edited) return;
    drafts.set(conversationId, input.value);
    if (input.value.trim() === "") client.typing.stop();
    else client.typing.keystroke(conversationId);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && edited) setEdited(null);
    // Shift+Enter is a new line; Enter that ends a composition (Japanese, Chinese …) sends nothing.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
    input.focus();
  });
  cancel.addEventListener("click", () => {
    setEdited(null);
    input.focus();
  });

  const update = (state: State): void => {
    const thread = state.openId ? state.threads.get(state.openId) : undefined;
    const id = thread?.conversation.id ?? null;
    const archived = thread !== undefined && thread.conversation.status !== "active";
    input.disabled = archived;
    input.placeholder = archived ? "This conversation is archived" : "Write a message";
    if (id === conversationId) return;
    conversationId = id;
    setEdited(null);
    // Not on a phone, where it would open the keyboard over what one came to read.
    if (id && matchMedia("(hover: hover)").matches) queueMicrotask(() => input.focus());
  };
  const startEdit = (message: Message): void => {
    setEdited(message);
    input.focus();
  };
  setEdited(null);
  return { element: form, update, startEdit };
}
