// What is measured. The scenarios are the files of ../scenarios with some of their keys replaced.

/** What is called what, in this order. */
export const SIDES = { gateway: "Switchboard", node: "Node.js", socketioxide: "socketioxide" };

/** A load counts as carried while the 99th percentile is below. */
export const LATENCY_LIMIT_MS = 100;

/** Senders' rooms are quick to make, and what is measured begins after the caches are warm. */
const timing = (quick) => (quick ? { warmup: "1s", duration: "3s", grace: "3s" } : { warmup: "2s", duration: "5s", grace: "5s" });

/** How rates rise: doubled until one is too much, then halved between the last two; a rate is too much when it was `tries` times. */
const rising = (quick, start) => ({ start, factor: 2, refine: quick ? 0 : 3, tries: quick ? 1 : 2 });

/**
 * `file` is below ../scenarios, and `set` gives the keys to replace; `sides` take part with so many `nodes`. Each of `rates` (sends a second over
 * all) is measured, and then rates that rise until they are too much for `climbers`, the others going along; with neither it is measured
 * as it is. `once`: in the first round only.
 */
export const SCENARIOS = [
  {
    name: "chat",
    title: "Persisted chat, rooms of 10, one process each",
    file: "chat.toml",
    sides: ["gateway", "node"],
    nodes: 1,
    climbers: ["gateway", "node"],
    rising: (quick) => rising(quick, 250),
    set: (quick) => ({ rooms: 20, room_size: 10, connect_rate: 400, receipts: 0, typing: 0, ...timing(quick) }),
  },
  {
    name: "fanout",
    title: "Fan-out through two nodes, rooms of 100",
    file: "fanout.toml",
    sides: ["gateway", "node"],
    nodes: 2,
    climbers: ["node"],
    rates: () => [20],
    rising: (quick) => rising(quick, 100),
    set: (quick) => ({ rooms: 4, room_size: 100, connect_rate: 400, ...timing(quick) }),
  },
  {
    name: "fanout-one",
    title: "Fan-out on one node, rooms of 100",
    file: "fanout.toml",
    sides: ["gateway", "node", "socketioxide"],
    nodes: 1,
    climbers: [],
    rates: (quick) => [quick ? 50 : 100],
    set: (quick) => ({ rooms: 4, room_size: 100, connect_rate: 400, ...timing(quick) }),
  },
  {
    name: "connect",
    title: "Getting in, one process each",
    file: "connect.toml",
    sides: ["gateway", "node", "socketioxide"],
    nodes: 1,
    climbers: [],
    set: (quick) => ({ connections: quick ? 500 : 3000, pace: { closed: 50 }, hold: "500ms" }),
  },
  {
    name: "idle",
    title: "Sockets that do nothing, one process each",
    file: "idle.toml",
    sides: ["gateway", "node", "socketioxide"],
    nodes: 1,
    climbers: [],
    // Memory is the same each time, and so many sockets take their time at a rate that all sides can keep up with.
    once: true,
    set: (quick) => ({ connections: quick ? 1000 : 18_000, connect_rate: 250, hold: quick ? "2s" : "10s" }),
  },
];

/** Files that a process needs besides those of its connections. */
const SPARE_FILES = 700;

/** The keys of a scenario, `rate` among them if it has one, with no more connections than a process here may have open files. */
export function keysOf(scenario, { quick, rate, openFiles = Infinity }) {
  const keys = { ...scenario.set(quick), ...(rate !== undefined && { pace: { open: rate } }) };
  if (keys.connections !== undefined) keys.connections = Math.min(keys.connections, openFiles - SPARE_FILES);
  return keys;
}

/** As TOML. */
export function toml(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return String(value);
  return `{ ${Object.entries(value).map(([key, one]) => `${key} = ${toml(one)}`).join(", ")} }`;
}
