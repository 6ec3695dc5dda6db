import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { line } from "../fit.mjs";
import { alone } from "../lock.mjs";
import { field } from "../meter.mjs";
import { OptionError, readOptions } from "../options.mjs";
import { SERIES } from "../plan.mjs";
import { encode, script } from "../resp.mjs";
import { lines, markdown, text } from "../tables.mjs";

const near = (is, should) => assert.ok(Math.abs(is - should) < 1e-9 * Math.max(1, Math.abs(should)), `${is} is not ${should}`);

test("a line goes through points that are on one, and says how far it is from others", () => {
  const exact = line([[0, 5], [8, 21], [32, 69]]);
  near(exact.a, 5);
  near(exact.b, 2);
  near(exact.r2, 1);
  const level = line([[1, 7], [2, 7], [9, 7]]);
  near(level.b, 0);
  near(level.r2, 1);
  // By hand: the means are 1 and 1, so b = (1·1 + 1·0) / 2 and a = 1 - 0.5.
  const rough = line([[0, 0], [1, 2], [2, 1]]);
  near(rough.b, 0.5);
  near(rough.a, 0.5);
  near(rough.r2, 0.25);
});

test("every series has points that grow, and a name of its own", () => {
  assert.equal(new Set(SERIES.map(({ name }) => name)).size, SERIES.length);
  for (const { points, name } of SERIES) assert.ok(points.every((point, at) => at === 0 || point > points[at - 1]), name);
});

test("options are read, and wrong ones are told", () => {
  assert.deepEqual(readOptions(["--only", "rooms,connections"]).only, ["connections", "rooms"]);
  assert.equal(readOptions([]).only.length, SERIES.length);
  for (const wrong of [["--only", "roms"], ["--lock", ""], ["--out", ""], ["--rounds", "3"], ["rooms"]]) assert.throws(() => readOptions(wrong), OptionError);
});

test("a command has lengths in bytes, not in characters", () => {
  assert.equal(encode(["SET", "ä", 12]), "*3\r\n$3\r\nSET\r\n$2\r\nä\r\n$2\r\n12\r\n");
});

test("scripts are those of the hub, by the name under which Redis knows them", () => {
  const { text: lua, sha } = script("nodes");
  assert.match(lua, /ZRANGEBYSCORE/);
  assert.match(sha, /^[0-9a-f]{40}$/);
});

test("a figure of INFO is found by its whole name", () => {
  assert.equal(field("used_memory_rss:9\r\nused_memory:12345\r\nused_memory_human:12K\r\n", "used_memory"), 12_345);
});

test("who has the lock keeps others waiting until it is done", async () => {
  const folder = mkdtempSync(join(tmpdir(), "growth-lock-"));
  const file = join(folder, "lock");
  const told = [];
  const work = (name) => async () => {
    told.push(`${name} begins`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    told.push(`${name} ends`);
  };
  await Promise.all([alone(file, work("one")), alone(file, work("two"))]);
  assert.match(told.join(), /^(one|two) begins,\1 ends,(one|two) begins,\2 ends$/);
  await assert.rejects(alone(file, () => Promise.reject(new Error("no"))), /no/);
  assert.equal(await alone(file, async () => "again"), "again");
  rmSync(folder, { recursive: true });
});

/** A result that nobody measured: everything costs its point, and the fan-out to n nodes 100 + 3·n. */
const result = () => ({
  date: "2026-11-27T10:11:12.000Z",
  machine: { cpu: "A | B", cores: 2, memoryGiB: 24, kernel: "Linux 6.1.0" },
  versions: { gateway: "0.1.0", redis: "7", postgres: "15" },
  points: SERIES.flatMap(({ name, points }) =>
    points.map((point) => ({
      series: name,
      point,
      held: name !== "members" || point < 10_000,
      why: "too | late",
      figures: { redisCpuPerMessage: 100 + 3 * point, cpuASecond: point * 2, redisCpuASecond: point * (50 + point), coresOfOthers: 0.01, messagesPerSecond: 1, deliveriesPerSecond: point - 1, cpuPerMessage: 40 + 5 * (point - 1) },
    })),
  ),
});

test("lines say what is measured", () => {
  const of = (grows, costs) => lines(result()).find((one) => one.grows === grows && one.costs === costs);
  const fan = of("more nodes that hear a room", "CPU of Redis, µs/message");
  near(fan.a, 100);
  near(fan.b, 3);
  // What each of n nodes costs grows with n: all of them cost a·n + b·n².
  const registry = of("nodes", "CPU of Redis for each node, µs/s");
  near(registry.a, 50);
  near(registry.b, 1);
  near(of("deliveries of a message, up to 1,000 members", "CPU of the node, µs/message").b, 5);
});

test("tables have every point, and say what did not come to what was asked", () => {
  const page = markdown(result());
  for (const { title, points } of SERIES) {
    const table = page.split(`### ${title}\n\n`)[1].split("\n\n")[0].split("\n");
    assert.equal(table.length, points.length + 2, title);
    // As many cells in each line as in the heading.
    const cells = table.map((row) => row.replaceAll("\\|", "").split("|").length);
    assert.equal(new Set(cells).size, 1, title);
  }
  assert.match(page, /10,000 .*too \\\| late/);
  assert.match(text(result()), /what grows/);
});

test("a series with two points has no line", () => {
  const few = result();
  few.points = few.points.filter(({ series, point }) => series !== "listeners" || point < 32);
  assert.equal(lines(few).some(({ grows }) => grows === "more nodes that hear a room"), false);
});

