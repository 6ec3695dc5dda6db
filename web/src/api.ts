/** The socket with typed calls, and the tokens that it connects with. */
import { io, type Socket } from "socket.io-client";
import type { EventLog } from "./log.ts";
import type { Me } from "./state.ts";
import type { Ack, Calls, ServerEvents, WireError } from "./types.ts";

/** A call that got no good answer. Beside the gateway's codes there are `TIMEOUT` and `OFFLINE`. */
export class CallError extends Error {
  readonly code: string;
  readonly event: string | null;
  readonly retryAfterMs: number | null;
  readonly details: readonly { path: string; message: string }[];

  constructor(error: WireError) {
    super(error.message);
    this.name = "CallError";
    this.code = error.code;
    this.event = error.event ?? null;
    this.retryAfterMs = error.retryAfterMs ?? null;
    this.details = error.details ?? [];
  }

  /** Whether the same call may succeed later, unchanged. */
  get passing(): boolean {
    return ["TIMEOUT", "OFFLINE", "UNAVAILABLE", "RATE_LIMITED", "INTERNAL"].includes(this.code);
  }
}

export class TokenError extends Error {
  /** `true` if trying again is of no use. */
  readonly final: boolean;

  constructor(message: string, final: boolean) {
    super(message);
    this.name = "TokenError";
    this.final = final;
  }
}

/** Asks the gateway for a development token. */
export async function fetchToken(me: Me): Promise<string> {
  let response: Response;
  try {
    response = await fetch(new URL("dev/token", document.baseURI), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sub: me.userId, org: me.org }),
    });
  } catch {
    throw new TokenError("The gateway cannot be reached.", false);
  }
  if (response.status === 404) {
    throw new TokenError(
      "This gateway does not hand out development tokens: it is not running in a development environment.",
      true,
    );
  }
  if (!response.ok) {
    throw new TokenError(await explain(response), response.status >= 400 && response.status < 429);
  }
  return ((await response.json()) as { token: string }).token;
}

async function explain(response: Response): Promise<string> {
  const fallback = `The gateway answered ${response.status} to the request for a token.`;
  try {
    const body = (await response.json()) as { error?: { message?: string }; message?: string };
    return body.error?.message ?? body.message ?? fallback;
  } catch {
    return fallback;
  }
}

const ACK_TIMEOUT_MS = 10_000;

type Handler<E extends keyof ServerEvents> = ServerEvents[E];

export class Api {
  readonly #socket: Socket;
  readonly #log: EventLog;
  #attempt = 0;

  /** `token` is called for each connection, so that a reconnect never comes with a stale token. */
  constructor(log: EventLog, token: () => Promise<string>) {
    this.#log = log;
    this.#socket = io({
      autoConnect: false,
      forceNew: true,
      reconnectionDelay: 500,
      reconnectionDelayMax: 5_000,
      auth: (done) => {
        const attempt = ++this.#attempt;
        void token().then(
          (value) => {
            // The transport may have gone and come back meanwhile; then that attempt has its own token.
            if (attempt === this.#attempt) done({ token: value });
          },
          (error: unknown) => {
            log.add("note", "no token", { reason: String(error) });
            this.#socket.disconnect();
          },
        );
      },
    });
    this.#socket.onAny((event: string, body: unknown) => void log.add("in", event, body));
  }

  get connected(): boolean {
    return this.#socket.connected;
  }

  get recovered(): boolean {
    return this.#socket.recovered;
  }

  /** The transport in use: `websocket` or `polling`. */
  get transport(): string {
    return this.#socket.io.engine?.transport.name ?? "";
  }

  connect(): void {
    this.#socket.connect();
  }

  /** Leaves for good. */
  close(): void {
    this.#socket.disconnect();
  }

  /** Drops the transport only, so that the socket comes back with its session (used when a node drains). */
  bounce(): void {
    this.#socket.io.engine?.close();
  }

  onConnect(handler: () => void): void {
    this.#socket.on("connect", () => {
      this.#log.add("note", "connect", { id: this.#socket.id, recovered: this.#socket.recovered });
      handler();
    });
  }

  /** `willRetry` is false when the gateway ended the connection: then it is up to us to come back. */
  onDisconnect(handler: (reason: string, willRetry: boolean) => void): void {
    this.#socket.on("disconnect", (reason) => {
      this.#log.add("note", "disconnect", { reason });
      handler(reason, this.#socket.active);
    });
  }

  /** `error` is null when the gateway could not be reached, which the socket goes on trying by itself. */
  onRefused(handler: (error: WireError | null) => void): void {
    this.#socket.on("connect_error", (error: Error & { data?: Partial<WireError> }) => {
      this.#log.add("note", "connect_error", { message: error.message, data: error.data });
      if (this.#socket.active) return handler(null);
      const code = error.data?.code ?? error.message;
      handler({ ...error.data, code, message: error.data?.message ?? error.message });
    });
  }

  on<E extends keyof ServerEvents>(event: E, handler: Handler<E>): void {
    // The signature ties the event to its handler; the socket's own types cannot follow that.
    this.#socket.on(event as string, handler as (body: unknown) => void);
  }

  async call<E extends keyof Calls>(event: E, payload: Calls[E]["in"]): Promise<Calls[E]["out"]> {
    if (!this.#socket.connected) {
      // Not handed to the socket's own buffer: the outbox decides what is sent again, and when.
      throw new CallError({ code: "OFFLINE", message: "Not connected.", event });
    }
    const entry = this.#log.add("out", event, payload);
    let ack: Ack<Calls[E]["out"]>;
    try {
      ack = (await this.#socket.timeout(ACK_TIMEOUT_MS).emitWithAck(event, payload)) as typeof ack;
    } catch {
      const code = this.#socket.connected ? "TIMEOUT" : "OFFLINE";
      const message = code === "TIMEOUT" ? "No answer in time." : "The connection was lost.";
      this.#log.acked(entry, false, { code, message });
      throw new CallError({ code, message, event });
    }
    this.#log.acked(entry, ack.ok, ack.ok ? ack.data : ack.error);
    if (!ack.ok) throw new CallError(ack.error);
    return ack.data;
  }
}
