import { el, keyed, setAttr, setText } from "../dom.ts";
import type { EventLog, LogEntry } from "../log.ts";

const ARROWS = { in: "←", out: "→", note: "·" };
const WORDS = { in: "received", out: "sent", note: "connection" };

/** The developer log: what this tab sent and received, with acks. */
export function devLog(log: EventLog): HTMLElement {
  const count = el("span", { class: "muted" });
  const list = el("ol", { class: "log mono", testid: "developer-log" });
  const known = new Map<string, HTMLLIElement>();
  const clear = el("button", { class: "button small", attrs: { type: "button" }, on: { click: () => log.clear() } }, "Clear");
  const panel = el(
    "details",
    { class: "devlog" },
    el("summary", {}, el("b", {}, "Developer log"), count),
    el("div", { class: "log-tools" }, el("span", { class: "muted" }, "The last 100 events of this tab. Select one to see it whole."), clear),
    list,
  );
  let scheduled = false;
  const render = (): void => {
    scheduled = false;
    const { entries } = log;
    const newest = entries.at(-1);
    setText(count, newest ? `${ARROWS[newest.direction]} ${newest.name}` : "");
    if (!panel.open) return;
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    keyed(list, known, entries, (entry) => String(entry.id), make, update);
    if (atEnd) list.scrollTop = list.scrollHeight;
  };
  log.subscribe(() => {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(render);
  });
  panel.addEventListener("toggle", () => {
    render();
    list.scrollTop = list.scrollHeight;
  });
  return el("footer", { class: "footer" }, panel);
}

function make(entry: LogEntry): HTMLLIElement {
  const time = entry.at.toISOString().slice(11, 23);
  const details = el(
    "details",
    {},
    el(
      "summary",
      {},
      el("time", { class: "muted" }, time),
      el("span", { class: "arrow", attrs: { title: WORDS[entry.direction] } }, ARROWS[entry.direction]),
      el("b", {}, entry.name),
      el("span", { class: "short muted" }, JSON.stringify(entry.body) ?? ""),
      el("span", { class: "ack" }),
    ),
  );
  // Written out only once somebody looks.
  details.addEventListener("toggle", () => details.open && unfold(details, entry));
  return el("li", { attrs: { "data-direction": entry.direction } }, details);
}

function update(item: HTMLLIElement, entry: LogEntry): void {
  const ack = item.querySelector(".ack") as HTMLElement;
  if (entry.direction !== "out") return;
  const text = entry.ack ? `${entry.ack.ok ? "ok" : "failed"} ${entry.ack.ms} ms` : "…";
  if (ack.textContent === text) return;
  setText(ack, text);
  setAttr(ack, "data-ok", entry.ack ? String(entry.ack.ok) : null);
  const details = item.firstElementChild as HTMLDetailsElement;
  if (details.open) unfold(details, entry);
}

function unfold(details: HTMLDetailsElement, entry: LogEntry): void {
  details.querySelector("pre")?.remove();
  const body = JSON.stringify(entry.body, null, 2) ?? "";
  const ack = entry.ack ? `\n\nack after ${entry.ack.ms} ms\n${JSON.stringify(entry.ack.body, null, 2)}` : "";
  details.append(el("pre", {}, body + ack));
}
