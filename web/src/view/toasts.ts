import { el, icon, setText } from "../dom.ts";
import { seconds } from "../format.ts";
import type { Notice } from "../notices.ts";

const SHOW_MS = 7_000;
const MOST = 4;

/** Notices that go away by themselves; one with a retry-after counts down and stays until then (a minute at most). */
export function toasts() {
  const element = el("div", { class: "toasts", attrs: { role: "status", "aria-live": "polite" } });
  const show = (notice: Notice): void => {
    const wait = el("span", { class: "wait" });
    const toast = el(
      "div",
      { class: "toast", testid: "toast", attrs: { "data-code": notice.code } },
      el(
        "div",
        {},
        el("p", {}, notice.text),
        el("small", { class: "mono" }, notice.event ? `${notice.code} · ${notice.event}` : notice.code),
        wait,
      ),
    );
    const end = Date.now() + (notice.retryAfterMs ?? 0);
    const count = (): void => {
      const left = end - Date.now();
      if (notice.retryAfterMs !== null) setText(wait, left > 0 ? `Try again in ${seconds(left)}` : "You can try again now");
    };
    count();
    const ticking = window.setInterval(count, 1_000);
    const close = (): void => {
      window.clearInterval(ticking);
      window.clearTimeout(timer);
      toast.remove();
    };
    const timer = window.setTimeout(close, Math.max(SHOW_MS, Math.min(notice.retryAfterMs ?? 0, 60_000)));
    const attrs = { type: "button", "aria-label": "Dismiss" };
    toast.append(el("button", { class: "button quiet icon-only", attrs, on: { click: close } }, icon("close")));
    element.append(toast);
    while (element.childElementCount > MOST) element.firstElementChild?.remove();
  };
  return { element, show };
}
