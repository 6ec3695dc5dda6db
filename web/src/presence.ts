import { CallError, type Api } from "./api.ts";
import { otherParty } from "./select.ts";
import type { State } from "./state.ts";
import type { Store } from "./store.ts";
import type { Presence } from "./types.ts";

/** How long to wait for more people to come into the page before asking for any. */
const BATCH_MS = 50;
/** Calls under way at once. */
const AT_ONCE = 4;
const PAUSE_MS = 5_000;

/**
 * Knows the presence of everybody whose dot the page shows: asks once for each person and session, after which
 * `presence:changed` keeps it right, which comes for everybody who shares a conversation with this user.
 */
export class PresenceWatch {
  readonly #api: Api;
  readonly #store: Store;
  readonly #stop: () => void;
  /** Heard of over the present session, from an event or an answer. */
  #known = new Set<string>();
  #asking = new Set<string>();
  #timer: number | undefined;
  /** Raised by each new session, so that answers to the one before are left alone. */
  #session = 0;

  constructor(api: Api, store: Store) {
    this.#api = api;
    this.#store = store;
    this.#stop = store.subscribe(() => this.#soon(BATCH_MS));
  }

  /** The session is a new one: changes may have been missed, so everybody is asked for again. */
  restart(): void {
    this.#session += 1;
    this.#known.clear();
    this.#asking.clear();
    window.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#soon(BATCH_MS);
  }

  heard(changes: readonly Presence[]): void {
    for (const { userId } of changes) this.#known.add(userId);
    this.#store.dispatch({ type: "presence", changes });
  }

  close(): void {
    this.#stop();
    window.clearTimeout(this.#timer);
  }

  #soon(ms: number): void {
    this.#timer ??= window.setTimeout(() => {
      this.#timer = undefined;
      this.#askNext();
    }, ms);
  }

  #askNext(): void {
    if (!this.#api.connected) return;
    for (const userId of shown(this.#store.state)) {
      if (this.#asking.size >= AT_ONCE) return;
      if (!this.#known.has(userId) && !this.#asking.has(userId)) void this.#ask(userId);
    }
  }

  async #ask(userId: string): Promise<void> {
    const session = this.#session;
    this.#asking.add(userId);
    try {
      const { presence } = await this.#api.call("presence:user-status", { userId });
      if (session !== this.#session) return;
      this.#asking.delete(userId);
      // A change that came meanwhile is newer than this answer.
      if (!this.#known.has(userId)) this.heard([presence]);
      this.#askNext();
    } catch (error) {
      if (session !== this.#session) return;
      this.#asking.delete(userId);
      // The dot stays grey until the next try.
      this.#soon((error instanceof CallError && error.retryAfterMs) || PAUSE_MS);
    }
  }
}

/** Whoever is looked at first comes first: the open conversation, then this user, then the list. */
function shown(state: State): Set<string> {
  const users = new Set<string>();
  const open = state.openId ? state.threads.get(state.openId) : undefined;
  for (const member of open?.members ?? []) users.add(member.userId);
  if (state.me) users.add(state.me.userId);
  for (const thread of state.threads.values()) {
    const other = otherParty(state, thread);
    if (other) users.add(other);
  }
  return users;
}
