// What a quiet organization notices of a noisy one on the same node: ten people send a message a second
// each to bob, alone and then beside a flood; how long until their acks, and until he hears it.
//
//   node bench/tenants/noisy.mjs [--sockets 500] [--members 50] [--seconds 20] [--limit 300/1s]
//
// SWITCHBOARD_BIN names the binary (without it, that of target/debug), SWITCHBOARD_E2E_MODE=embedded
// takes SQLite in place of PostgreSQL and Redis. --limit is limits.events_per_org.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { connect } from "../../e2e/support/clients.mjs";
import { Cluster } from "../../e2e/support/cluster.mjs";
import { sign } from "../../e2e/support/tokens.mjs";

const { values } = parseArgs({
  options: {
    sockets: { type: "string", default: "500" },
    members: { type: "string", default: "50" },
    seconds: { type: "string", default: "20" },
    limit: { type: "string" },
  },
});
const PLENTY = "1000000/1s";
const EVERY_MS = 100;
const PEOPLE = 10;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const cluster = await Cluster.start("noisy-tenant", {
  env: {
    SWITCHBOARD__RATE_LIMITS__DEFAULT: PLENTY,
    SWITCHBOARD__RATE_LIMITS__EVENTS: JSON.stringify({ "message:send": PLENTY, "conversation:create": PLENTY }),
    ...(values.limit && { SWITCHBOARD__LIMITS__EVENTS_PER_ORG: values.limit }),
  },
});
try {
  const { url } = cluster.nodes[0];
  const person = (name) => connect({ url, token: sign(cluster.secret, name, "quiet"), transports: ["websocket"] });
  const bob = await person("bob");
  const people = await Promise.all(Array.from({ length: PEOPLE }, (_, n) => person(`alice-${n}`)));
  for (const alice of people) {
    const call = { kind: "direct", participantIds: ["bob"] };
    alice.conversationId = (await alice.ok("conversation:create", call)).conversation.id;
    await bob.next("conversation:created");
  }
  await talk(people, bob, 3);
  const alone = await talk(people, bob, Number(values.seconds));
  console.log(`alone:  ${told(alone)}`);

  const child = fork(fileURLToPath(new URL("noise.mjs", import.meta.url)), [
    url,
    cluster.secret,
    values.sockets,
    values.members,
  ]);
  const failed = once(child, "exit").then(() => Promise.reject(new Error("the noise ended")));
  await Promise.race([once(child, "message"), failed]);
  await pause(2000);
  const beside = await talk(people, bob, Number(values.seconds));
  failed.catch(() => undefined);
  child.send("stop");
  const [noise] = await once(child, "message");
  console.log(`beside: ${told(beside)}`);
  console.log(`noise:  ${values.sockets} sockets, rooms of ${values.members}: ` +
    `${noise.acked} stored/s, ${noise.refused} refused/s, ${noise.heard} heard/s`);
  const factor = (of) => (at(beside[of], 0.99) / at(alone[of], 0.99)).toFixed(1);
  console.log(`factor: p99 until the ack ${factor("acks")}, until heard ${factor("heard")}`);
  for (const client of [...people, bob]) client.close();
} finally {
  await cluster.stop();
}

/** Ten messages a second, whatever becomes of those before. */
async function talk(people, bob, seconds) {
  const times = { acks: [], heard: [], refused: 0 };
  const calls = [];
  for (let n = 0; n < (seconds * 1000) / EVERY_MS; n += 1) {
    const alice = people[n % PEOPLE];
    const message = { conversationId: alice.conversationId, content: `${seconds} ${n}` };
    calls.push(say(alice, bob, message, times));
    await pause(EVERY_MS);
  }
  await Promise.all(calls);
  return times;
}

async function say(alice, bob, message, times) {
  const begun = performance.now();
  const hears = bob.next("message:new", (event) => event.message.content === message.content);
  hears.then(() => times.heard.push(performance.now() - begun)).catch(() => undefined);
  try {
    await alice.ok("message:send", message);
    times.acks.push(performance.now() - begun);
    await hears;
  } catch {
    times.refused += 1;
  }
}

function at(times, part) {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

function told({ acks, heard, refused }) {
  const both = (times) => `p50 ${at(times, 0.5).toFixed(0)} ms, p99 ${at(times, 0.99).toFixed(0)} ms`;
  return `ack ${both(acks)}; heard ${both(heard)}; ${acks.length} acked, ${refused} refused`;
}
