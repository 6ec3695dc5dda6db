/** The developer log: the last events in and out, each call with its ack. */

export interface LogEntry {
  id: number;
  at: Date;
  direction: "in" | "out" | "note";
  name: string;
  body: unknown;
  /** Of a call: its ack, how long that took, and whether it was `ok`. */
  ack: { ok: boolean; body: unknown; ms: number } | null;
}

const KEEP = 100;
const SECRET = new Set(["token", "sessionToken"]);

export class EventLog {
  #entries: LogEntry[] = [];
  #nextId = 1;
  #listeners = new Set<() => void>();

  get entries(): readonly LogEntry[] {
    return this.#entries;
  }

  add(direction: LogEntry["direction"], name: string, body: unknown): LogEntry {
    const id = this.#nextId++;
    const entry: LogEntry = { id, at: new Date(), direction, name, body: redact(body), ack: null };
    this.#entries = [...this.#entries.slice(1 - KEEP), entry];
    this.#tell();
    return entry;
  }

  acked(entry: LogEntry, ok: boolean, body: unknown): void {
    entry.ack = { ok, body: redact(body), ms: Date.now() - entry.at.getTime() };
    this.#tell();
  }

  clear(): void {
    this.#entries = [];
    this.#tell();
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** People share screenshots of logs: tokens are not in them. */
export function redact(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redact);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, SECRET.has(key) ? "…" : redact(inner)]),
  );
}
