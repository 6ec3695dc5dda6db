// From what `switchboard-load` reports to the figures that are compared.
import { LATENCY_LIMIT_MS } from "./plan.mjs";

/** The middle one, or the mean of the two in the middle; what is no number does not count. `undefined` of nothing. */
export function median(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Each figure's median over several of what `figuresOf` gives. */
export function medians(all) {
  const names = [...new Set(all.flatMap(Object.keys))];
  return Object.fromEntries(names.map((name) => [name, median(all.map((one) => one[name]))]));
}

/**
 * Times in ms, processor time in µs for each thing done, memory in bytes.
 * @param report what the tool wrote
 * @param databases processor time in seconds in the same window, `{redis, postgres}`; it need not be known
 */
export function figuresOf(report, databases) {
  const { messages, deliveries, costs, connections } = report;
  const seconds = report.measuredSeconds;
  const kind = report.scenario.kind;
  const cpu = report.servers.reduce((sum, { used }) => sum + used.userSeconds + used.systemSeconds, 0);
  const common = { cores: cpu / seconds, rssBytes: report.servers.reduce((sum, { used }) => sum + used.rssBytes, 0) };
  if (kind === "idle") return { ...common, bytesPerConnection: costs.rssBytesPerConnection, connections: connections.ready };
  const each = (count, name) => ({
    [`redisCpuPer${name}`]: perThing(databases?.redis, count),
    [`postgresCpuPer${name}`]: perThing(databases?.postgres, count),
  });
  if (kind === "connect") {
    return {
      ...common,
      connectsPerSecond: connections.ready / seconds,
      connectP50: report.connectMs.p50,
      connectP99: report.connectMs.p99,
      cpuPerConnect: costs.cpuUsPerConnect,
      ...each(connections.ready, "Connect"),
    };
  }
  return {
    ...common,
    messagesPerSecond: messages.ackedPerSecond,
    deliveriesPerSecond: deliveries.perSecond,
    ackP50: report.ackMs.p50,
    ackP99: report.ackMs.p99,
    deliveryP50: report.deliveryMs.p50,
    deliveryP99: report.deliveryMs.p99,
    lagP99: report.lagMs.p99,
    cpuPerMessage: costs.cpuUsPerMessage,
    cpuPerDelivery: costs.cpuUsPerDelivery,
    lost: deliveries.lost,
    doubled: deliveries.doubled,
    outOfOrder: deliveries.outOfOrder,
    ...each(messages.ackedPerSecond * seconds, "Message"),
  };
}

function perThing(seconds, count) {
  return seconds === undefined || !count ? undefined : (seconds * 1e6) / count;
}

/** Why a load was too much; `undefined` if it was carried. Order is not asked for: the adapter of Node's side promises none. */
export function tooMuch(report) {
  const { messages, deliveries, connections } = report;
  const broken = [
    [connections.asked - connections.ready, "did not get in"],
    [sum(connections.ended), "connections ended"],
    [deliveries.lost, "lost"],
    [deliveries.doubled, "doubled"],
    [messages.unanswered, "unanswered"],
    [messages.unsent, "unsent"],
    [sum(messages.refused), "refused"],
  ].find(([count]) => count > 0);
  if (broken) return broken.join(" ");
  const p99 = Math.max(report.ackMs.p99, report.deliveryMs.p99);
  return p99 < LATENCY_LIMIT_MS ? undefined : `p99 is ${Math.round(p99)} ms`;
}

const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);
