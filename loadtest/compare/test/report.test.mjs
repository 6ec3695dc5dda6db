import assert from "node:assert/strict";
import { test } from "node:test";
import { barChart, lineChart, ticks } from "../charts.mjs";
import { page } from "../page.mjs";
import { disturbanceWords, insert, markdown, number, text } from "../tables.mjs";
import { RESULT } from "./fixture.mjs";

const html = page(RESULT);

test("the page needs nothing from elsewhere", () => {
  for (const outside of [/\ssrc\s*=/i, /\shref\s*=/i, /url\(/i, /@import/i, /<(script|link|iframe|object|embed|img)\b/i]) assert.doesNotMatch(html, outside);
  assert.doesNotMatch(html, /https?:/);
});

test("the page has every value of every comparison, and every bar that is set", () => {
  for (const { title, rows } of RESULT.summary) {
    assert.ok(html.includes(title), title);
    for (const { id, values, ratio } of rows) {
      for (const value of Object.values(values)) assert.ok(html.includes(`>${number(value)}<`), `${id}: ${value}`);
      if (ratio !== undefined) assert.ok(html.includes(`>${number(ratio)}×<`), `${id}: ${ratio}`);
    }
  }
  for (const words of ["at least 8×", "at most 0.167×", "at most 0.4×", "at most 0.25×", "at most 0.5×", "at least 3×", "below 1×", "at most 8,000", "missed", "met"]) {
    assert.ok(html.includes(words), words);
  }
});

test("the page has the machine, the versions, the commands and the date", () => {
  for (const words of ["2026-11-27 10:11 UTC", "2 cores", "24 GiB", "Linux 6.1.0", "v20.20.2", "4.8.4", "7.0.15", "make compare ARGS=&#39;--rounds 3&#39;", "switchboard serve", "switchboard-load a.toml"]) {
    assert.ok(html.includes(words), words);
  }
});

test("a machine that was not quiet is told", () => {
  assert.ok(html.includes("other processes used 0.04 cores (median of the loads), at most 0.62: the machine was not quiet"));
  assert.match(disturbanceWords({ median: 0.02, most: 0.05 }), /at most 0.05\.$/);
  assert.match(disturbanceWords({ median: 0.2, most: 0.25 }), /not quiet/);
});

test("nothing that is told becomes markup", () => {
  assert.ok(html.includes("A &lt;b&gt;&quot;fast&quot;&lt;/b&gt; &amp; &#39;new&#39; CPU"));
  assert.ok(html.includes("&lt;script&gt;alert(1)&lt;/script&gt;"));
  assert.ok(html.includes("&lt;a &amp; b&gt;"));
  assert.doesNotMatch(html, /<b>|undefined|NaN|Infinity/);
});

test("tags are closed in the order in which they were opened", () => {
  const open = [];
  for (const [, closing, name, empty] of html.replace(/<style>[^]*?<\/style>/, "").matchAll(/<(\/?)([a-z][a-z1-6]*)\b[^>]*?(\/?)>/g)) {
    if (closing) assert.equal(open.pop(), name);
    else if (!empty && name !== "meta") open.push(name);
  }
  assert.deepEqual(open, []);
});

test("a chart shows each point at its place, hollow when it was too much", () => {
  const points = [{ x: 100, y: 1, held: true }, { x: 1000, y: 10, held: true }, { x: 10_000, y: 1000, held: false }, { x: 20_000, y: undefined, held: false }];
  const svg = lineChart({ title: "<t>", xName: "x & y", yName: "ms", series: [{ side: "node", name: "a<b", points }], limit: { y: 100, name: "100 ms" } });
  assert.equal(svg.match(/<circle/g).length, 3);
  assert.equal(svg.match(/class="hollow"/g).length, 1);
  assert.ok(svg.includes("&lt;t&gt;") && svg.includes("a&lt;b") && svg.includes("x &amp; y"));
  const places = [...svg.matchAll(/cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)]);
  assert.ok(places[0][0] < places[1][0] && places[0][1] > places[1][1], "more is to the right and above");
  const inside = places.every(([x, y]) => x > 56 && x < 560 && y > 0 && y < 300);
  assert.ok(inside, JSON.stringify(places));
  assert.equal(lineChart({ title: "t", xName: "", yName: "", series: [] }), "");
  assert.ok(lineChart({ title: "t", xName: "", yName: "", series: [{ side: "node", name: "one", points: [{ x: 5, y: 0, held: true }] }] }).includes("<circle"));
});

test("bars are as long as their values", () => {
  const svg = barChart({ title: "t", unit: "µs", bars: [{ side: "gateway", name: "a", value: 50 }, { side: "node", name: "b", value: 100 }, { side: "node", name: "c" }] });
  const [short, long] = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
  assert.equal(long, 2 * short);
  assert.equal(svg.match(/<rect/g).length, 2);
  assert.ok(svg.includes("100 µs"));
  assert.equal(barChart({ title: "t", unit: "", bars: [{ side: "node", name: "n", value: undefined }] }), "");
});

test("axes have a few round numbers", () => {
  assert.deepEqual(ticks(400, 9000), [500, 1000, 2000, 5000]);
  assert.deepEqual(ticks(0.9, 20_000), [1, 10, 100, 1000, 10_000]);
});

test("numbers have three digits that count", () => {
  assert.deepEqual([0.123456, 1.239, 12.34, 123.9, 12_345.6, 0, undefined, NaN].map(number), ["0.123", "1.24", "12.3", "124", "12,346", "0", "–", "–"]);
});

test("tables go between the two markers, as often as one likes", () => {
  const before = "# Title\n\n<!-- figures: begin (written by loadtest/compare/tables.mjs) -->\nold\n<!-- figures: end -->\n\nMore\n";
  const once = insert(before, "new");
  assert.equal(once, "# Title\n\n<!-- figures: begin (written by loadtest/compare/tables.mjs) -->\n\nnew\n\n<!-- figures: end -->\n\nMore\n");
  assert.equal(insert(once, "new"), once);
  assert.throws(() => insert("# Title\n", "new"), /there are no lines/);
});

test("tables of Markdown have all rows, and as many cells in each", () => {
  const tables = markdown(RESULT);
  for (const { title } of RESULT.summary.flatMap(({ rows }) => rows)) assert.ok(tables.includes(`| ${title.replace("<", "&lt;")} |`), title);
  for (const block of tables.split("\n\n").filter((one) => one.startsWith("|"))) {
    const cells = block.split("\n").map((line) => line.split("|").length);
    assert.equal(new Set(cells).size, 1, block);
  }
  assert.match(tables, /2026-11-27.*`make compare ARGS='--rounds 3'`/);
  assert.doesNotMatch(tables, /<script|undefined|NaN/);
});

test("the table for a terminal has a line for each comparison", () => {
  const lines = text(RESULT).split("\n");
  for (const { title } of RESULT.summary.flatMap(({ rows }) => rows)) assert.ok(lines.some((line) => line.startsWith(title)), title);
});
