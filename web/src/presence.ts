import type { Api } from "./api.ts";
import { otherParty } from "./select.ts";
import type { State } from "./state.ts";
import type { Store } from "./store.ts";

const BATCH_MS = 50;
/** The most that one `presence:subscribe` takes. */
const MOST = 500;

/** Subscribes to the presence of everybody whose dot the page shows. */
export class PresenceWatch {
  readonly #api: Api;
  readonly #store: Store;
  readonly #stop: () => void;
  #watched = new Set<string>();
  #timer: number | undefined;

  constructor(api: Api, store: Store) {
    this.#api = api;
    this.#store = store;
    this.#stop = store.subscribe(() => this.#soon());
  }

  /** The session is a new one: it has no subscriptions yet. */
  restart(): void {
    this.#watched.clear();
    this.#soon();
  }

  close(): void {
    this.#stop();
    window.clearTimeout(this.#timer);
  }

  #soon(): void {
    this.#timer ??= window.setTimeout(() => {
      this.#timer = undefined;
      void this.#subscribe();
    }, BATCH_MS);
  }

  async #subscribe(): Promise<void> {
    if (!this.#api.connected) return;
    const userIds = [...shown(this.#store.state)].filter((id) => !this.#watched.has(id)).slice(0, MOST);
    if (userIds.length === 0) return;
    for (const userId of userIds) this.#watched.add(userId);
    try {
      const { presences } = await this.#api.call("presence:subscribe", { userIds });
      this.#store.dispatch({ type: "presence", changes: presences });
    } catch {
      // Dots stay grey until the next change of the page asks again.
      for (const userId of userIds) this.#watched.delete(userId);
    }
  }
}

function shown(state: State): Set<string> {
  const users = new Set<string>(state.me ? [state.me.userId] : []);
  for (const thread of state.threads.values()) {
    const other = otherParty(state, thread);
    if (other) users.add(other);
  }
  const open = state.openId ? state.threads.get(state.openId) : undefined;
  for (const member of open?.members ?? []) users.add(member.userId);
  return users;
}
