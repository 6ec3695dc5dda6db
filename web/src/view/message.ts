import { el, icon, setAttr, setText, type IconName } from "../dom.ts";
import { clockTime, dayName } from "../format.ts";
import type { DeliveryState, Row } from "../select.ts";
import type { Message } from "../types.ts";
import { avatar } from "./parts.ts";

export interface RowActions {
  edit: (message: Message) => void;
  remove: (message: Message) => void;
  again: (clientMessageId: string) => void;
  discard: (clientMessageId: string) => void;
}

type MessageRow = Extract<Row, { kind: "message" }>;

const TICKS: Record<DeliveryState, [IconName, string]> = {
  sending: ["clock", "Sending"],
  failed: ["alert", "Not sent"],
  sent: ["tick", "Sent"],
  delivered: ["ticks", "Delivered"],
  read: ["ticks", "Read"],
};

/** What each element shows at present: its buttons act on that, not on the row that it was made from. */
const current = new WeakMap<HTMLElement, MessageRow>();

export function makeRow(row: Row, actions: RowActions): HTMLLIElement {
  if (row.kind === "day") return el("li", { class: "day" }, el("time", {}, dayName(row.at)));
  const item = el("li", { class: "message", testid: "message" });
  const stored = (act: (message: Message) => void) => () => {
    const message = current.get(item)?.message;
    if (message) act(message);
  };
  const pending = (act: (id: string) => void) => () => {
    const id = current.get(item)?.pending?.clientMessageId;
    if (id) act(id);
  };
  item.append(
    avatar(row.senderId),
    el(
      "div",
      { class: "bubble" },
      el("b", { class: "sender" }, row.senderId),
      el("p", { class: "content", testid: "message-content" }),
      el("span", { class: "reactions" }),
      el("span", { class: "meta" }, el("span", { class: "edited" }, "edited"), el("time"), el("span", { class: "ticks" })),
      el("span", { class: "failure" }),
    ),
    el(
      "div",
      { class: "actions" },
      action("message-edit", "Edit message", "edit", stored(actions.edit)),
      action("message-delete", "Delete message", "trash", stored(actions.remove)),
    ),
    el(
      "div",
      { class: "failed-actions" },
      textAction("message-again", "Send again", pending(actions.again)),
      textAction("message-discard", "Discard", pending(actions.discard)),
    ),
  );
  return item;
}

function action(testid: string, label: string, name: IconName, click: () => void): HTMLElement {
  const attrs = { type: "button", "aria-label": label, title: label };
  return el("button", { class: "button quiet icon-only", testid, attrs, on: { click } }, icon(name));
}

function textAction(testid: string, label: string, click: () => void): HTMLElement {
  return el("button", { class: "button small", testid, attrs: { type: "button" }, on: { click } }, label);
}

export function updateRow(item: HTMLLIElement, row: Row, group: boolean): void {
  if (row.kind === "day") return setText(item.firstElementChild as HTMLElement, dayName(row.at));
  const before = current.get(item);
  current.set(item, row);
  setAttr(item, "data-state", row.state);
  if (before && same(before, row)) return;
  const find = (selector: string): HTMLElement => item.querySelector<HTMLElement>(selector) as HTMLElement;
  const deleted = Boolean(row.message?.deletedAt);
  setAttr(item, "data-seq", row.message ? String(row.message.seq) : null);
  setAttr(item, "data-sender", row.senderId);
  setAttr(item, "data-deleted", deleted ? "" : null);
  item.classList.toggle("mine", row.mine);
  item.classList.toggle("first", row.first);
  item.classList.toggle("grouped", group && !row.mine);
  setText(find(".content"), deleted ? "This message was deleted" : row.content);
  find(".sender").hidden = !(group && !row.mine && row.first);
  find(".edited").hidden = deleted || !row.message?.editedAt;
  const time = find("time");
  setText(time, clockTime(row.createdAt));
  setAttr(time, "datetime", row.createdAt);
  setTicks(find(".ticks"), row);
  setReactions(find(".reactions"), row.message);
  find(".actions").hidden = !row.mine || deleted || !row.message;
  find(".failed-actions").hidden = row.state !== "failed";
  find(".failure").hidden = row.state !== "failed";
  setText(find(".failure"), row.pending?.error ?? "");
}

function same(a: MessageRow, b: MessageRow): boolean {
  return a.message === b.message && a.pending === b.pending && a.state === b.state && a.first === b.first;
}

function setTicks(element: HTMLElement, row: MessageRow): void {
  element.hidden = !row.mine || Boolean(row.message?.deletedAt);
  if (element.dataset["shown"] === row.state) return;
  element.dataset["shown"] = row.state;
  const [name, label] = TICKS[row.state];
  element.replaceChildren(icon(name), el("span", { class: "sr-only" }, label));
  element.title = label;
}

function setReactions(element: HTMLElement, message: Message | null): void {
  const reactions = message?.reactions ?? [];
  element.hidden = reactions.length === 0;
  element.replaceChildren(
    ...reactions.map(({ emoji, count }) => el("span", { class: "reaction" }, `${emoji} ${count}`)),
  );
}
