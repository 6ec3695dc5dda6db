import { CallError } from "../api.ts";
import type { Client } from "../client.ts";
import { el, setText } from "../dom.ts";
import { uuid } from "../ids.ts";
import { noticeOf } from "../notices.ts";
import type { Message } from "../types.ts";

/** "New conversation": direct or group; `done` gets the id of what was made or found. */
export function newConversation(client: Client, done: (conversationId: string) => void) {
  const direct = kindChoice("direct", "Direct", true);
  const group = kindChoice("group", "Group", false);
  const title = el("input", { testid: "new-title", attrs: { id: "new-title", maxlength: "200", placeholder: "Night shift", autocomplete: "off" } });
  const titleRow = el("div", { class: "field" }, el("label", { attrs: { for: "new-title" } }, "Title"), title);
  const people = el("input", {
    testid: "new-participants",
    attrs: { id: "new-participants", required: "", autocomplete: "off", autocapitalize: "none", spellcheck: "false" },
  });
  const peopleLabel = el("label", { attrs: { for: "new-participants" } });
  const problem = el("p", { class: "problem", attrs: { role: "alert" } });
  const create = el("button", { class: "button primary", testid: "new-create", attrs: { type: "submit" } }, "Create");
  const cancel = el("button", { class: "button", attrs: { type: "button" } }, "Cancel");
  const form = el(
    "form",
    {},
    el("h2", { attrs: { id: "new-heading" } }, "New conversation"),
    el("fieldset", { class: "segments" }, el("legend", { class: "sr-only" }, "Kind"), direct.label, group.label),
    titleRow,
    el("div", { class: "field" }, peopleLabel, people),
    problem,
    el("div", { class: "buttons" }, cancel, create),
  );
  const dialog = el("dialog", { class: "card", attrs: { "aria-labelledby": "new-heading" } }, form);
  let clientConversationId = uuid();

  const refresh = (): void => {
    const isGroup = group.input.checked;
    titleRow.hidden = !isGroup;
    setText(peopleLabel, isGroup ? "User names, separated by commas" : "User name");
    people.placeholder = isGroup ? "bob, carol" : "bob";
    setText(problem, "");
  };
  const submit = async (): Promise<void> => {
    const kind = group.input.checked ? "group" : "direct";
    const participantIds = participants(people.value, client.me.userId);
    const wrong = complaint(kind, participantIds);
    if (wrong) return setText(problem, wrong);
    create.disabled = true;
    try {
      const id = await client.create({ kind, participantIds, title: title.value.trim() || participantIds.join(", "), clientConversationId });
      dialog.close();
      done(id);
    } catch (error) {
      setText(problem, error instanceof CallError ? noticeOf(error).text : String(error));
    } finally {
      create.disabled = false;
    }
  };
  direct.input.addEventListener("change", refresh);
  group.input.addEventListener("change", refresh);
  cancel.addEventListener("click", () => dialog.close());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void submit();
  });
  const open = (): void => {
    form.reset();
    clientConversationId = uuid();
    refresh();
    dialog.showModal();
    people.focus();
  };
  return { element: dialog, open };
}

function kindChoice(value: string, text: string, checked: boolean) {
  const input = el("input", { testid: `new-kind-${value}`, attrs: { type: "radio", name: "kind", value } });
  input.defaultChecked = checked;
  return { input, label: el("label", {}, input, el("span", {}, text)) };
}

function participants(text: string, me: string): string[] {
  const ids = text.split(/[\s,;]+/).filter((id) => id !== "" && id !== me);
  return [...new Set(ids)];
}

function complaint(kind: "direct" | "group", ids: readonly string[]): string | null {
  if (ids.length === 0) return "Name somebody other than yourself.";
  if (kind === "direct" && ids.length > 1) return "A direct conversation has one other person. Choose Group for more.";
  const odd = ids.find((id) => !/^[A-Za-z0-9_.@:-]{1,128}$/.test(id));
  return odd === undefined ? null : `“${odd}” is no user name: letters, digits and _ . @ : - only.`;
}

/** Asks before a message is deleted. */
export function confirmDelete(client: Client) {
  const quote = el("p", { class: "quote" });
  const cancel = el("button", { class: "button", attrs: { type: "button" } }, "Keep");
  const yes = el("button", { class: "button danger", testid: "confirm-delete", attrs: { type: "button" } }, "Delete");
  const dialog = el(
    "dialog",
    { class: "card", attrs: { "aria-labelledby": "delete-heading" } },
    el("h2", { attrs: { id: "delete-heading" } }, "Delete this message for everybody?"),
    quote,
    el("div", { class: "buttons" }, cancel, yes),
  );
  let message: Message | null = null;
  cancel.addEventListener("click", () => dialog.close());
  yes.addEventListener("click", () => {
    dialog.close();
    if (message) void client.remove(message);
  });
  const open = (wanted: Message): void => {
    message = wanted;
    setText(quote, wanted.content);
    dialog.showModal();
  };
  return { element: dialog, open };
}
