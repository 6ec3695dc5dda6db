// Waiting for what has to happen.
import assert from "node:assert/strict";
import { pause } from "../support/story.mjs";

/** Waits until `look` gives something, and gives that; the error says `what` did not happen. */
export async function until(look, what, patience) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) assert.fail(`not in ${patience} ms: ${typeof what === "function" ? what() : what}`);
    await pause(50);
  }
}
