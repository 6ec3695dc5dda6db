// What `run.mjs` is asked for.
import { parseArgs } from "node:util";
import { SCENARIOS } from "./plan.mjs";

const NAMES = SCENARIOS.map(({ name }) => name);

export const USAGE = `usage: make compare ARGS="[--quick] [--only NAME[,NAME]] [--rounds N] [--out DIR]"

  --quick        about two minutes: shorter, fewer sockets, one round. Its figures are rough
  --only NAMES   of: ${NAMES.join(", ")}
  --rounds N     1 to 20; figures are the medians of them (3; with --quick 1)
  --out DIR      where compare.html, compare.json and compare-logs/ go (loadtest/compare/out)
  --check        only look whether the options are right`;

/** An option that is wrong, in words for whoever wrote it. */
export class OptionError extends Error {}

/** `{quick, only, rounds, out, help, check}`; `only` are names of scenarios. Throws OptionError. */
export function readOptions(args) {
  const { quick, help, check, only, rounds, out } = parsed(args);
  if (out === "") throw new OptionError("--out needs the name of a folder");
  return {
    quick,
    help,
    check,
    out,
    only: only === undefined ? NAMES : namesIn(only),
    rounds: rounds === undefined ? (quick ? 1 : 3) : roundsIn(rounds),
  };
}

function parsed(args) {
  const text = { type: "string" };
  const flag = { type: "boolean", default: false };
  try {
    return parseArgs({ args, options: { quick: flag, help: { ...flag, short: "h" }, check: flag, only: text, rounds: text, out: text } }).values;
  } catch (error) {
    // The first sentence says what is wrong; the others are advice for other programs.
    throw new OptionError(error.message.split(". ")[0]);
  }
}

function namesIn(only) {
  const names = only.split(",").map((name) => name.trim());
  for (const name of names) {
    if (!NAMES.includes(name)) throw new OptionError(`--only: there is no scenario "${name}"; there are: ${NAMES.join(", ")}`);
  }
  return NAMES.filter((name) => names.includes(name));
}

function roundsIn(rounds) {
  const number = Number(rounds);
  if (!/^\d+$/.test(rounds) || number < 1 || number > 20) {
    throw new OptionError(`--rounds is a whole number from 1 to 20, not "${rounds}"`);
  }
  return number;
}
