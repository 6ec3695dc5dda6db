// What an operator does at a Redis by hand.
import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** What Redis answers to a command; throws for an error. */
export async function redis(url, ...command) {
  const { stdout } = await promisify(execFile)("redis-cli", ["-e", "-u", url, ...command]);
  return stdout.trim();
}
