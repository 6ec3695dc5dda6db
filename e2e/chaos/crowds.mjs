// What happens to crowds of stock clients when nodes go.
import assert from "node:assert/strict";
import { pause } from "../support/story.mjs";
import { Crowd } from "./stock.mjs";
import { until } from "./until.mjs";
import { World } from "./world.mjs";

/**
 * The node that all are connected to is killed: every client comes back at the other one by itself, with its
 * session, and gets exactly what it missed.
 */
async function nodeKilled(world, { size, pace, deliveries, row }) {
  const [doomed, other] = world.nodes;
  const crowd = await Crowd.gather(world, { size, target: doomed.port, speakerUrl: other.url, perUser: 2 });
  try {
    crowd.talk(pace);
    const all = (has) => () => crowd.spectators.every(has);
    await until(all(({ heard }) => heard.size > 0), "everybody hears something", 60_000);
    await until(() => crowd.deliveries >= deliveries / 2, "enough is delivered before", 60_000);
    const before = crowd.spectators.map(({ socket }) => socket.id);
    world.say("kill -9 of the node with the clients");
    const killed = Date.now();
    crowd.balancer.target = other.port;
    await doomed.kill();
    const back = () => crowd.spectators.filter(({ sessions }) => sessions.length > 1).length;
    await until(() => back() === size, () => `${back()} of ${size} are back`, 60_000);
    world.say("all are back");
    await until(() => crowd.deliveries >= deliveries, "enough is delivered after", 60_000);
    await crowd.hush();
    const again = crowd.spectators.map(({ sessions }) => sessions[1]);
    const away = again.map(({ at }) => at - killed).sort((a, b) => a - b);
    const recovered = again.filter((one) => one.recovered && one.told).length;
    Object.assign(row, { disconnects: size, recovered, offlineP99Ms: away[Math.ceil(size * 0.99) - 1] });
    const failures = again.filter((one) => !one.recovered).map(({ failure }) => failure);
    assert.equal(recovered, size, `not recovered: ${failures.slice(0, 10)}`);
    assert.deepEqual(again.map(({ sid }) => sid), before, "everybody has the socket id of before");
    assert.ok(crowd.spectators.every(({ sessions }) => sessions.length === 2), "nobody connects more than once again");
    await crowd.hasHeardEverything();
  } finally {
    count(crowd, row);
    crowd.leave();
  }
}

/** Three nodes are restarted in turn: the reconnects are spread, and hardly a send notices. */
async function rollingRestart(world, { size, pace, deliveries, row }) {
  const up = new Set(world.nodes.keys());
  let next = 0;
  const target = () => world.nodes[[...up][(next += 1) % up.size]].port;
  const crowd = await Crowd.gather(world, { size, target });
  try {
    crowd.talk(pace);
    await pause(2_000);
    const spreads = [];
    for (const node of world.nodes.keys()) {
      const begun = Date.now();
      crowd.lag.reset();
      up.delete(node);
      world.say(`SIGTERM to node ${node}`);
      world.nodes[node].signal("SIGTERM");
      const { code } = await world.nodes[node].ended;
      assert.equal(code, 0);
      await until(() => crowd.spectators.every((one) => one.isReady), () => `all are back: ${missing(crowd)}`, 60_000);
      spreads.push(spread(crowd, begun));
      world.say(`all are back from node ${node}: ${JSON.stringify(spreads.at(-1))}`);
      await world.startAgain(node);
      up.add(node);
    }
    await crowd.hush();
    row.spreads = spreads;
    const ends = crowd.spectators.flatMap((one) => one.ends);
    const again = crowd.spectators.flatMap(({ sessions }) => sessions.slice(1));
    Object.assign(row, { disconnects: ends.length, recovered: again.filter((one) => one.recovered).length });
    assert.equal(row.recovered, ends.length, "everybody comes back with the session");
    await crowd.hasHeardEverything();
    assert.equal(sum(spreads, ({ failures }) => failures), 0, "a node that takes nobody was tried");
    for (const { tries, ownLagMs } of spreads) {
      const { worst, mean } = tries;
      // What is due while this process stands still it does in the same moment, after it.
      const most = (2 + ownLagMs / 1000) * mean;
      assert.ok(worst <= most, `${worst} came back in a second, ${mean} in the mean: ${JSON.stringify(spreads)}`);
    }
    count(crowd, row);
    assert.ok(row.deliveries >= deliveries, `only ${row.deliveries} deliveries`);
    assert.ok(row.availability >= 0.999, `availability was ${row.availability}`);
  } finally {
    count(crowd, row);
    crowd.leave();
  }
}

/** Who is not back, and what the first of them was told last. */
function missing(crowd) {
  const away = crowd.spectators.filter((one) => !one.isReady);
  const story = ({ socket, ends, tries, failures, sessions }) =>
    ({ connected: socket.connected, ends, tries: tries.slice(-3), failures: failures.slice(-3), sessions: sessions.length });
  const lag = JSON.stringify({ mean: Math.round(crowd.lag.mean / 1e6), max: Math.round(crowd.lag.max / 1e6) });
  return `${away.length} are not, with an own lag in ms of ${lag}: ${JSON.stringify(away.slice(0, 3).map(story))}`;
}

/**
 * What has ended and come back since `begun`, by the second from the first to the last. `tries` are what is spread: what the
 * clients ask of the nodes that stay. When these have answered is `reconnects`, which come in clumps where the machine has no
 * time for a while.
 */
function spread(crowd, begun) {
  const since = (look) => crowd.spectators.flatMap(look).map(({ at }) => at).filter((at) => at > begun);
  return {
    ends: bySecond(since(({ ends }) => ends)),
    tries: bySecond(since(({ tries }) => tries)),
    failures: since(({ failures }) => failures).length,
    reconnects: bySecond(since(({ sessions }) => sessions)),
    // A crowd in one process can itself be what is late.
    ownLagMs: Math.round(crowd.lag.max / 1e6),
  };
}

function bySecond(times) {
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const seconds = Array.from({ length: Math.ceil((last + 1 - first) / 1000) }, () => 0);
  for (const at of times) seconds[Math.floor((at - first) / 1000)] += 1;
  return { mean: times.length / seconds.length, worst: Math.max(...seconds), seconds };
}

const sum = (items, look) => items.reduce((all, one) => all + look(one), 0);

function count(crowd, row) {
  row.sent = sum(crowd.speakers, ({ sent }) => sent);
  row.acked = sum(crowd.speakers, ({ acked }) => acked.length);
  row.availability = 1 - sum(crowd.speakers, ({ unavailable }) => unavailable) / row.sent;
  row.deliveries = crowd.deliveries;
}

/**
 * `full` and `quick`: how many clients, how often somebody speaks in each conversation of 50, in ms, and how many deliveries
 * there have to be.
 */
export const CROWDS = [
  {
    name: "stock-kill",
    title: "kill -9 under stock clients",
    happens: nodeKilled,
    full: { size: 1_000, pace: 400, deliveries: 100_000 },
    quick: { size: 100, pace: 200, deliveries: 5_000 },
  },
  {
    name: "stock-rolling",
    title: "rolling restart under stock clients",
    happens: rollingRestart,
    full: { size: 2_000, pace: 1_000, deliveries: 100_000 },
    world: { nodes: 3 },
  },
];

/** Runs one; resolves to its row, with `failure` if something was not as it should. */
export async function happen(crowd, { quick }) {
  const how = quick ? crowd.quick : crowd.full;
  const world = await World.start(crowd.name, crowd.world);
  const row = { scenario: crowd.name, fault: `${crowd.title}: ${how.size}` };
  try {
    await crowd.happens(world, { ...how, row });
  } catch (error) {
    world.failed = true;
    row.failure = error.message;
  } finally {
    row.story = world.story;
    await world.stop();
  }
  return row;
}
