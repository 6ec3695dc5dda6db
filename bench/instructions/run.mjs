// Counts the instructions of the pieces of the hot path, and compares them with those that are kept.
// Instructions do not depend on what else the machine does, so that a regression of a few percent shows.
//
// node bench/instructions/run.mjs [--update] [--binary FILE]
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const KEPT = fileURLToPath(new URL("figures.json", import.meta.url));
const PIECES = ["decode", "acknowledge", "announce", "to-the-bus", "from-the-bus", "encode"];
/** The difference between so many and so few has nothing of start and end in it. */
const [FEW, MANY] = [200, 1_200];
/** Hash seeds and addresses make this much difference from run to run. */
const NOISE = 0.02;

const { values: options } = parseArgs({ options: { update: { type: "boolean" }, binary: { type: "string" } } });
if (!options.binary) {
  console.error("say where the program is: --binary FILE (make bench does)");
  process.exit(2);
}

function count(piece, times) {
  const folder = mkdtempSync(join(tmpdir(), "instructions-"));
  try {
    const file = join(folder, "out");
    const args = ["--tool=callgrind", `--callgrind-out-file=${file}`, options.binary, piece, `${times}`];
    const run = spawnSync("valgrind", args, { encoding: "utf8" });
    if (run.error || run.status !== 0) throw new Error(`valgrind: ${run.error ?? run.stderr}`);
    const total = readFileSync(file, "utf8").match(/^(?:summary|totals): (\d+)/m);
    if (!total) throw new Error("valgrind counted nothing");
    return Number(total[1]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const kept = JSON.parse(readFileSync(KEPT, "utf8"));
const figures = Object.fromEntries(
  PIECES.map((piece) => [piece, Math.round((count(piece, MANY) - count(piece, FEW)) / (MANY - FEW))]),
);
let worse = 0;
console.log("piece           instructions       kept   difference");
for (const [piece, now] of Object.entries(figures)) {
  const before = kept.instructions[piece];
  const change = before ? now / before - 1 : 0;
  const verdict = !before ? "new" : change > NOISE ? "WORSE" : change < -NOISE ? "better" : "";
  worse += verdict === "WORSE";
  const percent = before ? `${(100 * change).toFixed(1)} %` : "";
  console.log(`${piece.padEnd(14)} ${String(now).padStart(13)} ${String(before ?? "").padStart(10)} ${percent.padStart(12)} ${verdict}`);
}
if (options.update) {
  const rustc = execFileSync("rustc", ["--version"], { encoding: "utf8" }).trim();
  const date = new Date().toISOString().slice(0, 10);
  writeFileSync(KEPT, `${JSON.stringify({ date, rustc, instructions: figures }, null, 2)}\n`);
  console.log("kept");
} else if (worse) {
  console.error(`\n${worse} of ${PIECES.length} take more instructions than before. If that has to be: make bench ARGS=--update`);
  process.exitCode = 1;
}
