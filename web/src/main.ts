import "./styles.css";
import { Client } from "./client.ts";
import { el } from "./dom.ts";
import { EventLog } from "./log.ts";
import { unreadTotal } from "./select.ts";
import * as session from "./session.ts";
import type { Me, State } from "./state.ts";
import { Store } from "./store.ts";
import { confirmDelete, newConversation } from "./view/dialogs.ts";
import { devLog } from "./view/devlog.ts";
import { header } from "./view/header.ts";
import { sidebar } from "./view/sidebar.ts";
import { signIn } from "./view/signin.ts";
import { threadPane } from "./view/thread.ts";
import { toasts } from "./view/toasts.ts";

const TITLE = "Switchboard playground";
const root = document.getElementById("root") as HTMLElement;

/** The open conversation is in the address, so that "back" closes it on a phone, and a reload keeps it. */
function conversationInAddress(): string | null {
  return /^#\/c\/([^/]+)$/.exec(location.hash)?.[1] ?? null;
}

function showSignIn(): void {
  document.title = TITLE;
  root.replaceChildren(signIn((me, token) => {
    session.remember(me);
    showChat(me, token);
  }));
}

function showChat(me: Me, token: string | null): void {
  const store = new Store();
  const log = new EventLog();
  const notices = toasts();
  store.dispatch({ type: "signed-in", me, outbox: session.rememberedOutbox() });
  const client = new Client(me, token, store, log, notices.show);
  const follow = (): void => void client.open(conversationInAddress());
  const look = (): void => client.receipts.look();
  const goTo = (conversationId: string | null): void => {
    if (conversationId === conversationInAddress()) return follow();
    location.hash = conversationId ? `#/c/${conversationId}` : "";
  };
  const signOut = (): void => {
    stop();
    session.forget();
    window.removeEventListener("hashchange", follow);
    document.removeEventListener("visibilitychange", look);
    client.close();
    history.replaceState(null, "", location.pathname + location.search);
    showSignIn();
  };

  const create = newConversation(client, goTo);
  const remove = confirmDelete(client);
  const top = header(client, signOut);
  const side = sidebar(client, { open: goTo, create: create.open });
  const pane = threadPane(client, { back: () => goTo(null), confirmDelete: remove.open });
  const app = el("div", { class: "app" }, top.element, side.element, pane.element, devLog(log));
  root.replaceChildren(app, create.element, remove.element, notices.element);

  const stop = store.subscribe((state: State) => {
    app.dataset["view"] = state.openId && state.threads.has(state.openId) ? "thread" : "list";
    for (const view of [top, side, pane]) view.update(state);
    session.rememberOutbox(state.outbox);
    const unread = unreadTotal(state);
    document.title = unread > 0 ? `(${unread}) ${TITLE}` : TITLE;
  });
  window.addEventListener("hashchange", follow);
  document.addEventListener("visibilitychange", look);
  follow();
  client.connect();
}

const me = session.rememberedMe();
if (me) showChat(me, null);
else showSignIn();
