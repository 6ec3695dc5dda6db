// A short cut of `make chaos`: the faults that users meet most, for some seconds each.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CROWDS, happen } from "./chaos/crowds.mjs";
import { judge } from "./chaos/judge.mjs";
import { SCENARIOS } from "./chaos/scenarios.mjs";

const SEED = 1;

// Two at a time: each has nodes and servers of its own, and lets the processor rest three quarters of the time.
describe("chaos", { concurrency: 2 }, () => {
  for (const scenario of SCENARIOS.filter(({ quick }) => quick)) {
    it(`${scenario.title}: every promise is kept`, { timeout: 120_000 }, async () => {
      const { failure, story } = await judge(scenario, { quick: true, seed: SEED });
      assert.equal(failure, undefined, JSON.stringify(story));
    });
  }

  for (const crowd of CROWDS.filter(({ quick }) => quick)) {
    it(`${crowd.title}: everybody recovers, and misses nothing`, { timeout: 120_000 }, async () => {
      const { failure, story } = await happen(crowd, { quick: true });
      assert.equal(failure, undefined, JSON.stringify(story));
    });
  }
});
