import { CallError, type Api } from "./api.ts";
import { uuid } from "./ids.ts";
import type { Pending, State } from "./state.ts";
import type { Store } from "./store.ts";

const PAUSE_MS = 2_000;

/**
 * Sends messages so that each is stored once: one at a time per conversation, in order, with the same
 * `clientMessageId` again after a timeout, a lost connection or a reload, until the gateway has acked it.
 */
export class Outbox {
  readonly #api: Api;
  readonly #store: Store;
  readonly #report: (error: unknown) => void;
  readonly #sending = new Set<string>();

  constructor(api: Api, store: Store, report: (error: unknown) => void) {
    this.#api = api;
    this.#store = store;
    this.#report = report;
  }

  add(conversationId: string, content: string): void {
    const createdAt = new Date().toISOString();
    const pending = { clientMessageId: uuid(), conversationId, content, createdAt, error: null };
    this.#store.dispatch({ type: "enqueued", pending });
    this.flush();
  }

  again(clientMessageId: string): void {
    this.#store.dispatch({ type: "send-again", clientMessageId });
    this.flush();
  }

  flush(): void {
    for (const { conversationId } of this.#store.state.outbox) void this.#drain(conversationId);
  }

  async #drain(conversationId: string): Promise<void> {
    if (this.#sending.has(conversationId)) return;
    this.#sending.add(conversationId);
    try {
      for (;;) {
        const pending = next(this.#store.state, conversationId);
        if (!pending || !this.#api.connected) return;
        const pause = await this.#send(pending);
        if (pause > 0) await new Promise((done) => setTimeout(done, pause));
      }
    } finally {
      this.#sending.delete(conversationId);
    }
  }

  /** Returns how long to wait before the next attempt, in milliseconds. */
  async #send({ clientMessageId, conversationId, content }: Pending): Promise<number> {
    try {
      const sent = await this.#api.call("message:send", { conversationId, content, clientMessageId });
      this.#store.dispatch({ type: "message", message: sent.message });
      this.#store.dispatch({ type: "discarded", clientMessageId });
      return 0;
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      // The next connect flushes.
      if (error.code === "OFFLINE") return 0;
      if (error.code !== "TIMEOUT") this.#report(error);
      if (error.passing) return error.retryAfterMs ?? PAUSE_MS;
      this.#store.dispatch({ type: "send-failed", clientMessageId, error: error.message });
      return 0;
    }
  }
}

function next(state: State, conversationId: string): Pending | undefined {
  return state.outbox.find((p) => p.conversationId === conversationId && p.error === null);
}
