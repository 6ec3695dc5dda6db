// People of many organizations, in pairs that write to each other, as its parent asks: `switchboard-load` knows one organization.
//
// Says "in" when all pairs are there, "begin" and `{acked, ackMs, …}` around what is to be measured.
import WebSocket from "../../e2e/node_modules/ws/wrapper.mjs";
import { sign } from "../../e2e/support/tokens.mjs";

/** Sockets that connect at a time, and pairs that get their room. */
const STEP = 20;
const WARMUP_MS = 2000;

/** A socket that speaks no more of Socket.IO than it needs, so that it costs little here. */
class Person {
  heard = 0;
  #acks = new Map();
  #next = 0;

  constructor(url, secret, name, organization) {
    this.name = name;
    this.socket = new WebSocket(`${url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`, { perMessageDeflate: false });
    this.ready = new Promise((resolve, reject) => {
      this.socket.on("error", reject);
      this.socket.on("close", () => reject(new Error(`${name} was closed`)));
      this.socket.on("message", (data) => this.#take(String(data), () => sign(secret, name, organization), resolve, reject));
    });
    // Whoever awaits it hears of it; later closes are told by what is not acked.
    this.ready.catch(() => undefined);
  }

  call(event, payload) {
    const id = (this.#next += 1);
    this.socket.send(`42${id}${JSON.stringify([event, payload])}`);
    return new Promise((resolve) => this.#acks.set(id, resolve));
  }

  #take(text, token, resolve, reject) {
    if (text === "2") this.socket.send("3");
    else if (text[0] === "0") this.socket.send(`40${JSON.stringify({ token: token() })}`);
    else if (text.startsWith("40")) resolve();
    else if (text.startsWith("44")) reject(new Error(text));
    else if (text.startsWith("43")) {
      const id = parseInt(text.slice(2), 10);
      this.#acks.get(id)?.(JSON.parse(text.slice(text.indexOf("[")))[0]);
      this.#acks.delete(id);
    } else if (text.startsWith('42["message:new"')) this.heard += 1;
  }
}

async function inSteps(items, work) {
  for (let from = 0; from < items.length; from += STEP) await Promise.all(items.slice(from, from + STEP).map(work));
}

async function gather({ url, secret, organizations, people }) {
  const pairs = Array.from({ length: people / 2 }, (_, n) => {
    const organization = `growth-${n % organizations}`;
    return { two: [`a${n}`, `b${n}`].map((name) => ({ name, organization })) };
  });
  await inSteps(pairs, async (pair) => {
    pair.members = pair.two.map(({ name, organization }) => new Person(url, secret, name, organization));
    await Promise.all(pair.members.map(({ ready }) => ready));
    const made = await pair.members[0].call("conversation:create", { kind: "direct", participantIds: [pair.members[1].name] });
    if (!made.ok) throw new Error(JSON.stringify(made));
    pair.conversationId = made.data.conversation.id;
  });
  return pairs;
}

/** `rate` sends a second over all pairs, each due at its moment whether the earlier ones are answered or not. */
async function send(pairs, rate, seconds, from) {
  const [acks, waiting, begun] = [[], [], performance.now()];
  const content = "x".repeat(100);
  for (let n = 0; n < rate * seconds; n += 1) {
    const due = begun + (n * 1000) / rate;
    while (performance.now() < due) await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
    const { members, conversationId } = pairs[(from + n) % pairs.length];
    const one = members[n % 2].call("message:send", { conversationId, content, clientMessageId: `${from + n}` });
    waiting.push(one.then(({ ok }) => (ok ? acks.push(performance.now() - due) : undefined)));
  }
  const late = new Promise((resolve) => setTimeout(resolve, 10_000).unref());
  await Promise.race([Promise.all(waiting), late]);
  return acks.sort((a, b) => a - b);
}

process.once("message", async ({ rate, seconds, ...asked }) => {
  try {
    const pairs = await gather(asked);
    process.send({ what: "in" });
    const warm = (rate * WARMUP_MS) / 1000;
    await send(pairs, rate, WARMUP_MS / 1000, 0);
    const heardBefore = pairs.reduce((sum, { members }) => sum + members[0].heard + members[1].heard, 0);
    process.send({ what: "begin" });
    const acks = await send(pairs, rate, seconds, warm);
    const heard = pairs.reduce((sum, { members }) => sum + members[0].heard + members[1].heard, 0) - heardBefore;
    const of = (share) => acks[Math.min(acks.length - 1, Math.floor(acks.length * share))];
    process.send({ what: "end", asked: rate * seconds, acked: acks.length, heard, ackP50: of(0.5), ackP99: of(0.99) });
  } catch (error) {
    process.send({ what: "end", error: error.message });
  }
});
process.on("disconnect", () => process.exit());
