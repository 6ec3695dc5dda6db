// The machine to oneself: a lock that others who measure take, too.
import { once } from "node:events";
import { start } from "../../e2e/support/process.mjs";

/** Does `work` while it has the lock of `file` (flock(1)); without a file it just does it. */
export async function alone(file, work) {
  if (file === undefined) return work();
  const holder = start("flock", [file, "sh", "-c", "echo held; cat >/dev/null"], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(holder, "close");
  try {
    const held = await Promise.race([once(holder.stdout, "data").then(() => true), ended.then(() => false)]);
    if (!held) throw new Error(`${file} cannot be locked`);
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
