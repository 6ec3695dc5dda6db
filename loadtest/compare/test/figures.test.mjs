import assert from "node:assert/strict";
import { test } from "node:test";
import { Climb } from "../climb.mjs";
import { figuresOf, median, medians, tooMuch } from "../figures.mjs";
import { SCENARIOS, keysOf, toml } from "../plan.mjs";
import { at, busySeconds, readStat } from "../processes.mjs";
import { disturbance, summarize } from "../summary.mjs";
import { RESULT, RUNS } from "./fixture.mjs";

test("a median is the middle one, or between the two in the middle", () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([10, 2, 4, 100]), 7);
  assert.equal(median([3]), 3);
  assert.equal(median([NaN, undefined, null, 4, Infinity]), 4);
  assert.equal(median([]), undefined);
  // As numbers, not as text.
  assert.equal(median([100, 20, 3]), 20);
});

test("each figure has a median of its own, whoever has it", () => {
  assert.deepEqual(medians([{ a: 1 }, { a: 3, b: 9 }, { a: 2 }]), { a: 2, b: 9 });
});

/** The highest rate that somebody who carries `most` is found to carry, and what was tried. */
function climbed(most, how) {
  const climb = new Climb({ start: 100, factor: 2, refine: 2, tries: 1, ...how });
  const tried = [];
  while (climb.next !== undefined) {
    tried.push(climb.next);
    climb.note(climb.next <= most);
  }
  return { carried: climb.carried, tried };
}

test("a rate is doubled until it is too much, and then halved", () => {
  assert.deepEqual(climbed(450), { carried: 400, tried: [100, 200, 400, 800, 570, 480] });
  assert.deepEqual(climbed(99), { carried: undefined, tried: [100] });
  assert.deepEqual(climbed(1e9, { most: 400 }), { carried: 400, tried: [100, 200, 400] });
});

test("a rate is too much when it was as often as is asked", () => {
  const climb = new Climb({ start: 100, factor: 2, refine: 0, tries: 2 });
  assert.equal(climb.note(false), true);
  assert.equal(climb.next, 100);
  assert.equal(climb.note(true), false);
  assert.equal(climb.next, 200);
  assert.equal(climb.note(false), true);
  assert.equal(climb.note(false), false);
  assert.deepEqual([climb.next, climb.carried], [undefined, 100]);
});

const report = () => ({
  scenario: { kind: "chat" },
  measuredSeconds: 10,
  connections: { asked: 5, ready: 5, ended: {} },
  messages: { ackedPerSecond: 50, unanswered: 0, unsent: 0, refused: {} },
  deliveries: { perSecond: 450, lost: 0, doubled: 0, outOfOrder: 0 },
  ackMs: { p50: 5, p99: 99.9 },
  deliveryMs: { p50: 6, p99: 99.9 },
  lagMs: { p99: 1 },
  servers: [{ used: { userSeconds: 1, systemSeconds: 0.5, rssBytes: 7 } }, { used: { userSeconds: 1, systemSeconds: 0, rssBytes: 8 } }],
  costs: { cpuUsPerMessage: 5000, cpuUsPerDelivery: 555 },
});

test("figures are those of all processes, and of the databases beside them", () => {
  const figures = figuresOf(report(), { redis: 0.5, postgres: 2 });
  assert.deepEqual([figures.cores, figures.rssBytes], [0.25, 15]);
  assert.deepEqual([figures.redisCpuPerMessage, figures.postgresCpuPerMessage], [1000, 4000]);
  assert.equal(figuresOf(report()).redisCpuPerMessage, undefined);
});

test("a load is too much at a p99 of 100 ms, or when anything is missing", () => {
  assert.equal(tooMuch(report()), undefined);
  for (const [change, words] of [
    [(it) => (it.ackMs.p99 = 100), /p99 is 100 ms/],
    [(it) => (it.deliveryMs.p99 = 250), /p99 is 250 ms/],
    [(it) => (it.deliveries.lost = 1), /1 lost/],
    [(it) => (it.deliveries.doubled = 2), /2 doubled/],
    [(it) => (it.messages.unanswered = 3), /3 unanswered/],
    [(it) => (it.messages.unsent = 4), /4 unsent/],
    [(it) => (it.messages.refused = { "message:send RATE_LIMITED": 6 }), /6 refused/],
    [(it) => (it.connections.ended = { "transport close": 7 }), /7 connections ended/],
    [(it) => (it.connections.ready = 4), /1 did not get in/],
  ]) {
    const bad = report();
    change(bad);
    assert.match(tooMuch(bad), words);
  }
});

test("processor time is read behind any name, and evenly between two looks", () => {
  const stat = "7 (a) b (c) S 42 7 7 0 -1 4194560 900 0 3 0 250 50 30 20 20 0 9 0 100 1 2";
  assert.deepEqual(readStat(stat), { parent: 42, own: 3, ofEnded: 0.5 });
  const looks = [0, 100, 200].map((moment, index) => ({ at: moment, seconds: { redis: index * index } }));
  assert.deepEqual([-5, 0, 50, 100, 150, 999].map((moment) => at(looks, "redis", moment)), [0, 0, 0.5, 1, 2.5, 4]);
});

test("the machine is busy with all but idling and waiting for disks", () => {
  assert.equal(busySeconds("cpu  100 10 200 99999 88888 5 15 70 7 7\ncpu0 1 2 3\n"), 4);
});

test("what others used is told", () => {
  const runs = [0.1, 0.5, undefined, 0.2].map((coresOfOthers) => ({ figures: { coresOfOthers } }));
  assert.deepEqual(disturbance([...runs, { held: false }]), { median: 0.2, most: 0.5 });
  assert.equal(disturbance([]), undefined);
});

test("the keys of all scenarios are TOML, and leave room for other files", () => {
  assert.equal(toml({ open: 20 }), "{ open = 20 }");
  assert.equal(toml("1s"), '"1s"');
  for (const scenario of SCENARIOS) {
    const keys = keysOf(scenario, { quick: false, rate: 20, openFiles: 1024 });
    assert.ok((keys.connections ?? 0) <= 1024 - 700);
    assert.deepEqual(keys.pace, { open: 20 });
  }
});

const row = (id) => RESULT.summary.flatMap(({ rows }) => rows).find((one) => one.id === id);

test("sides are compared at the rates that are asked for", () => {
  assert.deepEqual(row("chat-highest").values, { gateway: 8000, node: 500 });
  assert.deepEqual([row("chat-highest").ratio, row("chat-highest").met], [16, true]);
  assert.deepEqual(row("chat-cpu").values, { gateway: 53, node: 903 });
  assert.deepEqual(row("chat-cpu-same").values, { gateway: 103, node: 903 });
  assert.deepEqual([row("fanout-low").ratio, row("fanout-low").met], [0.9, false]);
  assert.deepEqual([row("fanout-high").ratio, row("fanout-high").met], [0.25, true]);
  assert.deepEqual([row("idle-memory").values.gateway, row("idle-memory").met], [7531, true]);
});

test("of several tries of a rate the last one counts", () => {
  const [first, second] = RUNS.filter(({ scenario, side, rate }) => scenario === "chat" && side === "gateway" && rate === 500);
  const tries = [{ ...first, held: false, figures: { ackP99: 500 } }, { ...second, round: first.round }];
  const [{ sides }] = summarize(tries);
  assert.deepEqual(sides.gateway.map(({ held, figures }) => [held, figures.ackP99]), [[true, second.figures.ackP99]]);
});

test("a low rate that one side did not carry is not compared at another one", () => {
  const runs = RUNS.map((run) => (run.scenario === "fanout" && run.side === "node" && run.rate === 20 ? { ...run, held: false } : run));
  const found = summarize(runs).flatMap(({ rows }) => rows).find(({ id }) => id === "fanout-low");
  assert.deepEqual([found.values.node, found.ratio, found.met], [undefined, undefined, undefined]);
});

test("what was not measured is not made up", () => {
  const [{ rows }] = summarize(RUNS.filter(({ scenario, side }) => scenario === "chat" && side === "gateway"));
  for (const { ratio, met } of rows) assert.deepEqual([ratio, met], [undefined, undefined]);
  assert.deepEqual(summarize([{ scenario: "chat", side: "node", round: 1, rate: 500, held: false, why: "it ended" }]), []);
});
