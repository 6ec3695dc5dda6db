// The report: one HTML file that needs nothing else.
import { readFileSync } from "node:fs";
import { barChart, escape, lineChart } from "./charts.mjs";
import { LATENCY_LIMIT_MS, SIDES } from "./plan.mjs";
import { barWords, disturbanceWords, number, verdict } from "./tables.mjs";

const STYLE = readFileSync(new URL("page.css", import.meta.url), "utf8");

/** Lines over the offered load: title, name of the axis, and what is drawn, `[figure, what it is, dashed]`. */
const CURVES = {
  chat: [
    ["Ack latency over offered load", "ms", [["ackP99", "p99", false], ["ackP50", "p50", true]], true],
    ["CPU per message over offered load", "µs", [["cpuPerMessage", "", false]]],
    ["CPU of the databases per message", "µs", [["postgresCpuPerMessage", "PostgreSQL", false], ["redisCpuPerMessage", "Redis", true]]],
  ],
  fanout: [
    ["Delivery latency over offered load", "ms", [["deliveryP99", "p99", false], ["deliveryP50", "p50", true]], true],
    ["CPU per delivery over offered load", "µs", [["cpuPerDelivery", "", false]]],
  ],
  "fanout-one": [],
  connect: [],
  idle: [],
};

/** Rows of a comparison that are worth a bar. */
const BARS = {
  chat: ["chat-highest", "chat-cpu"],
  fanout: ["fanout-low", "fanout-high"],
  "fanout-one": ["one-cpu", "one-p99"],
  connect: ["connect-rate", "connect-p99"],
  idle: ["idle-memory"],
};

/** The whole page of what `run.mjs` writes as JSON. */
export function page(result) {
  const { date, machine: m, summary, rounds, quick } = result;
  const subtitle = [
    `${date.slice(0, 16).replace("T", " ")} UTC`,
    `${m.cpu}, ${m.cores} cores, ${m.memoryGiB} GiB`,
    `medians of ${rounds} round${rounds === 1 ? "" : "s"}`,
    quick && "a quick run: its figures are rough",
  ].filter(Boolean);
  const bars = summary.flatMap(({ rows }) => rows).filter(({ bar }) => bar);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Switchboard beside Node.js, ${escape(date.slice(0, 10))}</title>
<style>
${STYLE}</style>
</head>
<body>
<h1>Switchboard beside Node.js</h1>
<p class="soft">${escape(subtitle.join(" · "))}</p>
<p>The same load on the same machine, one side after the other, each on processes and a database of its own. Processor time is that of the servers' processes alone;
Redis and PostgreSQL are told beside it. ${escape(disturbanceWords(result.disturbance))}</p>
<h2>What was asked for</h2>
${comparison(bars, sidesOf(summary))}
${summary.map(section).join("\n")}
<h2>Where and how</h2>
${facts(result)}
${commands(result)}
</body>
</html>
`;
}

const sidesOf = (summary) => Object.keys(SIDES).filter((side) => summary.some(({ sides }) => sides[side]));

function table(heads, rows, kind = "") {
  const cells = (tag, line) => line.map(([text, classes = ""]) => `<${tag}${classes && ` class="${classes}"`}>${escape(text)}</${tag}>`).join("");
  const body = rows.map((row) => `<tr>${cells("td", row)}</tr>`).join("\n");
  return `<div class="wide ${kind}"><table><thead><tr>${cells("th", heads)}</tr></thead><tbody>${body}</tbody></table></div>`;
}

function comparison(rows, sides) {
  const heads = ["", ...sides.map((side) => SIDES[side]), "Switchboard / Node.js", "asked", ""];
  const lines = rows.map(({ title, unit, values, ratio, bar, met }) => [
    [unit ? `${title}, ${unit}` : title],
    ...sides.map((side) => [number(values[side])]),
    [ratio === undefined ? "–" : `${number(ratio)}×`, "strong"],
    [barWords(bar), "soft"],
    [verdict(met), verdict(met)],
  ]);
  return table(heads.map((head) => [head]), lines);
}

function section(scenario) {
  const { name, title, sides, rows } = scenario;
  const charts = [...CURVES[name].map((curve) => curveChart(scenario, ...curve)), ...BARS[name].map((id) => rowChart(scenario, id))];
  return `<h2>${escape(title)}</h2>
${comparison(rows, Object.keys(sides))}
<div class="charts">${charts.join("\n")}</div>
${points(sides)}`;
}

function curveChart({ sides }, title, yName, lines, hasLimit) {
  const series = Object.entries(sides).flatMap(([side, curve]) =>
    lines.map(([figure, what, dashed]) => ({
      side,
      name: [SIDES[side], what].filter(Boolean).join(", "),
      dashed,
      points: curve.map(({ rate, held, figures }) => ({ x: rate, y: figures[figure], held })),
    })),
  );
  const limit = hasLimit ? { y: LATENCY_LIMIT_MS, name: `${LATENCY_LIMIT_MS} ms` } : undefined;
  return lineChart({ title, xName: "messages offered per second; hollow: too much", yName, series, limit });
}

function rowChart({ sides, rows }, id) {
  const row = rows.find((one) => one.id === id);
  const bars = Object.keys(sides).map((side) => ({ side, name: SIDES[side], value: row.values[side] }));
  return barChart({ title: row.title, unit: row.unit, bars });
}

const COLUMNS = [
  ["messages/s", "messagesPerSecond"], ["deliveries/s", "deliveriesPerSecond"],
  ["ack p50 ms", "ackP50"], ["ack p99 ms", "ackP99"], ["delivery p50 ms", "deliveryP50"], ["delivery p99 ms", "deliveryP99"], ["lag p99 ms", "lagP99"],
  ["connects/s", "connectsPerSecond"], ["connect p50 ms", "connectP50"], ["connect p99 ms", "connectP99"],
  ["CPU µs/message", "cpuPerMessage"], ["CPU µs/delivery", "cpuPerDelivery"], ["CPU µs/connect", "cpuPerConnect"], ["cores", "cores"],
  ["Redis µs/message", "redisCpuPerMessage"], ["PostgreSQL µs/message", "postgresCpuPerMessage"],
  ["Redis µs/connect", "redisCpuPerConnect"], ["PostgreSQL µs/connect", "postgresCpuPerConnect"],
  ["bytes/connection", "bytesPerConnection"], ["RSS bytes", "rssBytes"],
  ["cores of others", "coresOfOthers"], ["lost", "lost"], ["doubled", "doubled"], ["out of order", "outOfOrder"],
];

/** Every figure of every load: medians. */
function points(sides) {
  const all = Object.entries(sides).flatMap(([side, curve]) => curve.map((point) => ({ side, ...point })));
  const columns = COLUMNS.filter(([, figure]) => all.some(({ figures }) => figures[figure] !== undefined));
  const heads = [["", "left"], ["offered/s"], ...columns.map(([name]) => [name]), [""]];
  const rows = all.map(({ side, rate, held, figures }) => [
    [SIDES[side], "left"],
    [rate === undefined ? "" : number(rate)],
    ...columns.map(([, figure]) => [number(figures[figure])]),
    [held ? "" : "too much", held ? "" : "missed"],
  ]);
  return `<details><summary>All figures</summary>${table(heads, rows, "narrow")}</details>`;
}

function facts({ machine: m, versions, seconds }) {
  const rows = [
    ["processor", `${m.cpu}, ${m.cores} cores`],
    ["memory", `${m.memoryGiB} GiB`],
    ["kernel", m.kernel],
    ["open files of a process", String(m.openFiles)],
    ["load average before", number(m.loadBefore)],
    ["took", `${number(seconds)} s`],
    ...Object.entries(versions),
  ];
  return table([["", "left"], ["", "left"]], rows.map(([name, value]) => [[name, "left soft"], [value ?? "unknown", "left"]]), "narrow");
}

function commands({ command, startedBy, gatewayConfig, runs }) {
  const loads = [...new Set(runs.map(({ scenario, load }) => `# ${scenario}\n${load.map(quoted).join(" ")}`))];
  const servers = Object.entries(startedBy).map(([side, line]) => `# ${SIDES[side]}\n${line}`);
  return `<p>Again: <code>${escape(command)}</code></p>
<details><summary>How the servers are started</summary><pre>${escape(servers.join("\n"))}

# gateway.toml
${escape(gatewayConfig)}</pre></details>
<details><summary>Every load (with --url, --secret-file and --pid of the servers)</summary><pre>${escape(loads.join("\n"))}</pre></details>`;
}

/** As a shell would take it. */
function quoted(word) {
  return /^[\w./=:-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
