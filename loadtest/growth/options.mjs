// What `run.mjs` is asked for.
import { parseArgs } from "node:util";
import { SERIES } from "./plan.mjs";

const NAMES = SERIES.map(({ name }) => name);

export const USAGE = `usage: make growth ARGS="[--quick] [--only NAME[,NAME]] [--lock FILE] [--out DIR]"

  --quick        about three minutes: the first two points of each series. To see that it works
  --only NAMES   of: ${NAMES.join(", ")}
  --lock FILE    take this lock (flock) for each measurement, and leave it in between: for machines that others measure on, too
  --out DIR      where growth.json and growth-logs/ go (loadtest/growth/out)
  --check        only look whether the options are right`;

/** An option that is wrong, in words for whoever wrote it. */
export class OptionError extends Error {}

/** `{quick, only, lock, out, help, check}`; `only` are names of series. Throws OptionError. */
export function readOptions(args) {
  const { quick, help, check, only, lock, out } = parsed(args);
  if (out === "") throw new OptionError("--out needs the name of a folder");
  if (lock === "") throw new OptionError("--lock needs the name of a file");
  return { quick, help, check, lock, out, only: only === undefined ? NAMES : namesIn(only) };
}

function parsed(args) {
  const text = { type: "string" };
  const flag = { type: "boolean", default: false };
  try {
    return parseArgs({ args, options: { quick: flag, help: { ...flag, short: "h" }, check: flag, only: text, lock: text, out: text } }).values;
  } catch (error) {
    // The first sentence says what is wrong; the others are advice for other programs.
    throw new OptionError(error.message.split(". ")[0]);
  }
}

function namesIn(only) {
  const names = only.split(",").map((name) => name.trim());
  for (const name of names) {
    if (!NAMES.includes(name)) throw new OptionError(`--only: there is no series "${name}"; there are: ${NAMES.join(", ")}`);
  }
  return NAMES.filter((name) => names.includes(name));
}
