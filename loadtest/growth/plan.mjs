// What grows, in which steps, and what load is put on meanwhile: little, so that what is measured is a cost and not a limit.

/** What is measured begins after the caches are warm. */
const timing = { warmup: "2s", duration: "8s", grace: "10s" };
/** Connects a second: few enough that nobody waits for another. */
export const ENTERING = 400;
/** What is looked at of idle sockets, in seconds: their sessions are prolonged once in it. Before it their keys are counted. */
export const IDLE_SECONDS = 30;
const HOLD = `${IDLE_SECONDS + 5}s`;
const chat = (rooms, rate) => ({ rooms, room_size: 10, connect_rate: ENTERING, receipts: 0, typing: 0, pace: { open: rate }, ...timing });
const fanout = (rooms, size, rate) => ({ rooms, room_size: size, connect_rate: ENTERING, pace: { open: rate }, ...timing });

/**
 * Each of `points` is a measurement; `by` is what differs between them. `how` is the method of `growth.mjs`:
 * `load` (the scenario `file` with `set(point)` on `nodes(point)` nodes), `idle` (the same, looked at while all are in), `alone` (nodes that nobody
 * uses), `organizations`, and with simulated nodes `listeners`, `registry`, `entrants`.
 */
export const SERIES = [
  { name: "connections", how: "idle", title: "Connections that do nothing, one node", by: "connections", points: [200, 2000, 18_000], file: "idle.toml",
    set: (connections) => ({ connections, connect_rate: ENTERING, hold: HOLD }) },
  { name: "rooms", how: "load", title: "Rooms of 10 with 200 messages a second over all, one node", by: "rooms", points: [10, 100, 500], file: "chat.toml",
    // The tool makes all rooms at once: of a thousand some would wait for one of ten connections to the database for over a second, and be refused.
    set: (rooms) => chat(rooms, 200) },
  { name: "members", how: "load", title: "Members of a room, one node", by: "members", points: [10, 100, 1000, 10_000], file: "fanout.toml",
    // The larger the room, the fewer messages: between 1,800 and 10,000 deliveries a second.
    set: (size) => fanout(...{ 10: [20, 10, 200], 100: [4, 100, 40], 1000: [2, 1000, 5], 10_000: [1, 10_000, 1] }[size]) },
  { name: "nodes", how: "load", title: "Nodes that carry the same load: 20 rooms of 10 over all of them, 200 messages a second", by: "nodes", points: [1, 2, 4, 8],
    file: "chat.toml", nodes: (nodes) => nodes, set: () => chat(20, 200) },
  { name: "nodes-fanout", how: "load", title: "Nodes that carry the same fan-out: 4 rooms of 100 over all of them, 40 messages a second", by: "nodes",
    points: [1, 2, 4, 8], file: "fanout.toml", nodes: (nodes) => nodes, set: () => fanout(4, 100, 40) },
  { name: "nodes-alone", how: "alone", title: "Nodes that nobody uses", by: "nodes", points: [1, 2, 4, 8], nodes: (nodes) => nodes },
  { name: "organizations", how: "organizations", title: "Organizations that share 1,000 rooms of 2 with 200 messages a second, one node", by: "organizations",
    points: [1, 10, 100, 1000], people: 2000, rate: 200, seconds: 8 },
  { name: "listeners", how: "listeners", title: "Simulated: nodes that hear all messages of one node, 20 rooms of 10, 100 messages a second", by: "more nodes",
    points: [0, 8, 32, 128], file: "chat.toml", set: () => ({ ...chat(20, 100), warmup: "4s" }) },
  { name: "registry", how: "registry", title: "Simulated: nodes that keep their leases and do nothing else", by: "nodes", points: [1, 8, 32, 128, 512] },
  { name: "entrants", how: "entrants", title: "Simulated: connects at one node while others have leases", by: "more nodes", points: [0, 8, 32, 128], file: "connect.toml",
    set: () => ({ connections: 1500, pace: { open: 200 }, hold: "500ms" }) },
];
