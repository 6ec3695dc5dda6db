// Docker, or what speaks like it, for tests of the image and of deploy/compose; scripts/deploy/run.sh sets the environment.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const LONG_MS = 120_000;

/** The image that was built. */
export const IMAGE = required("SWITCHBOARD_IMAGE");
/** The folder of compose.yaml, with its secrets. */
export const FOLDER = required("SWITCHBOARD_COMPOSE");

export function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: these tests are run by make deploy-run`);
  return value;
}

/** What `docker ARGS…` prints; throws with its errors if it fails. */
export async function docker(...args) {
  const { stdout } = await run("docker", args, { timeout: LONG_MS, maxBuffer: 16 * 1024 * 1024 });
  return stdout.trim();
}

/** What `docker compose ARGS…` prints, said of the cluster that runs. */
export const compose = (...args) => docker("compose", "--project-directory", FOLDER, ...args);

export const inspect = async (what) => JSON.parse(await docker("inspect", what))[0];

/** Looks until `look` returns something true, which it returns. */
export async function eventually(what, look, patience = LONG_MS) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(Date.now() < end, `${what}: not within ${patience / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
