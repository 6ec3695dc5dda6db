import type { Api } from "./api.ts";

/** Within the gateway's 5 s, after which it would announce the end by itself. */
const REPEAT_MS = 3_500;
const IDLE_MS = 4_000;
/** The gateway's bucket is 5 calls in 10 s; one below it, so that a quick chat does not run into that. */
const BUCKET = 4;
const REFILL_MS = 2_000;

/** Says that this user is typing, and that they stopped. Losing one of these is harmless, so failures are not shown. */
export class Typing {
  readonly #api: Api;
  #conversationId: string | null = null;
  #since = 0;
  #idle: number | undefined;
  #tokens = BUCKET;
  #countedAt = Date.now();

  constructor(api: Api) {
    this.#api = api;
  }

  keystroke(conversationId: string): void {
    if (this.#conversationId !== conversationId) this.stop();
    window.clearTimeout(this.#idle);
    this.#idle = window.setTimeout(() => this.stop(), IDLE_MS);
    if (this.#conversationId && Date.now() - this.#since < REPEAT_MS) return;
    if (!this.#emit(conversationId, true)) return;
    this.#conversationId = conversationId;
    this.#since = Date.now();
  }

  stop(): void {
    window.clearTimeout(this.#idle);
    if (this.#conversationId) this.#emit(this.#conversationId, false);
    this.#conversationId = null;
  }

  #emit(conversationId: string, isTyping: boolean): boolean {
    const now = Date.now();
    this.#tokens = Math.min(BUCKET, this.#tokens + (now - this.#countedAt) / REFILL_MS);
    this.#countedAt = now;
    if (!this.#api.connected || this.#tokens < 1) return false;
    this.#tokens -= 1;
    this.#api.call("message:typing", { conversationId, isTyping }).catch(() => undefined);
    return true;
  }
}
