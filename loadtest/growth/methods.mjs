// How a point is measured. Processor time is in µs, memory in bytes, times in ms; "a second" is of the time that is looked at.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { putLoad } from "../compare/load.mjs";
import { ENTERING, IDLE_SECONDS } from "./plan.mjs";
import { call, census } from "./resp.mjs";

const PEOPLE = fileURLToPath(new URL("people.mjs", import.meta.url));
/** Three rounds of a node that keeps its lease. */
const ALONE_MS = 12_000;
/** Until a node that was just started has done all that it does once. */
const SETTLED_MS = 3000;

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Bytes of resident memory of a node before anybody came, and what it has become for each of `count`. */
const memory = (meter, count, moment) => ({
  nodeBytes: meter.first.gatewayBytes / meter.nodes.length,
  gatewayBytesEach: (meter.value("gatewayBytes", moment) - meter.first.gatewayBytes) / count,
  redisBytesEach: (meter.value("redisBytes", moment) - meter.first.redisBytes) / count,
});

/** What was used in each second of a window. */
export function aSecond(meter, window) {
  const used = meter.between(window);
  const seconds = (window[1] - window[0]) / 1000;
  const of = (name) => (used[name] * 1e6) / seconds;
  return { cpuASecond: of("gateway"), redisCpuASecond: of("redis"), postgresCpuASecond: of("postgres"), redisCommandsASecond: used.redisCommands / seconds };
}

/** What was used for each of `count` messages. */
export function each(meter, window, count) {
  const used = meter.between(window);
  const cpu = (name) => (used[name] * 1e6) / count;
  return {
    cpuPerMessage: cpu("gateway"),
    redisCpuPerMessage: cpu("redis"),
    postgresCpuPerMessage: cpu("postgres"),
    redisCommandsPerMessage: used.redisCommands / count,
    redisBytesPerMessage: used.redisBytes / count,
    commitsPerMessage: used.commits / count,
    flushesPerMessage: used.flushes / count,
    walBytesPerMessage: used.walBytes / count,
  };
}

/** The load of a scenario; `also` is what is done meanwhile. */
export async function underLoad(growth, { series, point, server }, also) {
  const { folder, secretFile, databases } = growth;
  const meanwhile = also?.();
  const put = await putLoad(series.file, series.set(point), server, { folder, secretFile, databases });
  return { ...put, meanwhile: await meanwhile };
}

/** What a point says of its load. */
export const outcome = ({ held, why, report, figures }, more) => ({
  held,
  why,
  figures: { ...more, coresOfOthers: figures?.coresOfOthers },
  load: report?.scenario,
});

/** A report that is worth looking at. */
export function reportOf(put) {
  if (!put.report) throw new Error(`nothing could be measured: ${put.why}`);
  return put.report;
}

export const METHODS = {
  async load(growth, about) {
    const { meter, server } = about;
    const put = await underLoad(growth, about);
    const { messages, deliveries, connections, measuredSeconds, ackMs, deliveryMs } = reportOf(put);
    const count = messages.ackedPerSecond * measuredSeconds;
    const costs = each(meter, put.window, count);
    return outcome(put, {
      connections: connections.ready,
      messagesPerSecond: messages.ackedPerSecond,
      deliveriesPerSecond: deliveries.perSecond,
      ...costs,
      cpuPerDelivery: (costs.cpuPerMessage * messages.ackedPerSecond) / deliveries.perSecond,
      ackP50: ackMs.p50,
      ackP99: ackMs.p99,
      deliveryP99: deliveryMs.p99,
      nodeBytes: meter.first.gatewayBytes / server.pids.length,
      gatewayBytes: meter.value("gatewayBytes", put.window[1]) / server.pids.length,
      redisBytes: meter.value("redisBytes", put.window[1]) - meter.first.redisBytes,
      redisClients: meter.most("redisClients"),
      postgresClients: meter.most("postgresClients"),
      keys: await keysOf(growth),
    });
  },

  async idle(growth, about) {
    const { meter, series, point } = about;
    const { connections } = series.set(point);
    const counted = async () => {
      // When all are in, and before what is looked at: it keeps Redis busy for a moment.
      await pause((connections / ENTERING) * 1000 + 2000);
      return keysOf(growth);
    };
    const put = await underLoad(growth, about, counted);
    const ready = reportOf(put).connections.ready;
    const [from, end] = meter.plateau("files");
    const window = [Math.max(from, end - IDLE_SECONDS * 1000), end];
    return outcome(put, {
      connections: ready,
      ...memory(meter, ready, end),
      filesEach: (meter.value("files", end) - meter.first.files) / ready,
      seconds: (window[1] - window[0]) / 1000,
      ...aSecond(meter, window),
      keys: put.meanwhile,
    });
  },

  async alone(growth, { meter, server }) {
    await pause(SETTLED_MS);
    const from = performance.now();
    await meter.look();
    await pause(ALONE_MS);
    await meter.look();
    const figures = aSecond(meter, [from, performance.now()]);
    const more = { nodeBytes: meter.value("gatewayBytes", performance.now()) / server.pids.length, redisClients: meter.most("redisClients"), postgresClients: meter.most("postgresClients") };
    return { held: true, figures: { ...figures, ...more } };
  },

  async organizations(growth, { meter, server, series, point }) {
    const child = fork(PEOPLE);
    const heard = { begin: undefined, end: undefined };
    const done = new Promise((resolve, reject) => {
      child.on("message", (message) => {
        heard[message.what] = performance.now();
        if (message.what === "end") resolve(message);
      });
      child.once("exit", () => reject(new Error("the people went away")));
    });
    const { people, rate, seconds } = series;
    child.send({ url: server.urls[0], secret: growth.secret, organizations: point, people, rate, seconds });
    const end = await done;
    const keys = await keysOf(growth);
    child.disconnect();
    if (end.error) throw new Error(end.error);
    const held = end.acked === end.asked && end.heard >= end.acked;
    const why = held ? undefined : `${end.acked} of ${end.asked} acked, ${end.heard} heard`;
    const bytes = meter.value("redisBytes", heard.end) - meter.first.redisBytes;
    const costs = each(meter, [heard.begin, heard.end], end.acked);
    return { held, why, figures: { ...costs, ackP50: end.ackP50, ackP99: end.ackP99, gatewayBytes: meter.value("gatewayBytes", heard.end), redisBytes: bytes, keys } };
  },
};

/** Redis' keys by kind, of the nodes that run. */
export async function keysOf({ servers }) {
  return census(servers.redis, "compare-");
}

/** `name` of what is before the keys of the nodes that run. */
export async function prefixOf({ servers }) {
  const [key] = await call(servers.redis, "KEYS", "*:nodes:{nodes}:info");
  return key.split(":")[0];
}

