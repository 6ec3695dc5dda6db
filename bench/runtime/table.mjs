// Prints the results of run.sh as a Markdown table: medians, and how ours compares.
//
//   node table.mjs RESULTS.jsonl
import { readFileSync } from "node:fs";

const SERVERS = ["bare", "coalescing", "ours", "socketioxide", "node"];
const RIVALS = ["bare", "coalescing", "socketioxide", "node"];

// Case, what it is called, field of the result, digits.
const ROWS = [
  ["low-100", "20,000/s, rooms of 100: CPU µs per delivery", "cpu_us_per_delivery", 2],
  ["low-100", "20,000/s, rooms of 100: p99 ms", "p99_ms", 1],
  ["low-1000", "20,000/s, room of 1,000: CPU µs per delivery", "cpu_us_per_delivery", 2],
  ["low-1000", "20,000/s, room of 1,000: p99 ms", "p99_ms", 1],
  ["max-100", "rooms of 100: highest deliveries/s", "deliveries_per_s", 0],
  ["max-100", "… CPU µs per delivery there", "cpu_us_per_delivery", 2],
  ["max-100", "… p99 ms there", "p99_ms", 1],
  ["max-100", "… server, % of its core", "server_core_percent", 0],
  ["max-100", "… load generator, % of its core", "load_core_percent", 0],
  ["max-1000", "room of 1,000: highest deliveries/s", "deliveries_per_s", 0],
  ["max-1000", "… CPU µs per delivery there", "cpu_us_per_delivery", 2],
  ["max-1000", "… p99 ms there", "p99_ms", 1],
  ["max-1000", "… server, % of its core", "server_core_percent", 0],
  ["max-1000", "… load generator, % of its core", "load_core_percent", 0],
  ["idle-websocket", "idle WebSocket: kB per connection", "kb_per_connection", 1],
  ["idle-polling", "idle polling: kB per connection", "kb_per_connection", 1],
  ["unrelated", "unrelated client, idle room: p99 ms", "idle_p99_ms", 1],
  ["unrelated", "unrelated client, busy room: p50 ms", "busy_p50_ms", 1],
  ["unrelated", "unrelated client, busy room: p99 ms", "busy_p99_ms", 1],
  ["unrelated", "unrelated client, busy room: max ms", "busy_max_ms", 1],
  ["stall", "stalled members: s until all are gone", "all_gone_after_s", 1],
  ["stall", "stalled members: peak RSS kB", "rss_peak_kb", 0],
  ["stall", "stalled members: RSS kB at the end", "rss_end_kb", 0],
  ["stall", "deliveries that readers missed", "readers_missing", 0],
  ["stall", "deliveries that readers had out of order", "readers_gaps", 0],
  ["churn", "churn: sockets left", "sockets_left", 0],
  ["churn", "churn: tasks before", "tasks_before", 0],
  ["churn", "churn: tasks after", "tasks_after", 0],
  ["churn", "churn: open files before", "fds_before", 0],
  ["churn", "churn: open files after", "fds_after", 0],
  ["churn", "churn: RSS kB before", "rss_before_kb", 0],
  ["churn", "churn: RSS kB after the first round", "rss_after_first_kb", 0],
  ["churn", "churn: RSS kB after the last round", "rss_after_last_kb", 0],
];
// Of these a ratio says something.
const COMPARED = /deliveries\/s|CPU|kB per|p99 ms$|p50/;

const results = readFileSync(process.argv[2], "utf8").trim().split("\n").filter(Boolean).map(JSON.parse);

function median(server, name, field) {
  const values = results
    .filter((it) => it.server === server && it.case === name)
    .map((it) => it.result[field])
    .filter((it) => typeof it === "number")
    .sort((a, b) => a - b);
  if (values.length === 0) return undefined;
  const middle = values.length >> 1;
  return values.length % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

const show = (value, digits) =>
  value === undefined ? "–" : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const ratio = (ours, theirs) => (ours === undefined || !theirs ? "–" : `${Number((ours / theirs).toPrecision(2)).toLocaleString("en")}×`);
const line = (cells) => console.log(`| ${cells.join(" | ")} |`);

const present = SERVERS.filter((server) => results.some((it) => it.server === server));
const rivals = present.includes("ours") ? RIVALS.filter((it) => present.includes(it)) : [];
line(["", ...present, ...rivals.map((it) => `ours / ${it}`)]);
line(["---", ...[...present, ...rivals].map(() => "---:")]);
for (const [name, title, field, digits] of ROWS) {
  if (!results.some((it) => it.case === name)) continue;
  const values = Object.fromEntries(present.map((server) => [server, median(server, name, field)]));
  const compared = COMPARED.test(title);
  line([
    title,
    ...present.map((server) => show(values[server], digits)),
    ...rivals.map((it) => (compared ? ratio(values.ours, values[it]) : "")),
  ]);
}
