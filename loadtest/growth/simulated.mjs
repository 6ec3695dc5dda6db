// Points with more nodes than a machine can run: what they do to Redis is done by a process that does nothing else (nodes.mjs).
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { aSecond, each, outcome, pause, prefixOf, reportOf, underLoad } from "./methods.mjs";
import { call } from "./resp.mjs";

const NODES = fileURLToPath(new URL("nodes.mjs", import.meta.url));
const PATIENCE_MS = 60_000;
/** Two rounds of leases. */
const REGISTRY_MS = 8000;

/** A process of logical nodes: `ask` and its answer, one at a time. */
function logicalNodes() {
  const child = fork(NODES);
  return {
    async ask(message) {
      child.send(message);
      const [answer] = await once(child, "message");
      if (answer.error) throw new Error(`logical nodes: ${answer.error}`);
      return answer;
    },
    end: () => child.disconnect(),
  };
}

/** The channels of all rooms, once the real node hears them. */
async function channels(url, prefix, rooms) {
  const patience = Date.now() + PATIENCE_MS;
  while (Date.now() < patience) {
    const found = await call(url, "PUBSUB", "CHANNELS", `${prefix}:*:bus:conversation:*`);
    if (found.length >= rooms) return found;
    await pause(100);
  }
  throw new Error("the rooms did not come");
}

/** What a node says of itself in the registry, as a real one does. */
async function infoOf(url, prefix) {
  const infos = await call(url, "HVALS", `${prefix}:nodes:{nodes}:info`);
  return infos.find((line) => line.startsWith("{"));
}

export const SIMULATED = {
  /** The worst case: each of them has a member in each room. */
  async listeners(growth, about) {
    const { series, point, meter } = about;
    const url = growth.servers.redis;
    const prefix = await prefixOf(growth);
    const nodes = logicalNodes();
    try {
      const listening = async () => {
        const rooms = await channels(url, prefix, series.set(point).rooms);
        return nodes.ask({ what: "listen", url, nodes: point, channels: rooms });
      };
      const put = await underLoad(growth, about, listening);
      const { messages, measuredSeconds, ackMs } = reportOf(put);
      const { heard } = await nodes.ask({ what: "heard" });
      const count = messages.ackedPerSecond * measuredSeconds;
      const { redisCpuPerMessage, cpuPerMessage } = each(meter, put.window, count);
      const bytesHeard = point === 0 ? 0 : heard / point / messages.acked;
      return outcome(put, { redisCpuPerMessage, cpuPerMessage, bytesHeard, ackP50: ackMs.p50, ackP99: ackMs.p99 });
    } finally {
      nodes.end();
    }
  },

  /** The real node that runs, too, is one of them. */
  async registry(growth, { point, meter }) {
    const url = growth.servers.redis;
    const prefix = await prefixOf(growth);
    const info = await infoOf(url, prefix);
    const nodes = logicalNodes();
    try {
      if (point > 1) await nodes.ask({ what: "keep", url, nodes: point - 1, prefix, info });
      // All have begun, and what they do is spread evenly.
      await pause(5000);
      const from = performance.now();
      const before = await nodes.ask({ what: "heard" });
      await meter.look();
      await pause(REGISTRY_MS);
      await meter.look();
      const { redisCpuASecond, redisCommandsASecond, cpuASecond } = aSecond(meter, [from, performance.now()]);
      const after = await nodes.ask({ what: "heard" });
      const redisSentASecond = (after.heard - before.heard) / ((performance.now() - from) / 1000);
      return { held: true, figures: { redisCpuASecond, redisCommandsASecond, redisSentASecond, cpuASecond, infoBytes: info.length } };
    } finally {
      nodes.end();
    }
  },

  /** Whoever comes is compared with all live nodes: the script that notes a device is told which they are. */
  async entrants(growth, about) {
    const { point, meter, server } = about;
    const url = growth.servers.redis;
    const prefix = await prefixOf(growth);
    const info = await infoOf(url, prefix);
    const key = (what) => `${prefix}:nodes:{nodes}:${what}`;
    const ids = Array.from({ length: point }, (_, n) => `logical-${n}~${"0".repeat(16)}`);
    const forever = Date.now() + 3_600_000;
    if (point > 0) {
      await call(url, "ZADD", key("leases"), ...ids.flatMap((id) => [forever, id]));
      await call(url, "HSET", key("info"), ...ids.flatMap((id) => [id, info]));
      // Until the real node has read of them.
      await pause(5000);
    }
    const put = await underLoad(growth, about);
    const { connections, connectMs, costs } = reportOf(put);
    const from = put.window[0];
    const used = meter.between([from, put.window[1]]);
    return outcome(put, {
      connections: connections.ready,
      redisCpuPerConnect: (used.redis * 1e6) / connections.ready,
      postgresCpuPerConnect: (used.postgres * 1e6) / connections.ready,
      cpuPerConnect: costs.cpuUsPerConnect,
      commitsPerConnect: used.commits / connections.ready,
      flushesPerConnect: used.flushes / connections.ready,
      connectP50: connectMs.p50,
      connectP99: connectMs.p99,
      nodes: server.pids.length + point,
    });
  },
};
