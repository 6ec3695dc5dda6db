// What was measured as a table for each series and the lines through them: as text, and as Markdown in docs/growth.md.
//
//   node loadtest/growth/tables.mjs RESULT.json [FILE.md]
//
// writes them between the two marker comments of the file, or to stdout without one.
import { pathToFileURL } from "node:url";
import { command, escapeCell, number, table } from "../compare/tables.mjs";
import { line } from "./fit.mjs";
import { SERIES } from "./plan.mjs";

const MARKERS = ["<!-- growth: begin (written by loadtest/growth/tables.mjs) -->", "<!-- growth: end -->"];

const PER_MESSAGE = [
  ["CPU µs/message", "cpuPerMessage"],
  ["Redis µs/message", "redisCpuPerMessage"],
  ["PostgreSQL µs/message", "postgresCpuPerMessage"],
];
const STORED = [["flushes/message", "flushesPerMessage"], ["log bytes/message", "walBytesPerMessage"]];
const LATENCY = [["ack p50 ms", "ackP50"], ["ack p99 ms", "ackP99"]];
const OTHERS = ["others, cores", "coresOfOthers"];
const perNode = (name) => (figures, point) => figures[name] / point;
const KiB = (name) => (figures) => figures[name] / 1024;
const MiB = (name) => (figures) => figures[name] / 2 ** 20;

/** Of each series: headings, and what is in them: a figure, or how it is made of figures and the point. */
const COLUMNS = {
  connections: [
    ["bytes each", "gatewayBytesEach"],
    ["files each", "filesEach"],
    ["CPU µs/s", "cpuASecond"],
    ["CPU µs/s each", perNode("cpuASecond")],
    ["Redis bytes each", "redisBytesEach"],
    ["Redis µs/s", "redisCpuASecond"],
    ["Redis commands/s", "redisCommandsASecond"],
    ["PostgreSQL µs/s", "postgresCpuASecond"],
    OTHERS,
  ],
  rooms: [...PER_MESSAGE, ...STORED, ...LATENCY, ["delivery p99 ms", "deliveryP99"], ["node MiB", MiB("gatewayBytes")], ["Redis KiB", KiB("redisBytes")], OTHERS],
  members: [["deliveries/s", "deliveriesPerSecond"], ...PER_MESSAGE, ["CPU µs/delivery", "cpuPerDelivery"], ...LATENCY, ["delivery p99 ms", "deliveryP99"], OTHERS],
  nodes: [...PER_MESSAGE, ["CPU µs/delivery", "cpuPerDelivery"], ...STORED, ...LATENCY, ["delivery p99 ms", "deliveryP99"], ["PostgreSQL connections", "postgresClients"], OTHERS],
  "nodes-fanout": [...PER_MESSAGE, ["CPU µs/delivery", "cpuPerDelivery"], ...LATENCY, ["delivery p99 ms", "deliveryP99"], OTHERS],
  "nodes-alone": [
    ["CPU µs/s", "cpuASecond"],
    ["CPU µs/s each", perNode("cpuASecond")],
    ["MiB each", MiB("nodeBytes")],
    ["Redis µs/s", "redisCpuASecond"],
    ["Redis commands/s", "redisCommandsASecond"],
    ["Redis connections", "redisClients"],
    ["PostgreSQL µs/s", "postgresCpuASecond"],
    ["PostgreSQL connections", "postgresClients"],
  ],
  organizations: [...PER_MESSAGE, ...STORED, ...LATENCY, ["node MiB", MiB("gatewayBytes")], ["Redis KiB", KiB("redisBytes")]],
  listeners: [["Redis µs/message", "redisCpuPerMessage"], ["bytes heard/message", "bytesHeard"], ["CPU of the real node µs/message", "cpuPerMessage"], ...LATENCY, OTHERS],
  registry: [
    ["Redis µs/s", "redisCpuASecond"],
    ["Redis µs/s each", perNode("redisCpuASecond")],
    ["Redis commands/s", "redisCommandsASecond"],
    ["Redis sends KiB/s", KiB("redisSentASecond")],
    ["CPU of the real node µs/s", "cpuASecond"],
  ],
  entrants: [
    ["Redis µs/connect", "redisCpuPerConnect"],
    ["CPU µs/connect", "cpuPerConnect"],
    ["PostgreSQL µs/connect", "postgresCpuPerConnect"],
    ["flushes/connect", "flushesPerConnect"],
    ["connect p50 ms", "connectP50"],
    ["connect p99 ms", "connectP99"],
    OTHERS,
  ],
};

/** The lines: series, what grows, what it costs, and how both are made of figures, the point, and the series' first one. */
const LINES = [
  ["connections", "idle connections", "CPU of the node, µs/s", (f, point) => point, "cpuASecond"],
  ["connections", "idle connections", "CPU of Redis, µs/s", (f, point) => point, "redisCpuASecond"],
  ["connections", "idle connections", "memory of the node over an empty one, bytes", (f, point) => point, (f, point) => f.gatewayBytesEach * point],
  ["connections", "idle connections", "memory of Redis, bytes", (f, point) => point, (f, point) => f.redisBytesEach * point],
  // Above that, counts of what is unread cost more than the deliveries.
  ["members", "deliveries of a message, up to 1,000 members", "CPU of the node, µs/message", (f, point) => (point > 1000 ? NaN : f.deliveriesPerSecond / f.messagesPerSecond), "cpuPerMessage"],
  ["nodes", "nodes, rooms of 10", "CPU of all nodes, µs/message", (f, point) => point, "cpuPerMessage"],
  ["nodes", "nodes, rooms of 10", "CPU of Redis, µs/message", (f, point) => point, "redisCpuPerMessage"],
  ["nodes-fanout", "nodes, rooms of 100", "CPU of all nodes, µs/message", (f, point) => point, "cpuPerMessage"],
  ["nodes-fanout", "nodes, rooms of 100", "CPU of Redis, µs/message", (f, point) => point, "redisCpuPerMessage"],
  ["nodes-alone", "nodes that nobody uses", "CPU of all nodes, µs/s", (f, point) => point, "cpuASecond"],
  ["nodes-alone", "nodes that nobody uses", "CPU of Redis, µs/s", (f, point) => point, "redisCpuASecond"],
  ["listeners", "more nodes that hear a room", "CPU of Redis, µs/message", (f, point) => point, "redisCpuPerMessage"],
  // All n cost c + a·n + b·n²; over what one costs, each other one costs a + b·(n + 1).
  ["registry", "nodes", "CPU of Redis for each node, µs/s", (f, point) => point + 1, (f, point, first) => (f.redisCpuASecond - first.figures.redisCpuASecond) / (point - first.point)],
  ["entrants", "more nodes with leases", "CPU of Redis, µs/connect", (f, point) => point, "redisCpuPerConnect"],
];

const valueOf = (of, { figures, point }, first) => (typeof of === "string" ? figures[of] : of(figures, point, first));

const measured = (result, name) => result.points.filter(({ series, figures }) => series === name && figures);

/** `{title, by, rows}` of what was measured of a series, cells as text; the last one says what is wrong with a point. */
function rowsOf(result, { name, by }) {
  const columns = COLUMNS[name];
  const rows = measured(result, name).map((point) => [number(point.point), ...columns.map(([, of]) => number(valueOf(of, point))), point.held ? "" : point.why]);
  const heading = [by, ...columns.map(([title]) => title), ""];
  // The last column only where something is in it.
  return rows.every((row) => row.at(-1) === "") ? [heading, ...rows].map((row) => row.slice(0, -1)) : [heading, ...rows];
}

/** `[what grows, what it costs, a, b, r²]`, as text. */
export function lines(result) {
  const found = LINES.map(([name, grows, costs, x, y]) => {
    const of = measured(result, name);
    const points = of.map((point) => [valueOf(x, point, of[0]), valueOf(y, point, of[0])]).filter((one) => one.every(Number.isFinite));
    return points.length < 3 ? undefined : { grows, costs, ...line(points) };
  });
  return found.filter(Boolean);
}

const lineRows = (result) => [
  ["what grows: n", "what it costs: a + b·n", "a", "b", "r²"],
  ...lines(result).map(({ grows, costs, a, b, r2 }) => [grows, costs, number(a), number(b), number(r2)]),
];

const blocks = (result) => SERIES.filter(({ name }) => measured(result, name).length > 0).map((series) => ({ title: series.title, rows: rowsOf(result, series) }));

/** For a terminal. */
export function text(result) {
  const show = (rows) => {
    const widths = rows[0].map((_, at) => Math.max(...rows.map((row) => row[at].length)));
    return rows.map((row) => row.map((cell, at) => cell.padStart(widths[at])).join("  ")).join("\n");
  };
  return [...blocks(result).map(({ title, rows }) => `\n${title}\n${show(rows)}`), `\n${show(lineRows(result))}`].join("\n");
}

/** Where it was measured, the tables, and the lines. */
export function markdown(result) {
  const { date, machine: m, versions, quick } = result;
  const { gateway, redis, postgres } = versions;
  const others = result.points.map(({ figures }) => figures?.coresOfOthers).filter(Number.isFinite);
  const head = [
    `Measured on ${date.slice(0, 10)} with \`make growth\`${quick ? ", a quick run: its figures are rough" : ""}.`,
    `${m.cpu}, ${m.cores} cores, ${m.memoryGiB} GiB, ${m.kernel}; the load, Redis and PostgreSQL run on the same machine. What others used of it meanwhile is in the tables: at most ${number(Math.max(...others))} cores. Where that is much, latencies are not to be relied on, and CPU is some tenths too high.`,
    `Gateway ${gateway}, Redis ${redis}, PostgreSQL ${postgres}.`,
  ];
  const tables = blocks(result).map(({ title, rows }) => `### ${title}\n\n${table(rows)}`);
  return [head.map(escapeCell).join("\n"), ...tables, `### Straight lines through these points\n\n${table(lineRows(result), 2)}`].join("\n\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) command(process.argv.slice(2), markdown, MARKERS);
