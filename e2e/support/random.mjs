// What random tests draw from; SWITCHBOARD_E2E_SEED repeats a run.
import { randomBytes } from "node:crypto";

export const SEED = Number(process.env.SWITCHBOARD_E2E_SEED ?? randomBytes(4).readUInt32LE());

/** Mulberry32: the same numbers for the same seed. */
export function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
