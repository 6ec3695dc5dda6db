// A result as `run.mjs` makes it, of runs that nobody made.
import { summarize } from "../summary.mjs";

const rooms = (side, scenario, round, rate, figures) => {
  const held = figures.ackP99 < 100;
  return { scenario, side, round, rate, held, why: held ? undefined : "p99", figures, load: ["switchboard-load", "a.toml", "--set", "pace={ open = 1 }"] };
};
const chat = (messagesPerSecond, ackP99, cpuPerMessage) => ({
  messagesPerSecond, deliveriesPerSecond: messagesPerSecond * 9, ackP50: ackP99 / 4, ackP99, deliveryP50: ackP99 / 3, deliveryP99: ackP99 * 1.01,
  cpuPerMessage, cpuPerDelivery: cpuPerMessage / 9, redisCpuPerMessage: 21.5, postgresCpuPerMessage: 87.25, lagP99: 0.2, lost: 0, doubled: 0, outOfOrder: 0, cores: 0.5,
});

export const RUNS = [
  ...[1, 2, 3].flatMap((round) => [
    rooms("gateway", "chat", round, 500, chat(500, 8 + round, 101 + round)),
    rooms("gateway", "chat", round, 8000, chat(8000, 70 + round, 51 + round)),
    rooms("node", "chat", round, 500, chat(500, 31 + round, 901 + round)),
    rooms("node", "chat", round, 1000, chat(777, 1234, 888)),
    rooms("gateway", "fanout", round, 20, chat(20, 5, 1800)),
    rooms("gateway", "fanout", round, 100, chat(100, 6, 900)),
    rooms("node", "fanout", round, 20, chat(20, 7, 2000)),
    rooms("node", "fanout", round, 100, chat(100, 40, 3600)),
  ]),
  ...["gateway", "node", "socketioxide"].flatMap((side, at) => [
    rooms(side, "fanout-one", 1, 50, chat(50, 9 + at, 1700 + at)),
    { scenario: "connect", side, round: 1, held: true, figures: { connectsPerSecond: 3210 - 1000 * at, connectP50: 11, connectP99: 22 + at, cpuPerConnect: 333 + at }, load: ["x"] },
    { scenario: "idle", side, round: 1, held: true, figures: { bytesPerConnection: 7531 + 10_000 * at, connections: 18_000 }, load: ["x"] },
  ]),
];

export const RESULT = {
  date: "2026-11-27T10:11:12.000Z",
  machine: { cpu: `A <b>"fast"</b> & 'new' CPU`, cores: 2, memoryGiB: 24, kernel: "Linux 6.1.0", openFiles: 20_000, loadBefore: 0.25 },
  versions: { gateway: "0.1.0", node: "v20.20.2", "socket.io": "4.8.4", redis: "7.0.15", postgres: "15.18 <script>alert(1)</script>" },
  command: "make compare ARGS='--rounds 3'",
  quick: false,
  rounds: 3,
  seconds: 1234,
  disturbance: { median: 0.04, most: 0.62 },
  startedBy: { gateway: "switchboard serve", node: "node server.mjs", socketioxide: "peer" },
  gatewayConfig: '[limits]\nevents = "<a & b>"\n',
  summary: summarize(RUNS),
  runs: RUNS,
};
