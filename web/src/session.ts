/** What outlives a reload. Per tab, so that two tabs can be two people. */
import type { Me, Pending } from "./state.ts";

const ME = "switchboard.me";
const OUTBOX = "switchboard.outbox";

export function rememberedMe(): Me | null {
  return read<Me>(ME);
}

export function remember(me: Me): void {
  write(ME, me);
}

export function rememberedOutbox(): Pending[] {
  return read<Pending[]>(OUTBOX) ?? [];
}

export function rememberOutbox(outbox: readonly Pending[]): void {
  write(OUTBOX, outbox);
}

export function forget(): void {
  sessionStorage.removeItem(ME);
  sessionStorage.removeItem(OUTBOX);
}

function read<T>(key: string): T | null {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "null") as T | null;
  } catch {
    return null;
  }
}

function write(key: string, value: unknown): void {
  try {
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Storage is full or forbidden: then a reload forgets, and nothing else changes.
  }
}
