// Walks every client event of the contract: it does what it says, refuses what it must, and nobody of
// another organization learns anything; and every server event: who hears it, once, and who does not.
// An event without a row in `rows/` fails.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clientEvents, serverEvents } from "../support/schemas.mjs";
import { stories } from "../support/story.mjs";
import { rows } from "./rows/calls.mjs";
import { rows as heardRows } from "./rows/events.mjs";
import { World } from "./rows/world.mjs";

const CASES = ["ok", "wrong", "forbidden", "foreign"];

describe("the tables of events", () => {
  it("has a row with every case for each event, and no others", () => {
    assert.deepEqual(Object.keys(rows).sort(), Object.keys(clientEvents).sort());
    for (const [event, row] of Object.entries(rows)) {
      for (const one of CASES) assert.ok(["function", "string"].includes(typeof row[one]), `${event}: ${one}`);
    }
    assert.deepEqual(Object.keys(heardRows).sort(), Object.keys(serverEvents).sort());
  });
});

/** The tables's buckets are for people; what is walked here is everything else. */
const env = { SWITCHBOARD__RATE_LIMITS__DEFAULT: "100000/1m", SWITCHBOARD__RATE_LIMITS__EVENTS: everyEvent("100000/1m") };

function everyEvent(rate) {
  return JSON.stringify(Object.fromEntries(Object.keys(clientEvents).map((event) => [event, rate])));
}

stories("every event", { env, concurrency: 8 }, (story) => {
  for (const [event, row] of Object.entries(rows)) {
    story(`${event} does what it says and refuses what it must`, async (scene) => {
      const world = await World.make(scene);
      await row.before?.(world);
      if (typeof row.foreign === "function") {
        for (const payload of row.foreign(world)) await world.stranger.refused("NOT_FOUND", event, payload);
      }
      for (const [payload, path] of row.wrong(world)) {
        const { details } = await world.owner.refused("VALIDATION_FAILED", event, payload);
        assert.ok(details.some((detail) => detail.path === path), `${JSON.stringify(payload).slice(0, 200)}: ${JSON.stringify(details)}`);
      }
      if (typeof row.forbidden === "function") {
        const [who, payload] = row.forbidden(world);
        await world[who].refused("FORBIDDEN", event, payload);
        await world[who].next("error", ({ code, event: failed }) => code === "FORBIDDEN" && failed === event);
      }
      for (const [who, payload, check] of row.ok(world)) check(await world[who].ok(event, payload));
      for (const alias of clientEvents[event].aliases) {
        const [who, payload] = row.ok(world).at(0);
        const answer = await world[who].call(alias, payload);
        assert.ok(answer.ok, `${alias}: ${JSON.stringify(answer)}`);
      }
      world.strangerHeardNothing();
    });
  }
});

const oneIsScarce = JSON.stringify({ ...JSON.parse(everyEvent("100000/1m")), "connection:stats": "1/1h" });

stories("every server event", { env: { ...env, SWITCHBOARD__RATE_LIMITS__EVENTS: oneIsScarce }, concurrency: 8 }, (story) => {
  for (const [event, walk] of Object.entries(heardRows)) {
    story(`${event} is heard by whom it concerns`, async (scene) => {
      const world = await World.make(scene);
      await walk(world);
      world.strangerHeardNothing();
    });
  }
});

stories("every bucket", { env: { SWITCHBOARD__RATE_LIMITS__EVENTS: everyEvent("1/1h") } }, (story) => {
  story("each event has a bucket of its own, and says when it has a token again", async (scene) => {
    const both = await Promise.all([0, 1].map((node) => scene.connect("alice", { node })));
    for (const event of Object.keys(clientEvents)) {
      // A refused call costs like any other, so what it is about does not matter.
      const first = await both[0].call(event, "no object");
      assert.equal(first.error?.code, "VALIDATION_FAILED", event);
      const { retryAfterMs } = await both[1].refused("RATE_LIMITED", event, "no object");
      assert.ok(retryAfterMs > 3_000_000 && retryAfterMs <= 3_600_000, `${event}: ${retryAfterMs}`);
      await both[1].next("rate-limit-exceeded", (error) => error.event === event);
    }
  });
});
