// `make chaos`: breaks one thing after the other under traffic, prints a table, and writes it all to a file.
//
//   node chaos/run.mjs [--only NAME,NAME] [--seed N] [--minutes N] [--quick] [--list]
//
// --minutes is how long `everything` lasts.
import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CROWDS, happen } from "./crowds.mjs";
import { judge } from "./judge.mjs";
import { SCENARIOS } from "./scenarios.mjs";
import { heading, line } from "./table.mjs";

const REPORT = fileURLToPath(new URL("../artifacts/chaos-report.json", import.meta.url));

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    seed: { type: "string" },
    minutes: { type: "string" },
    quick: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
  },
});

const all = [
  ...SCENARIOS.map((scenario) => ({ ...scenario, run: (how) => judge(scenario, how) })),
  ...CROWDS.map((crowd) => ({ ...crowd, run: (how) => happen(crowd, how) })),
];

/** The scenarios that were asked for; without a wish all of them, or all that have a short cut. */
function chosen() {
  if (!values.only) return all.filter(({ quick }) => quick || !values.quick);
  return values.only.split(",").map((name) => {
    const found = all.find((one) => one.name === name);
    if (!found) throw new Error(`there is no scenario ${name}; --list shows them`);
    if (values.quick && !found.quick) throw new Error(`${name} has no short cut`);
    return found;
  });
}

async function main() {
  if (values.list) {
    for (const { name, title } of all) console.log(`${name.padEnd(18)}${title}`);
    return;
  }
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e6));
  if (!Number.isInteger(seed) || seed < 0) throw new Error("--seed is a whole number");
  const minutes = values.minutes && Number(values.minutes);
  if (minutes !== undefined && !(minutes >= 1)) throw new Error("--minutes is a number, 1 or more");
  const begun = Date.now();
  const rows = [];
  console.log(`chaos, --seed ${seed}\n\n${heading()}`);
  for (const scenario of chosen()) {
    const row = await scenario.run({ quick: values.quick, seed, minutes });
    rows.push(row);
    console.log(line(row));
    await mkdir(new URL(".", `file://${REPORT}`), { recursive: true });
    await writeFile(REPORT, JSON.stringify({ seed, quick: values.quick, rows }, null, 2));
  }
  const failed = rows.filter(({ failure }) => failure);
  for (const { scenario, failure, story, begunAt, evidence } of failed) {
    const told = story.map(([ms, words]) => `    ${(ms / 1000).toFixed(1)} s  ${words}`).join("\n");
    console.log(`\n${scenario} FAILED, --seed ${seed}: ${failure}\n${told}`);
    if (evidence) console.log(`    begun at ${begunAt}; ${JSON.stringify(evidence, null, 1)}`);
  }
  const took = Math.round((Date.now() - begun) / 1000);
  console.log(`\n${rows.length - failed.length} of ${rows.length} kept every promise, in ${took} s; ${REPORT}`);
  process.exitCode = failed.length ? 1 : 0;
}

await main();
