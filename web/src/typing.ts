import type { Api } from "./api.ts";

/** Within the gateway's 5 s, after which it would announce the end by itself. */
const REPEAT_MS = 3_500;
const IDLE_MS = 4_000;
/** One below the gateway's limit of 5 calls in 10 s: a quick chat must not run into it. */
const BUDGET = 4;
const WINDOW_MS = 10_000;

/** Says that this user is typing, and that they stopped. Losing one of these is harmless, so failures are not shown. */
export class Typing {
  readonly #api: Api;
  #conversationId: string | null = null;
  #since = 0;
  #idle: number | undefined;
  #sent: number[] = [];

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
    this.#sent = this.#sent.filter((at) => now - at < WINDOW_MS);
    if (!this.#api.connected || this.#sent.length >= BUDGET) return false;
    this.#sent.push(now);
    this.#api.call("message:typing", { conversationId, isTyping }).catch(() => undefined);
    return true;
  }
}
