import type { Client } from "../client.ts";
import { el, icon, logo, setAttr, setText } from "../dom.ts";
import { statusOf } from "../select.ts";
import { rememberStatus, rememberedStatus } from "../session.ts";
import type { State } from "../state.ts";
import type { ChosenStatus, Status } from "../types.ts";
import { avatar, presenceDot, setPresence } from "./parts.ts";

const CHOICES: [ChosenStatus, string][] = [
  ["auto", "Automatic"],
  ["online", "Online"],
  ["away", "Away"],
  ["busy", "Busy"],
  ["offline", "Appear offline"],
];

export interface View {
  element: HTMLElement;
  update: (state: State) => void;
}

export function header(client: Client, signOut: () => void): View {
  const { userId, org } = client.me;
  const note = el("span", {}, "");
  const connection = el(
    "span",
    { class: "connection", testid: "connection-state", attrs: { role: "status" } },
    el("i", { class: "lamp", attrs: { "aria-hidden": "true" } }),
    note,
  );
  const retry = el(
    "button",
    { class: "button small", testid: "connection-retry", attrs: { type: "button" }, on: { click: () => client.connect() } },
    "Try again",
  );
  const node = el("span", { class: "node mono", testid: "node-id", attrs: { title: "The node that this tab is connected to" } });
  const dot = presenceDot();
  const status = statusChooser(client);
  const leave = el(
    "button",
    {
      class: "button quiet icon-only",
      testid: "signout",
      attrs: { type: "button", "aria-label": "Sign out", title: "Sign out" },
      on: { click: signOut },
    },
    icon("leave"),
  );
  const element = el(
    "header",
    { class: "topbar" },
    el("div", { class: "brand" }, logo(), el("h1", {}, "Switchboard"), el("span", { class: "tag" }, "playground")),
    el("div", { class: "link" }, connection, retry, node),
    el(
      "div",
      { class: "self" },
      el("span", { class: "avatar-box" }, avatar(userId), dot),
      el("span", { class: "who" }, el("b", {}, userId), el("small", { class: "muted" }, org)),
      status,
      leave,
    ),
  );
  const update = (state: State): void => {
    const { kind, note: text } = state.connection;
    setAttr(connection, "data-state", kind);
    setText(note, kind === "refused" ? `${state.connection.note} (${state.connection.code})` : text);
    setAttr(connection, "title", note.textContent);
    retry.hidden = kind !== "refused";
    setText(node, state.nodeId ? `node ${state.nodeId}` : "");
    node.hidden = !state.nodeId;
    setPresence(dot, statusOf(state, userId));
    showChoice(state.presence.get(userId)?.status);
  };
  let told: Status | undefined;
  /** The choice outlives this tab, and may be made in another one. Devices alone make nobody busy, or offline while connected. */
  const showChoice = (own: Status | undefined): void => {
    if (own === told) return;
    told = own;
    if (own === "busy" || own === "offline") status.value = own;
    else if (status.value === "busy" || status.value === "offline") status.value = "auto";
  };
  return { element, update };
}

function statusChooser(client: Client): HTMLSelectElement {
  const select = el("select", {
    class: "status",
    testid: "status-select",
    attrs: { "aria-label": "Your status" },
  });
  for (const [value, label] of CHOICES) select.append(el("option", { attrs: { value } }, label));
  select.value = rememberedStatus();
  select.addEventListener("change", () => {
    const status = select.value as ChosenStatus;
    rememberStatus(status);
    void client.setStatus(status);
  });
  return select;
}
