// The comparison as a table of text, and as tables of Markdown in docs/performance.md.
//
//   node loadtest/compare/tables.mjs RESULT.json [FILE.md]
//
// writes them between the two marker comments of the file, or to stdout without one.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { SIDES } from "./plan.mjs";

const MARKERS = ["<!-- figures: begin (written by loadtest/compare/tables.mjs) -->", "<!-- figures: end -->"];

/** With three digits that count, or all before the point. `–` of nothing. */
export function number(value) {
  if (!Number.isFinite(value)) return "–";
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en-US", { maximumFractionDigits: Math.min(digits, 3) });
}

/** What is asked, in words. */
export function barWords(bar) {
  if (!bar) return "";
  const { of, atLeast, atMost, below } = bar;
  const [words, value] = atLeast !== undefined ? ["at least", atLeast] : atMost !== undefined ? ["at most", atMost] : ["below", below];
  return `${words} ${number(value)}${of === "gateway" ? "" : "×"}`;
}

export const verdict = (met) => (met === undefined ? "" : met ? "met" : "missed");

const heading = (sides) => ["", "unit", ...sides.map((side) => SIDES[side]), "ratio to Node.js", "asked", ""];

function cells({ title, unit, values, ratio, bar, met }, sides) {
  return [title, unit, ...sides.map((side) => number(values[side])), ratio === undefined ? "–" : `${number(ratio)}×`, barWords(bar), verdict(met)];
}

/** Above a tenth of a core of others' work, figures are not to be relied on. */
const QUIET = 0.1;

/** Whether the machine was the comparison's alone, in a sentence. */
export function disturbanceWords(disturbance) {
  if (!disturbance) return "";
  const { median, most } = disturbance;
  const words = `Meanwhile other processes used ${number(median)} cores (median of the loads), at most ${number(most)}`;
  return median < QUIET && most < 3 * QUIET ? `${words}.` : `${words}: the machine was not quiet, and these figures are rough.`;
}

/** For a terminal. */
export function text({ summary, disturbance }) {
  const blocks = summary.map(({ title, sides, rows }) => {
    const names = Object.keys(sides);
    const lines = [heading(names), ...rows.map((row) => cells(row, names))];
    const widths = lines[0].map((_, at) => Math.max(...lines.map((line) => line[at].length)));
    const show = (line) => line.map((cell, at) => (at < 2 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join("  ").trimEnd();
    return [`\n${title}`, ...lines.map(show)].join("\n");
  });
  return [...blocks, `\n${disturbanceWords(disturbance)}`].join("\n");
}

export const escapeCell = (cell) => cell.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll("<", "&lt;");

/** A table of Markdown: lines of cells, the first one its heading, the first `left` columns of text. */
export function table(lines, left = 1) {
  const row = (line) => `| ${line.map(escapeCell).join(" | ")} |`;
  const rule = `|${lines[0].map((_, at) => (at < left ? "---" : "---:")).join("|")}|`;
  return [row(lines[0]), rule, ...lines.slice(1).map(row)].join("\n");
}

/** The curve of a scenario whose load rises. */
function curves({ sides }) {
  const points = Object.entries(sides).flatMap(([side, curve]) => curve.map((point) => ({ side, ...point })));
  if (points.every(({ rate }) => rate === undefined)) return undefined;
  points.sort((a, b) => a.rate - b.rate);
  const lines = points.map(({ side, rate, held, figures: f }) => [
    number(rate),
    SIDES[side],
    ...[f.ackP50, f.ackP99, f.deliveryP99, f.cpuPerMessage, f.cpuPerDelivery, f.redisCpuPerMessage, f.postgresCpuPerMessage].map(number),
    held ? "" : "too much",
  ]);
  return table([["offered/s", "", "ack p50 ms", "ack p99 ms", "delivery p99 ms", "CPU µs/message", "CPU µs/delivery", "Redis µs/message", "PostgreSQL µs/message", ""], ...lines], 2);
}

/** What was measured where, and the tables. */
export function markdown(result) {
  const { date, machine: m, versions, command, rounds, quick, summary } = result;
  const parts = summary.map((scenario) => {
    const names = Object.keys(scenario.sides);
    const rows = table([heading(names), ...scenario.rows.map((row) => cells(row, names))], 2);
    return [`### ${scenario.title}`, rows, curves(scenario)].filter(Boolean).join("\n\n");
  });
  const of = Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", ");
  const head = [
    `Measured on ${date.slice(0, 10)} with \`${command}\`, medians of ${rounds} round${rounds === 1 ? "" : "s"}${quick ? " — a quick run: its figures are rough" : ""}.`,
    `${m.cpu}, ${m.cores} cores, ${m.memoryGiB} GiB, ${m.kernel}; the load, Redis and PostgreSQL run on the same machine. ${disturbanceWords(result.disturbance)}`,
    `Versions: ${of}.`,
  ];
  return [head.map(escapeCell).join("\n"), ...parts].join("\n\n");
}

/** `page` with the tables in place of what is between the two markers. */
export function insert(page, tables, [before, after] = MARKERS) {
  const [begin, end] = [page.indexOf(before), page.indexOf(after)];
  if (begin < 0 || end < begin) throw new Error(`there are no lines "${before}" and "${after}"`);
  return `${page.slice(0, begin)}${before}\n\n${tables}\n\n${page.slice(end)}`;
}

/** Prints the tables of a result, or writes them into a page: `tables.mjs RESULT.json [FILE.md]`. */
export function command([result, page], tables, markers) {
  try {
    if (!result) throw new Error("usage: tables.mjs RESULT.json [FILE.md]");
    const text = tables(JSON.parse(readFileSync(result, "utf8")));
    if (!page) return console.log(text);
    writeFileSync(page, insert(readFileSync(page, "utf8"), text, markers));
  } catch (error) {
    console.error(`tables: ${error.message}`);
    process.exitCode = 2;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) command(process.argv.slice(2), markdown);
