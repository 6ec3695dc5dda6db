import { Api, CallError, TokenError, fetchToken } from "./api.ts";
import { wireEvents } from "./events.ts";
import type { EventLog } from "./log.ts";
import { noticeOf, type Notice } from "./notices.ts";
import { Outbox } from "./outbox.ts";
import { PresenceWatch } from "./presence.ts";
import { Receipts } from "./receipts.ts";
import type { Me } from "./state.ts";
import type { Store } from "./store.ts";
import { Typing } from "./typing.ts";
import type { ChosenStatus, Conversation, Message, WireError } from "./types.ts";

const PAGE = 50;
const TOKEN_RETRY_MS = 2_000;
const COME_BACK_MS = 1_000;

export interface NewConversation {
  kind: "direct" | "group";
  participantIds: string[];
  title: string;
  /** One for one filled-in form, however often it is submitted. */
  clientConversationId: string;
}

/** One signed-in user: what the views can ask for, and what happens when the connection comes and goes. */
export class Client {
  readonly me: Me;
  readonly api: Api;
  readonly store: Store;
  readonly outbox: Outbox;
  readonly receipts: Receipts;
  readonly typing: Typing;
  readonly presence: PresenceWatch;
  readonly #notify: (notice: Notice) => void;
  /** Conversations joined over the present session: their members are known and their events arrive. */
  #joined = new Set<string>();
  #syncing = new Set<string>();
  #firstToken: string | null;
  #comeBack: number | undefined;
  #closed = false;

  constructor(me: Me, token: string | null, store: Store, log: EventLog, notify: (notice: Notice) => void) {
    this.me = me;
    this.store = store;
    this.#notify = notify;
    this.#firstToken = token;
    this.api = new Api(log, () => this.#token());
    this.outbox = new Outbox(this.api, store, this.report);
    this.receipts = new Receipts(this.api, store);
    this.typing = new Typing(this.api);
    this.presence = new PresenceWatch(this.api, store);
    this.api.onConnect(() => void this.#resume());
    this.api.onDisconnect((reason, willRetry) => this.#dropped(reason, willRetry));
    this.api.onRefused((error) => this.#refused(error));
    wireEvents(this, notify);
  }

  readonly report = (error: unknown): void => {
    // The header shows that there is no connection; what matters is sent again by itself.
    if (error instanceof CallError && error.code === "OFFLINE") return;
    this.#notify(noticeOf(error));
  };

  connect(): void {
    window.clearTimeout(this.#comeBack);
    this.store.dispatch({ type: "connection", connection: { kind: "connecting", note: "Connecting…" } });
    this.api.connect();
  }

  close(): void {
    this.#closed = true;
    window.clearTimeout(this.#comeBack);
    this.presence.close();
    this.typing.stop();
    this.api.close();
  }

  /** Shows a conversation (`null`: none), and loads what is missing of it. */
  async open(conversationId: string | null): Promise<void> {
    this.typing.stop();
    this.store.dispatch({ type: "open", conversationId });
    if (conversationId) await this.#load(conversationId);
    this.receipts.look();
  }

  async #load(conversationId: string): Promise<void> {
    if (!this.api.connected) return;
    try {
      await this.#join(conversationId);
      if (this.store.state.threads.get(conversationId)?.history !== "none") return;
      this.store.dispatch({ type: "history-loading", conversationId });
      await this.#page(conversationId, {});
    } catch (error) {
      this.store.dispatch({ type: "history-failed", conversationId });
      const gone = error instanceof CallError && ["NOT_FOUND", "FORBIDDEN"].includes(error.code);
      if (gone && this.store.state.openId === conversationId) {
        this.store.dispatch({ type: "open", conversationId: null });
      }
      this.report(error);
    }
  }

  async #join(conversationId: string): Promise<void> {
    if (this.#joined.has(conversationId)) return;
    const { conversation, members } = await this.api.call("conversation:join", { conversationId });
    this.#joined.add(conversationId);
    this.store.dispatch({ type: "conversation", conversation, change: false });
    this.store.dispatch({ type: "members", conversationId, members });
  }

  async #page(conversationId: string, before: { beforeSeq?: number }): Promise<void> {
    const page = await this.api.call("message:history", { conversationId, limit: PAGE, ...before });
    this.store.dispatch({ type: "history", conversationId, ...page });
    this.receipts.arrived(page.messages);
  }

  /** Loads the page before the oldest message that is shown. */
  async loadOlder(conversationId: string): Promise<void> {
    const thread = this.store.state.threads.get(conversationId);
    const oldest = thread?.messages[0];
    if (!thread?.hasOlder || !oldest) return;
    await this.#page(conversationId, { beforeSeq: oldest.seq }).catch(this.report);
  }

  async loadList(cursor?: string): Promise<void> {
    const page = await this.api.call("conversation:list", { limit: PAGE, ...(cursor ? { cursor } : {}) });
    this.store.dispatch({ type: "list", ...page });
    await Promise.all(page.conversations.map((conversation) => this.#nameParty(conversation)));
  }

  /** Who the other party of a direct conversation is: its creator, unless that was this user. */
  async #nameParty({ id, kind, createdBy }: Conversation): Promise<void> {
    if (kind !== "direct" || createdBy !== this.me.userId) return;
    if (this.store.state.threads.get(id)?.members.length) return;
    await this.fetchConversation(id);
  }

  async fetchConversation(conversationId: string): Promise<void> {
    try {
      const answer = await this.api.call("conversation:get", { conversationId });
      this.store.dispatch({ type: "conversation", conversation: answer.conversation, change: false });
      this.store.dispatch({ type: "members", conversationId, members: answer.members });
    } catch (error) {
      this.report(error);
    }
  }

  /** Creates a conversation, or finds the direct one that exists; returns its id. Throws `CallError`. */
  async create(wanted: NewConversation): Promise<string> {
    const { kind, participantIds, clientConversationId, title } = wanted;
    const { conversation } = await this.api.call("conversation:create", {
      kind,
      participantIds,
      ...(kind === "group" ? { title, clientConversationId } : {}),
    });
    this.store.dispatch({ type: "conversation", conversation, change: false });
    return conversation.id;
  }

  async edit(message: Message, content: string): Promise<void> {
    await this.#change(this.api.call("message:edit", {
      messageId: message.id,
      content,
      expectedVersion: message.version,
    }));
  }

  async remove(message: Message): Promise<void> {
    await this.#change(this.api.call("message:delete", { messageId: message.id }));
  }

  async #change(call: Promise<{ message: Message }>): Promise<void> {
    try {
      const { message } = await call;
      this.store.dispatch({ type: "message", message });
    } catch (error) {
      this.report(error);
    }
  }

  async setStatus(status: ChosenStatus): Promise<void> {
    try {
      const { presence } = await this.api.call("presence:update", { status });
      this.presence.heard([presence]);
    } catch (error) {
      this.report(error);
    }
  }

  /** Fetches every change after the last one seen, page by page. */
  async sync(conversationId: string): Promise<void> {
    if (this.#syncing.has(conversationId)) return;
    this.#syncing.add(conversationId);
    try {
      for (let more = true; more; ) {
        const afterRev = this.store.state.threads.get(conversationId)?.rev;
        if (afterRev === undefined) return;
        const answer = await this.api.call("conversation:sync", { conversationId, afterRev });
        this.store.dispatch({ type: "synced", conversationId, answer });
        this.receipts.arrived(answer.messages);
        // A page that does not move on would be asked for again and again.
        more = answer.hasMore && answer.rev > afterRev;
      }
    } catch (error) {
      this.report(error);
    } finally {
      this.#syncing.delete(conversationId);
    }
  }

  /** A new connection: with the old session (nothing was missed) or without (ask for what was). */
  async #resume(): Promise<void> {
    const note = this.api.recovered ? "Connected, session recovered" : "Connected";
    this.store.dispatch({ type: "connection", connection: { kind: "connected", note } });
    this.outbox.flush();
    if (this.api.recovered) return this.receipts.look();
    this.#joined.clear();
    this.presence.restart();
    try {
      await this.loadList();
      const { threads, openId } = this.store.state;
      const loaded = [...threads.values()].filter((thread) => thread.history === "loaded");
      await Promise.all(loaded.map((thread) => this.sync(thread.conversation.id)));
      if (openId) await this.#load(openId);
    } catch (error) {
      this.report(error);
    }
  }

  #dropped(reason: string, willRetry: boolean): void {
    if (this.#closed) return;
    const connection = { kind: "connecting" as const, note: `Reconnecting (${reason})…` };
    this.store.dispatch({ type: "connection", connection });
    // The gateway ended it, as it does when a token expires: coming back brings a new one.
    if (!willRetry) this.#comeBackIn(COME_BACK_MS);
  }

  #refused(error: WireError | null): void {
    if (this.#closed) return;
    if (!error) {
      const connection = { kind: "connecting" as const, note: "Gateway not reachable, trying again…" };
      return this.store.dispatch({ type: "connection", connection });
    }
    const { code, message } = error;
    this.store.dispatch({ type: "connection", connection: { kind: "refused", code, note: message } });
    if (error.retryAfterMs !== undefined) this.#comeBackIn(error.retryAfterMs);
  }

  #comeBackIn(ms: number): void {
    window.clearTimeout(this.#comeBack);
    this.#comeBack = window.setTimeout(() => this.connect(), ms);
  }

  /** Sign-in fetched the first token already; every later connection gets a new one. */
  async #token(): Promise<string> {
    const first = this.#firstToken;
    this.#firstToken = null;
    if (first) return first;
    for (;;) {
      try {
        return await fetchToken(this.me);
      } catch (error) {
        const final = error instanceof TokenError && error.final;
        if (final || this.#closed) {
          const note = (error as Error).message;
          this.store.dispatch({ type: "connection", connection: { kind: "refused", code: "NO_TOKEN", note } });
          throw error;
        }
        await new Promise((done) => setTimeout(done, TOKEN_RETRY_MS));
      }
    }
  }
}
