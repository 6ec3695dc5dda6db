import type { Api } from "./api.ts";
import type { Store } from "./store.ts";
import type { Message } from "./types.ts";

const BATCH_MS = 80;

/** Moves this user's watermarks: delivered when a message arrives, read when its conversation is in view. */
export class Receipts {
  readonly #api: Api;
  readonly #store: Store;
  /** The highest `seq` that arrived from somebody else, by conversation. */
  readonly #arrived = new Map<string, number>();
  readonly #delivered = new Map<string, number>();
  readonly #read = new Map<string, number>();
  #timer: number | undefined;

  constructor(api: Api, store: Store) {
    this.#api = api;
    this.#store = store;
  }

  arrived(messages: readonly Message[]): void {
    const me = this.#store.state.me?.userId;
    for (const { conversationId, senderId, seq } of messages) {
      if (senderId === me) continue;
      this.#arrived.set(conversationId, Math.max(this.#arrived.get(conversationId) ?? 0, seq));
    }
    this.look();
  }

  /** Called when something may have come into view. Waits a moment, so that a burst is one call. */
  look(): void {
    this.#timer ??= window.setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, BATCH_MS);
  }

  /** Whether what arrives in this conversation is seen at once. */
  inView(conversationId: string): boolean {
    return conversationId === this.#store.state.openId && !document.hidden;
  }

  #flush(): void {
    if (!this.#api.connected) return;
    for (const [conversationId, upToSeq] of this.#arrived) {
      const inView = this.inView(conversationId);
      const done = inView ? this.#read : this.#delivered;
      const known = Math.max(done.get(conversationId) ?? 0, this.#watermark(conversationId, inView));
      if (upToSeq <= known) continue;
      done.set(conversationId, upToSeq);
      const call = inView ? this.#markRead : this.#markDelivered;
      // Taken back on failure, so that the next look tries again.
      call.call(this, conversationId, upToSeq).catch(() => done.set(conversationId, known));
    }
  }

  #watermark(conversationId: string, read: boolean): number {
    const { me, threads } = this.#store.state;
    const mine = threads.get(conversationId)?.members.find((member) => member.userId === me?.userId);
    return (read ? mine?.readSeq : mine?.deliveredSeq) ?? 0;
  }

  async #markRead(conversationId: string, upToSeq: number): Promise<void> {
    const data = await this.#api.call("message:read", { conversationId, upToSeq });
    this.#delivered.set(conversationId, upToSeq);
    this.#store.dispatch({ type: "unread", conversationId, count: data.unreadCount });
  }

  async #markDelivered(conversationId: string, upToSeq: number): Promise<void> {
    await this.#api.call("message:delivered", { conversationId, upToSeq });
  }
}
