// Many logical nodes in one process, as its parent tells it: `listen` to channels, or `keep` leases as a node does.
//
// A node has three connections to Redis, each with a PING a second. It hears the channels of all rooms of which it has members, and every four
// seconds it renews its lease, reads which nodes there are (twice: for presence, and for forwarding) and looks for dead ones.
import { randomBytes } from "node:crypto";
import { script, Wire } from "./resp.mjs";

const BEAT_MS = 4000;
const PING_MS = 1000;
const LEASE_MS = 15_000;
const KEPT_MS = 30 * 24 * 3600 * 1000;
/** Channels in one command, as the hub has it. */
const AT_ONCE = 500;

const wires = [];
let errors;

async function listen({ url, nodes, channels }) {
  for (let node = 0; node < nodes; node += 1) {
    const wire = await Wire.open(url);
    wires.push(wire);
    for (let from = 0; from < channels.length; from += AT_ONCE) wire.send("SUBSCRIBE", ...channels.slice(from, from + AT_ONCE));
  }
}

async function keep({ url, nodes, prefix, info }) {
  const [renew, list, claim] = ["renew", "nodes", "claim"].map(script);
  const [leases, infos, claims] = ["leases", "info", "claims"].map((what) => `${prefix}:nodes:{nodes}:${what}`);
  for (let n = 0; n < nodes; n += 1) {
    const [commands, listener, bulk] = [await Wire.open(url), await Wire.open(url), await Wire.open(url)];
    wires.push(commands, listener, bulk);
    if (n === 0) for (const { text } of [renew, list, claim]) commands.send("SCRIPT", "LOAD", text);
    const id = `logical-${n}~${randomBytes(8).toString("hex")}`;
    const beat = (isNew) => {
      const organizations = `${prefix}:nodes:{nodes}:organizations:${id}`;
      commands.send("EVALSHA", renew.sha, 3, leases, infos, organizations, id, LEASE_MS, info, KEPT_MS, isNew ? "1" : "0");
      commands.send("EVALSHA", list.sha, 2, leases, infos);
      commands.send("EVALSHA", claim.sha, 2, leases, claims, id, LEASE_MS, KEPT_MS);
      commands.send("EVALSHA", list.sha, 2, leases, infos);
    };
    beat(true);
    // Each at its own moment, as nodes that were started one after the other.
    setTimeout(() => setInterval(beat, BEAT_MS, false), (n / nodes) * BEAT_MS);
    setTimeout(() => setInterval(() => [commands, listener, bulk].forEach((wire) => wire.send("PING")), PING_MS), (n / nodes) * PING_MS);
  }
}

process.on("message", async ({ what, ...told }) => {
  try {
    if (what === "listen") await listen(told);
    if (what === "keep") await keep(told);
    errors = wires.find(({ error }) => error)?.error;
    process.send({ what, heard: wires.reduce((sum, { heard }) => sum + heard, 0), error: errors });
  } catch (error) {
    process.send({ what, error: error.message });
  }
});
process.on("disconnect", () => process.exit());
