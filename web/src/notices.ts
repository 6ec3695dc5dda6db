import { CallError } from "./api.ts";
import type { WireError } from "./types.ts";

/** Something that the user is told in passing. */
export interface Notice {
  text: string;
  code: string;
  event: string | null;
  /** When the same call may be tried again; milliseconds from now. */
  retryAfterMs: number | null;
}

export function noticeOf(error: unknown): Notice {
  if (error instanceof CallError) {
    // The message may say the first of them already.
    const said = error.details.map(({ path, message }) => `${path}: ${message}`);
    const details = said.filter((detail) => !error.message.includes(detail)).join("; ");
    const text = details ? `${error.message} (${details})` : error.message;
    return { text, code: error.code, event: error.event, retryAfterMs: error.retryAfterMs };
  }
  const text = error instanceof Error ? error.message : String(error);
  return { text, code: "PROBLEM", event: null, retryAfterMs: null };
}

export function noticeOfWire(error: WireError): Notice {
  return noticeOf(new CallError(error));
}
