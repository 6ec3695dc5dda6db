/** What outlives a reload. Per tab, so that two tabs can be two people. */
import type { Me, Pending } from "./state.ts";
import type { ChosenStatus } from "./types.ts";

const ME = "switchboard.me";
const OUTBOX = "switchboard.outbox";
const STATUS = "switchboard.status";

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

/** What this user chose; the gateway tells the resulting presence, but not that it was chosen. */
export function rememberedStatus(): ChosenStatus {
  return read<ChosenStatus>(STATUS) ?? "auto";
}

export function rememberStatus(status: ChosenStatus): void {
  write(STATUS, status);
}

export function forget(): void {
  for (const key of [ME, OUTBOX, STATUS]) sessionStorage.removeItem(key);
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
