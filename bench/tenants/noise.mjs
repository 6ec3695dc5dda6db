// A noisy organization: sockets that send into big rooms as fast as they are answered.
// Tells its parent when it is under way, and what it came to when told to stop.
import WebSocket from "../../e2e/node_modules/ws/wrapper.mjs";
import { sign } from "../../e2e/support/tokens.mjs";

const [url, secret, count, members] = [process.argv[2], process.argv[3], ...process.argv.slice(4).map(Number)];
const ORG = "noisy";
/** Sockets that connect at a time. */
const STEP = 50;
/** How long one that is refused waits, whatever it was told. */
const IMPATIENCE_MS = 100;

let acked = 0;
let refused = 0;
let heard = 0;

/** A socket that speaks no more of Socket.IO than it needs, so that it costs little here. */
class Noisy {
  #acks = new Map();
  #next = 0;

  constructor(user) {
    this.user = user;
    this.socket = new WebSocket(`${url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
    this.ready = new Promise((resolve, reject) => {
      this.socket.on("error", reject);
      this.socket.on("close", () => reject(new Error(`${user} was closed`)));
      this.socket.on("message", (data) => this.#take(String(data), resolve, reject));
    });
  }

  call(event, payload) {
    const id = (this.#next += 1);
    this.socket.send(`42${id}${JSON.stringify([event, payload])}`);
    return new Promise((resolve) => this.#acks.set(id, resolve));
  }

  #take(text, resolve, reject) {
    if (text === "2") this.socket.send("3");
    else if (text[0] === "0") this.socket.send(`40${JSON.stringify({ token: sign(secret, this.user, ORG) })}`);
    else if (text.startsWith("40")) resolve();
    else if (text.startsWith("44")) reject(new Error(text));
    else if (text.startsWith("43")) {
      const id = parseInt(text.slice(2), 10);
      this.#acks.get(id)?.(JSON.parse(text.slice(text.indexOf("[")))[0]);
      this.#acks.delete(id);
    } else if (text.startsWith("42")) heard += 1;
  }
}

async function flood(socket, conversationId) {
  for (let n = 0; ; n += 1) {
    const answer = await socket.call("message:send", { conversationId, content: `noise ${n}` });
    if (answer.ok) acked += 1;
    else {
      refused += 1;
      await new Promise((resolve) => setTimeout(resolve, IMPATIENCE_MS));
    }
  }
}

const sockets = [];
for (let from = 0; from < count; from += STEP) {
  const some = Array.from({ length: Math.min(STEP, count - from) }, (_, n) => new Noisy(`n${from + n}`));
  await Promise.all(some.map((socket) => socket.ready));
  sockets.push(...some);
}
const rooms = [];
for (let from = 0; from < count; from += members) {
  const group = sockets.slice(from, from + members);
  const participantIds = group.slice(1).map(({ user }) => user);
  const made = await group[0].call("conversation:create", { kind: "group", participantIds });
  if (!made.ok) throw new Error(JSON.stringify(made));
  rooms.push([group, made.data.conversation.id]);
}
// All rooms are there before the first noise: under a limit it would leave none for making them.
for (const [group, conversationId] of rooms) for (const socket of group) flood(socket, conversationId);
const begun = performance.now();
[acked, refused, heard] = [0, 0, 0];
process.send("under way");
process.once("message", () => {
  const rate = (total) => Math.round(total / ((performance.now() - begun) / 1000));
  process.send({ acked: rate(acked), refused: rate(refused), heard: rate(heard) });
  process.exit();
});
