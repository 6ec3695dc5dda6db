// What is broken under traffic, one thing each, and all of them in random order.
import assert from "node:assert/strict";
import { pause } from "../support/story.mjs";
import { clockJumps, RATED } from "./clocks.mjs";
import { until } from "./until.mjs";

const seconds = (n) => pause(n * 1000);

/** `kill -9` of a node, which is back some seconds later. */
async function killNode(world, { away, node = 0 }) {
  world.say(`kill -9 of node ${node}`);
  await world.nodes[node].kill();
  await seconds(away);
  await world.startAgain(node);
}

/** Every node is told to end and started again, one after the other. */
async function rollingRestart(world, { settle }) {
  for (const node of world.nodes.keys()) await restartNode(world, { node, settle });
}

async function restartNode(world, { node = 0, settle = 0 }) {
  world.say(`SIGTERM to node ${node}`);
  world.nodes[node].signal("SIGTERM");
  const { code, signal } = await world.nodes[node].ended;
  assert.deepEqual([code, signal], [0, null], `node ${node} did not end as it should`);
  await world.startAgain(node);
  await seconds(settle);
}

async function killRedis(world, { away }) {
  world.say("Redis is killed");
  await world.redis.kill();
  await seconds(away);
  await world.redis.start();
  world.say("Redis is back, empty");
}

async function pauseRedis(world, { away }) {
  world.say("Redis is paused");
  world.redis.pause();
  await seconds(away);
  world.redis.resume();
  world.say("Redis goes on");
}

/** Sentinel puts the replica in the place of a primary that is dead, or stopped for a while. */
async function failOver(world, { signal, away }) {
  const old = await world.redis.primary();
  world.say(`${signal} to the primary`);
  process.kill(old.pid, signal);
  const begun = Date.now();
  const successor = await world.redis.successorOf(old);
  world.say("the replica is the primary");
  const haveCome = async () => {
    const listening = await world.redis.listeners(successor);
    const up = await world.metric("switchboard_redis_up");
    return listening >= world.nodes.length && up === world.nodes.length;
  };
  await until(haveCome, "every node to be at the new primary", 15_000);
  world.say(`all nodes are there, ${Date.now() - begun} ms after the signal`);
  if (signal === "SIGKILL") return;
  await seconds(away);
  process.kill(old.pid, "SIGCONT");
  world.say("the old primary goes on");
  await world.redis.becomesReplica(old);
  world.say("it is a replica");
}

/** Only node 0 loses its way to Redis. */
async function cutFromRedis(world, { away }) {
  world.say("node 0 is cut from Redis");
  world.redisLine.cut();
  await seconds(away);
  world.redisLine.mend();
  world.say("node 0 reaches Redis again");
}

async function killPostgres(world, { away }) {
  world.say("PostgreSQL is killed");
  await world.postgres.kill();
  await seconds(away);
  await world.postgres.start();
  world.say("PostgreSQL is back");
}

async function pausePostgres(world, { away }) {
  world.say("PostgreSQL is paused");
  world.postgres.pause();
  await seconds(away);
  world.postgres.resume();
  world.say("PostgreSQL goes on");
}

/** 50 to 150 ms each way, for every client, and for node 0 to Redis. */
async function slowNetwork(world, { away }) {
  const lines = [world.redisLine, ...world.clientLines];
  world.say("the network is slow");
  lines.forEach((line) => line.delay(50, 150));
  await seconds(away);
  lines.forEach((line) => line.delay(0, 0));
  world.say("the network is fast again");
}

/**
 * Nodes come and go, and meanwhile one fault after the other happens to what they need: in an order and for times that
 * follow from the seed.
 */
async function everything(world, { randomOf, until }) {
  const [nodes, rest] = [randomOf(0), randomOf(1)];
  const between = (random, from, to) => from + random() * (to - from);
  const node = () => Math.floor(nodes() * world.nodes.length);
  const toNodes = [
    () => killNode(world, { node: node(), away: between(nodes, 0, 5) }),
    () => restartNode(world, { node: node() }),
  ];
  const toTheRest = [
    () => killRedis(world, { away: between(rest, 0, 8) }),
    () => pauseRedis(world, { away: between(rest, 0.2, 6) }),
    () => cutFromRedis(world, { away: between(rest, 0.2, 6) }),
    () => killPostgres(world, { away: between(rest, 0, 4) }),
    () => pausePostgres(world, { away: between(rest, 0.2, 5) }),
    () => slowNetwork(world, { away: between(rest, 1, 6) }),
  ];
  const goOn = async (faults, random) => {
    while (Date.now() < until) {
      // Each once, before any comes again.
      for (const fault of shuffled(faults, random)) {
        await fault();
        await seconds(between(random, 0.2, 4));
        if (Date.now() >= until) break;
      }
    }
  };
  await Promise.all([goOn(toNodes, nodes), goOn(toTheRest, rest)]);
}

function shuffled(items, random) {
  const left = [...items];
  return items.map(() => left.splice(Math.floor(random() * left.length), 1)[0]);
}

/**
 * `fault(world, options)` gets `full`, or `quick` in the short cut, where those without are left out; `away` is in seconds.
 * `world` is given to `World.start`; `quickEnv` and `traffic` differ from the usual; `availability` is the share of sends
 * that have to be acked with one repetition at most; `lasts`, whether it goes on for as long as it is told to.
 */
export const SCENARIOS = [
  { name: "kill-node", title: "kill -9 of a node", fault: killNode, full: { away: 4 }, quick: { away: 2 } },
  {
    name: "rolling-restart",
    title: "SIGTERM to three nodes in turn",
    fault: rollingRestart,
    full: { settle: 2 },
    quick: { settle: 0.5 },
    world: { nodes: 3, env: { SWITCHBOARD__SHUTDOWN__DRAIN: "6s" } },
    quickEnv: { SWITCHBOARD__SHUTDOWN__DRAIN: "3s" },
    availability: 0.999,
  },
  { name: "redis-killed", title: "Redis killed, returned empty", fault: killRedis, full: { away: 20 }, quick: { away: 4 } },
  {
    name: "redis-cut",
    title: "one node cut from Redis",
    fault: cutFromRedis,
    full: { away: 8 },
    world: { lines: { redis: true } },
  },
  { name: "redis-paused", title: "Redis paused", fault: pauseRedis, full: { away: 8 } },
  {
    name: "sentinel-killed",
    title: "kill -9 of Sentinel's primary",
    fault: failOver,
    full: { signal: "SIGKILL" },
    world: { redis: "sentinel" },
  },
  {
    name: "sentinel-paused",
    title: "SIGSTOP to Sentinel's primary",
    fault: failOver,
    full: { signal: "SIGSTOP", away: 8 },
    world: { redis: "sentinel" },
  },
  { name: "postgres-killed", title: "PostgreSQL killed", fault: killPostgres, full: { away: 2 } },
  { name: "postgres-paused", title: "PostgreSQL paused", fault: pausePostgres, full: { away: 10 } },
  {
    name: "slow-network",
    title: "50-150 ms each way",
    fault: slowNetwork,
    full: { away: 24 },
    world: { lines: { redis: true, clients: true } },
  },
  {
    name: "clock-jumps",
    title: "one node's clock 1 h ahead, 1 h behind",
    fault: clockJumps,
    full: { settle: 4 },
    world: { clock: true, env: RATED },
    traffic: { duration: 50, rate: 100 },
  },
  {
    name: "everything",
    title: "all of these in random order",
    fault: everything,
    full: {},
    world: { nodes: 3, lines: { redis: true, clients: true }, env: { SWITCHBOARD__SHUTDOWN__DRAIN: "3s" } },
    traffic: { duration: 110, rate: 60 },
    lasts: true,
  },
];
