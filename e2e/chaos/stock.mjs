// A crowd of stock `socket.io-client` 4, all defaults, behind a balancer that leads to the nodes that there are.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { io } from "c4";
import { connect } from "../support/clients.mjs";
import { startForwarder } from "../support/forwarder.mjs";
import { pause } from "../support/story.mjs";
import { sign } from "../support/tokens.mjs";
import { until } from "./until.mjs";

const ORG = "crowd";
const MEMBERS = 50;
/** So many connect at a time. */
const AT_ONCE = 40;
const READY_WITHIN_MS = 120_000;

/** One stock client, and all that it was told. */
class Spectator {
  constructor(url, token) {
    /** Conversation to `message:new` in the order in which they came. */
    this.heard = new Map();
    /** `{at, sid, recovered, failure, rooms}` of each connect. */
    this.sessions = [];
    /** `{at, reason}` */
    this.ends = [];
    /** When a try to come back began, and when one failed. */
    this.tries = [];
    this.failures = [];
    // Nothing but the transport is chosen: reconnection is as it comes.
    this.socket = io(url, { auth: { token }, transports: ["websocket"], forceNew: true });
    this.socket.on("message:new", ({ message }) => {
      const { conversationId: at } = message;
      if (!this.heard.has(at)) this.heard.set(at, []);
      this.heard.get(at).push(message);
    });
    this.socket.on("session:ready", ({ recovered, recoveryFailure, rooms }) => {
      const { id, recovered: said } = this.socket;
      this.sessions.push({ at: Date.now(), sid: id, recovered: said, told: recovered, failure: recoveryFailure, rooms });
    });
    this.socket.io.on("reconnect_attempt", () => this.tries.push({ at: Date.now() }));
    this.socket.io.on("reconnect_error", (error) => this.failures.push({ at: Date.now(), reason: error.message }));
    this.socket.on("disconnect", (reason) => this.ends.push({ at: Date.now(), reason }));
  }

  get isReady() {
    return this.socket.connected && this.sessions.length > this.ends.length;
  }
}

/** Spectators, and one speaker in each conversation. */
export class Crowd {
  #open = [];

  /**
   * @param target the port of a node, now; asked for each connection of the crowd
   * @param speakerUrl where speakers connect, if not behind the balancer
   * @param perUser sockets of one user, who is in as many conversations
   */
  static async gather(world, { size, target, speakerUrl, perUser = 1 }) {
    const crowd = new Crowd(world);
    crowd.balancer = await startForwarder(target);
    try {
      await crowd.#speakers(size / MEMBERS, speakerUrl ?? crowd.balancer.url, size / perUser, perUser);
      await crowd.#spectators(size, perUser);
    } catch (error) {
      crowd.leave();
      throw error;
    }
    return crowd;
  }

  constructor(world) {
    this.world = world;
    this.spectators = [];
    this.speakers = [];
    /** How late this process is. */
    this.lag = monitorEventLoopDelay();
    this.lag.enable();
    /** Whether speakers go on. */
    this.talks = false;
  }

  async #speakers(count, url, users, perUser) {
    const members = Array.from({ length: count }, () => []);
    for (let user = 0; user < users; user += 1) {
      // Another one for the second conversation, so that the same people do not always meet.
      const step = 1 + (Math.floor(user / count) % (count - 1));
      for (let n = 0; n < perUser; n += 1) members[(user + n * step) % count].push(`u${user}`);
    }
    for (const [n, participantIds] of members.entries()) {
      const options = { reconnection: true };
      const token = sign(this.world.secret, `speaker-${n}`, ORG);
      const client = await connect({ url, token, transports: ["websocket"], options });
      this.#open.push(client);
      const { conversation } = await client.ok("conversation:create", { kind: "group", participantIds });
      this.speakers.push({ client, conversationId: conversation.id, acked: [], sent: 0, unavailable: 0 });
    }
  }

  async #spectators(size, perUser) {
    for (let begin = 0; begin < size; begin += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, size - begin) }, (_, n) => {
        const user = `u${Math.floor((begin + n) / perUser)}`;
        const spectator = new Spectator(this.balancer.url, sign(this.world.secret, user, ORG));
        this.#open.push(spectator.socket);
        return spectator;
      });
      this.spectators.push(...some);
      await until(() => some.every((one) => one.isReady), "some connect", READY_WITHIN_MS);
    }
    this.world.say(`${size} clients are there`);
  }

  /** Every speaker sends once in `pace` ms; call `hush` to end it. */
  talk(pace) {
    this.talks = true;
    this.talking = this.speakers.map((speaker, n) => this.#speak(speaker, pace, (pace * n) / this.speakers.length));
  }

  async #speak(speaker, pace, begin) {
    await pause(begin);
    const calls = [];
    while (this.talks) {
      calls.push(say(speaker));
      await pause(pace);
    }
    await Promise.all(calls);
  }

  async hush() {
    this.talks = false;
    await Promise.all(this.talking);
  }

  /** How many messages came, to all. */
  get deliveries() {
    return this.spectators.reduce((sum, { heard }) => sum + [...heard.values()].reduce((n, all) => n + all.length, 0), 0);
  }

  /** Each has heard what was acked in its conversations: all of it, once, in order. */
  async hasHeardEverything() {
    const due = new Map(this.speakers.map(({ conversationId, acked }) => [conversationId, acked.length]));
    const owed = (one) => one.sessions[0].rooms.reduce((sum, room) => sum + due.get(room), 0);
    const total = this.spectators.reduce((sum, one) => sum + owed(one), 0);
    await until(() => this.deliveries >= total, () => `${this.deliveries} of ${total} deliveries`, 30_000);
    await pause(500); // What comes twice may come late.
    const expected = new Map(this.speakers.map(({ conversationId, acked }) => [conversationId, inOrder(acked)]));
    for (const [n, one] of this.spectators.entries()) {
      for (const room of one.sessions[0].rooms) {
        const heard = (one.heard.get(room) ?? []).map(({ rev, id }) => `${rev} ${id}`);
        const wanted = expected.get(room).map(({ rev, id }) => `${rev} ${id}`);
        assert.deepEqual(heard, wanted, `client ${n} in ${room}, whose sessions were ${JSON.stringify(one.sessions)}`);
      }
    }
  }

  leave() {
    this.lag.disable();
    for (const one of this.#open) one.close();
    this.balancer.stop();
  }
}

const inOrder = (messages) => [...messages].sort((a, b) => a.rev - b.rev);

/** Sends one message, and once more if there was no answer: `unavailable` counts those that this was not enough for. */
async function say(speaker) {
  speaker.sent += 1;
  const payload = { conversationId: speaker.conversationId, content: `${speaker.sent}`, clientMessageId: randomUUID() };
  for (let tries = 0; tries < 30; tries += 1) {
    if (tries === 2) speaker.unavailable += 1;
    const { socket } = speaker.client;
    if (!socket.connected) await new Promise((resolve) => socket.once("connect", resolve));
    const answer = await socket.timeout(5_000).emitWithAck("message:send", payload).catch(() => undefined);
    if (answer?.ok) {
      speaker.acked.push(answer.data.message);
      return;
    }
    if (answer && answer.error.code !== "UNAVAILABLE") assert.fail(JSON.stringify(answer));
    await pause(answer?.error.retryAfterMs ?? 50);
  }
  assert.fail("not acked in 30 tries");
}
