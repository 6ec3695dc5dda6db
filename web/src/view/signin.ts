import { fetchToken } from "../api.ts";
import { el, logo, setText } from "../dom.ts";
import type { Me } from "../state.ts";

const NAME = "[A-Za-z0-9_.@:\\-]{1,128}";

/** The sign-in form; `done` gets the user and a first token. */
export function signIn(done: (me: Me, token: string) => void): HTMLElement {
  const name = field("signin-name", "User name", "alice", "username");
  const org = field("signin-org", "Organization", "acme", "organization");
  org.input.value = "acme";
  const problem = el("p", { class: "problem", testid: "signin-error", attrs: { role: "alert" } });
  const submit = el(
    "button",
    { class: "button primary wide", testid: "signin-submit", attrs: { type: "submit" } },
    "Sign in",
  );
  const form = el("form", { class: "card signin" });
  form.append(
    el("div", { class: "brand" }, logo(), el("h1", {}, "Switchboard"), el("span", { class: "tag" }, "playground")),
    el("p", { class: "muted" }, "Open this page in two tabs, sign in as two people, and let them talk."),
    name.row,
    org.row,
    submit,
    problem,
    el("p", { class: "fine" }, "No password: the gateway signs a development token for whoever you say you are."),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const me: Me = { userId: name.input.value.trim(), org: org.input.value.trim() };
    submit.disabled = true;
    setText(problem, "");
    fetchToken(me).then(
      (token) => done(me, token),
      (error: unknown) => {
        submit.disabled = false;
        setText(problem, error instanceof Error ? error.message : String(error));
      },
    );
  });
  queueMicrotask(() => name.input.focus());
  return el("main", { class: "signin-page" }, form);
}

function field(id: string, label: string, placeholder: string, autocomplete: string) {
  const input = el("input", {
    testid: id,
    attrs: {
      id,
      placeholder,
      autocomplete,
      required: "",
      pattern: NAME,
      maxlength: "128",
      autocapitalize: "none",
      spellcheck: "false",
      title: "Letters, digits and _ . @ : -",
    },
  });
  return { input, row: el("div", { class: "field" }, el("label", { attrs: { for: id } }, label), input) };
}
