// One scenario: traffic, the fault, the report of `switchboard verify`, and what is held of it.
import assert from "node:assert/strict";
import { pause } from "../support/story.mjs";
import { World } from "./world.mjs";

/** With 25 members a message is 24 deliveries. */
const FULL = { clients: 60, conversations: 20, members: "24..26", rate: 140, duration: 33, grace: 60 };
const QUICK = { clients: 20, conversations: 5, members: "8..10", rate: 40, duration: 9, grace: 30 };

/**
 * What breaks is answered with an error or ends the connection: nobody has to repeat because of silence. Only when
 * everybody reads everything at once, at the end, may an answer take a while on a busy machine.
 */
const ACK_TIMEOUT_MS = 15_000;

/** How long traffic flows undisturbed at first, in seconds. */
const BEFORE = { full: 4, quick: 1 };

const DELIVERIES = { full: 100_000, quick: 1_000 };

/** Always the same numbers, 0 to 1, for one seed (mulberry32). */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs it, for `minutes` if it is one that can last; resolves to its row, with `failure` if a promise was broken. */
export async function judge(scenario, { quick, seed, minutes }) {
  const size = quick ? "quick" : "full";
  const env = { ...scenario.world?.env, ...(quick && scenario.quickEnv) };
  const world = await World.start(scenario.name, { ...scenario.world, env });
  const options = quick ? scenario.quick : scenario.full;
  const lasting = options.away === undefined ? "" : `, for ${options.away} s`;
  const row = { scenario: scenario.name, fault: scenario.title + lasting, seed };
  try {
    const traffic = { ...(quick ? QUICK : FULL), ...scenario.traffic, seed };
    if (minutes && scenario.lasts) traffic.duration = minutes * 60;
    const report = await broken(world, traffic, async () => {
      await pause(BEFORE[size] * 1000);
      const until = Date.now() + (traffic.duration - BEFORE[size] - 5) * 1000;
      await scenario.fault(world, { randomOf: (n) => randomOf(seed * 8 + n), until, ...options });
    });
    row.report = report;
    row.begunAt = new Date(world.begun).toISOString();
    if (report.examples?.length) row.evidence = await world.storedAt(report.examples).catch(String);
    if (report.sending) Object.assign(row, figures(report));
    hold(report, { deliveries: DELIVERIES[size], availability: scenario.availability ?? 0 });
  } catch (error) {
    world.failed = true;
    row.failure = error.message;
  } finally {
    row.story = world.story;
    await world.stop();
  }
  return row;
}

/** The report of traffic during which `fault` happens. */
async function broken(world, traffic, fault) {
  const times = { duration: `${traffic.duration}s`, grace: `${traffic.grace}s`, "ack-timeout": ACK_TIMEOUT_MS };
  const verify = world.verify({ ...traffic, ...times });
  await verify.sending;
  const [report] = await Promise.all([verify.report, fault()]);
  return report;
}

/** Every promise was kept, and there was enough to break one. */
function hold(report, { deliveries, availability }) {
  assert.ok(report.sending, `verify ended with ${report.code}: ${report.said}`);
  const broken = Object.entries(report.defects).filter(([, count]) => count > 0);
  const examples = JSON.stringify(report.examples, null, 1);
  assert.deepEqual(broken, [], `promises were broken: ${JSON.stringify(broken)} ${examples}`);
  assert.equal(report.code, 0, `verify ended with ${report.code}: ${report.said}`);
  assert.equal(report.kept, true);
  assert.equal(report.sending.unacked, 0, "not all was acked in the end");
  assert.equal(report.sending.refused, 0, "a send was refused");
  assert.equal(report.connections.disagreements, 0, "session:ready and socket.recovered differ");
  const { delivered } = report.delivery;
  assert.ok(delivered >= deliveries, `only ${delivered} deliveries, ${deliveries} were wanted`);
  const reached = report.sending.availability;
  assert.ok(reached >= availability, `availability was ${reached}, ${availability} is promised`);
}

/** What of a report is in the table. */
function figures({ sent, acked, sending, delivery, connections }) {
  return {
    deliveries: delivery.delivered,
    readBack: delivery.readBack,
    sent,
    acked,
    availability: sending.availability,
    silenceMs: sending.longestSilenceMs,
    disconnects: connections.disconnects,
    recovered: connections.recovered,
    offlineP99Ms: connections.offlineMs.p99,
    otherNodeP99Ms: delivery.otherNodeMs.p99,
  };
}
