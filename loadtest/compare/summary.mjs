// Medians over the rounds, and how the sides compare.
import { median, medians } from "./figures.mjs";
import { SCENARIOS } from "./plan.mjs";

/**
 * What is compared: id, at which rate (see LOOKS), title, unit, which figure, and the bar, if there is one: what is asked of the ratio of the
 * gateway to Node, or with `of: "gateway"` of its own figure.
 */
const ROWS = {
  chat: [
    ["chat-highest", "highest", "Highest load with p99 < 100 ms and nothing lost", "messages/s", "messagesPerSecond", { atLeast: 8 }],
    ["chat-cpu", "highest", "CPU per message, each at its highest load", "µs", "cpuPerMessage", { atMost: 1 / 6 }],
    ["chat-cpu-same", "shared", "CPU per message, at the highest load that both carry", "µs", "cpuPerMessage", { atMost: 1 / 6 }],
    ["chat-p50-same", "shared", "Ack p50, at the highest load that both carry", "ms", "ackP50"],
    ["chat-p99-same", "shared", "Ack p99, at the highest load that both carry", "ms", "ackP99"],
    ["chat-redis", "highest", "CPU of Redis per message, each at its highest load", "µs", "redisCpuPerMessage"],
    ["chat-postgres", "highest", "CPU of PostgreSQL per message, each at its highest load", "µs", "postgresCpuPerMessage"],
  ],
  fanout: [
    ["fanout-low", "lowest", "CPU per delivery at a low rate (both nodes)", "µs", "cpuPerDelivery", { atMost: 0.4 }],
    ["fanout-rate", "ofNode", "Deliveries at Node's highest rate", "/s", "deliveriesPerSecond"],
    ["fanout-high", "ofNode", "CPU per delivery at Node's highest rate (both nodes)", "µs", "cpuPerDelivery", { atMost: 0.25 }],
    ["fanout-p99", "ofNode", "Delivery p99 at Node's highest rate", "ms", "deliveryP99", { atMost: 0.5 }],
    ["fanout-redis", "ofNode", "CPU of Redis per message there", "µs", "redisCpuPerMessage"],
    ["fanout-postgres", "ofNode", "CPU of PostgreSQL per message there", "µs", "postgresCpuPerMessage"],
  ],
  "fanout-one": [
    ["one-cpu", "lowest", "CPU per delivery", "µs", "cpuPerDelivery"],
    ["one-p99", "lowest", "Delivery p99", "ms", "deliveryP99"],
  ],
  connect: [
    ["connect-rate", "lowest", "Connects, 50 at a time", "/s", "connectsPerSecond", { atLeast: 3 }],
    ["connect-p99", "lowest", "Connect p99, 50 at a time", "ms", "connectP99", { below: 1 }],
    ["connect-cpu", "lowest", "CPU per connect", "µs", "cpuPerConnect"],
    ["connect-redis", "lowest", "CPU of Redis per connect", "µs", "redisCpuPerConnect"],
    ["connect-postgres", "lowest", "CPU of PostgreSQL per connect", "µs", "postgresCpuPerConnect"],
  ],
  idle: [
    ["idle-memory", "lowest", "Memory per idle connection", "bytes", "bytesPerConnection", { of: "gateway", atMost: 8000 }],
    ["idle-connections", "lowest", "Connections", "", "connections"],
  ],
};

/** The rate in each round whose figures are looked at, of the rates that sides carried in it, and of all that were tried. */
const LOOKS = {
  lowest: (carried, side, tried) => carried[side]?.find((rate) => rate === Math.min(...tried)),
  highest: (carried, side) => Math.max(...(carried[side] ?? [])),
  ofNode: (carried) => Math.max(...(carried.node ?? [])),
  shared: ({ gateway = [], node = [] }) => Math.max(...gateway.filter((rate) => node.includes(rate))),
};

/** What counts of a result's runs: the last try of each rate, side and round that measured something. */
function counted(runs) {
  const last = new Map(runs.map((run) => [[run.scenario, run.side, run.round, run.rate].join(), run]));
  return [...last.values()].filter(({ figures }) => figures);
}

/** What others used of the machine meanwhile, in cores: the median of all runs, and the most. */
export function disturbance(runs) {
  const cores = runs.map(({ figures }) => figures?.coresOfOthers).filter(Number.isFinite);
  return cores.length === 0 ? undefined : { median: median(cores), most: Math.max(...cores) };
}

/** `[{name, title, sides: {side: [{rate, held, figures}]}, rows}]` of the scenarios that were run. */
export function summarize(runs) {
  const all = counted(runs);
  return SCENARIOS.filter(({ name }) => all.some(({ scenario }) => scenario === name)).map(({ name, title, sides }) => {
    const here = all.filter(({ scenario }) => scenario === name);
    const present = sides.filter((side) => here.some((run) => run.side === side));
    return {
      name,
      title,
      sides: Object.fromEntries(present.map((side) => [side, curve(here.filter((run) => run.side === side))])),
      rows: ROWS[name].map(([id, look, title, unit, figure, bar]) => ({ id, title, unit, ...compared(look, figure, bar, here, present) })),
    };
  });
}

/** The medians at each rate; carried, if most rounds carried it. */
function curve(runs) {
  const rates = [...new Set(runs.map(({ rate }) => rate))].sort((a, b) => a - b);
  return rates.map((rate) => {
    const there = runs.filter((run) => run.rate === rate);
    const held = there.filter((run) => run.held).length * 2 > there.length;
    return { rate, held, rounds: there.length, figures: medians(there.map(({ figures }) => figures)) };
  });
}

function compared(look, figure, bar, runs, sides) {
  const rounds = [...new Set(runs.map(({ round }) => round))];
  const ofRound = (side, round) => valueOf(look, figure, side, runs.filter((run) => run.round === round));
  const values = Object.fromEntries(sides.map((side) => [side, median(rounds.map((round) => ofRound(side, round)))]));
  const ratio = values.node && values.gateway !== undefined ? values.gateway / values.node : undefined;
  const judged = bar?.of === "gateway" ? values.gateway : ratio;
  return { values, ratio, bar, met: bar && judged !== undefined ? meets(bar, judged) : undefined };
}

/** A rate that nobody was asked for counts as 0. */
function valueOf(look, figure, side, runs) {
  const carried = {};
  for (const run of runs.filter(({ held }) => held)) (carried[run.side] ??= []).push(run.rate ?? 0);
  const rate = LOOKS[look](carried, side, runs.map((run) => run.rate ?? 0));
  return runs.find((run) => run.side === side && (run.rate ?? 0) === rate)?.figures[figure];
}

function meets({ atLeast, atMost, below }, value) {
  if (atLeast !== undefined) return value >= atLeast;
  return atMost === undefined ? value < below : value <= atMost;
}
