import { el, setAttr, setText } from "../dom.ts";
import type { Status } from "../types.ts";

const TINTS = 8;

/** A round initial, tinted by the name, so that people are told apart at a glance. */
export function avatar(name: string): HTMLElement {
  const element = el("span", { class: "avatar", attrs: { "aria-hidden": "true" } });
  setAvatar(element, name);
  return element;
}

export function setAvatar(element: HTMLElement, name: string): void {
  let hash = 0;
  for (const char of name) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  setAttr(element, "data-tint", String(hash % TINTS));
  setText(element, ([...name][0] ?? "?").toUpperCase());
}

export function presenceDot(): HTMLElement {
  return el("span", { class: "dot", testid: "presence-dot", attrs: { role: "img" } });
}

export function setPresence(dot: HTMLElement, status: Status, custom?: string | null): void {
  setAttr(dot, "data-status", status);
  setAttr(dot, "aria-label", status);
  setAttr(dot, "title", custom ? `${status}: ${custom}` : status);
}
