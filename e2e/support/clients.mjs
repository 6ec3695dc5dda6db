// Stock Socket.IO clients of three generations, with what a test asks of them.
import assert from "node:assert/strict";
import { Agent } from "node:http";
import io2 from "c2";
import { io as io3 } from "c3";
import { io as io4 } from "c4";
import { wrongAnswer, wrongEvent } from "./schemas.mjs";

export const PATIENCE_MS = 15_000;
export const generations = { c2: io2, c3: io3, c4: io4 };

/** A connect that was refused: what the client's `connect_error` had. */
export class Refused extends Error {
  constructor(error) {
    // Version 2 has no connect_error for this: its `error` event gets the data alone.
    const data = error instanceof Error ? error.data : error;
    super(error instanceof Error ? error.message : error?.code);
    this.data = data;
  }
}

/**
 * Connects and waits for `session:ready`.
 * @param url     the node's address
 * @param token   sent as `auth.token`, by version 2 in the query; left out if undefined
 * @param client  `c4`, `c3` or `c2`
 * @param address the client's own address, any of 127.0.0.0/8
 * @param options more options of the client
 */
export async function connect({ url, token, client = "c4", transports, address, options = {} }) {
  const credentials = client === "c2" ? { query: { token } } : { auth: { token } };
  const socket = generations[client](url, {
    forceNew: true,
    reconnection: false,
    timeout: PATIENCE_MS,
    ...(token === undefined ? {} : credentials),
    ...(transports && { transports }),
    ...(address && { agent: new Agent({ localAddress: address }) }),
    ...options,
  });
  const connection = new Client(socket, client);
  try {
    await connection.ready();
  } catch (error) {
    connection.close();
    throw error;
  }
  return connection;
}

/** One socket. It keeps every event that it gets, so that none is missed between two lines of a test. */
export class Client {
  #events = [];
  #waiting = new Set();
  #calls = new Set();

  /** @param native whether it speaks the native dialect, whose schemas then judge what it gets */
  constructor(socket, generation, { native = true } = {}) {
    this.socket = socket;
    this.generation = generation;
    this.native = native;
    /** Why it was disconnected; undefined while it is not. */
    this.disconnected = undefined;
    this.#listen();
  }

  /** Resolves when it may begin: the data of `session:ready`. Rejects with `Refused`. */
  async ready() {
    const refusal = this.generation === "c2" ? "error" : "connect_error";
    let refused;
    const isRefused = new Promise((_, reject) => {
      refused = (error) => {
        reject(new Refused(error));
        this.#end("refused");
      };
      this.socket.on(refusal, refused);
      if (this.generation === "c2") this.socket.on("connect_error", refused);
    });
    try {
      this.session = await Promise.race([this.next("session:ready"), isRefused]);
    } finally {
      this.socket.off(refusal, refused);
    }
    return this.session;
  }

  /** The answer to a call, exactly as it came. */
  call(event, ...payload) {
    return new Promise((resolve, reject) => {
      const done = (settle, value) => {
        clearTimeout(late);
        this.#calls.delete(giveUp);
        settle(value);
      };
      const giveUp = (error) => done(reject, error);
      const late = setTimeout(() => giveUp(new Error(`no ack of ${event}`)), PATIENCE_MS);
      this.#calls.add(giveUp);
      this.socket.emit(event, ...payload, (answer) => {
        const wrong = this.native && wrongAnswer(event, answer);
        return wrong ? done(reject, wrong) : done(resolve, answer);
      });
    });
  }

  /** The data of a call that must succeed. */
  async ok(event, payload) {
    const answer = await this.call(event, payload);
    assert.equal(answer?.ok, true, `${event}: ${JSON.stringify(answer)}`);
    assert.deepEqual(Object.keys(answer).sort(), ["data", "ok"], event);
    return answer.data;
  }

  /** The error of a call that must fail with `code`. */
  async refused(code, event, ...payload) {
    const answer = await this.call(event, ...payload);
    assert.equal(answer?.ok, false, `${event} ${JSON.stringify(payload).slice(0, 300)}: ${JSON.stringify(answer)}`);
    assert.deepEqual(Object.keys(answer).sort(), ["error", "ok"], event);
    assert.equal(answer.error.code, code, `${event} ${JSON.stringify(payload).slice(0, 300)}: ${JSON.stringify(answer)}`);
    assert.equal(answer.error.event, event);
    assert.equal(typeof answer.error.message, "string");
    return answer.error;
  }

  /** The first event of this name that no `next` has returned yet and that `matches`, come or to come. */
  async next(event, matches = () => true, patience = PATIENCE_MS) {
    const found = await this.until(
      () => this.#events.find((one) => one.event === event && !one.taken && matches(one.data)),
      () => `${event} to come; came so far: ${this.#summary()}`,
      patience,
    );
    found.taken = true;
    return found.data;
  }

  /** Waits until `look` returns something, looking again with every event. */
  until(look, what, patience = PATIENCE_MS) {
    return new Promise((resolve, reject) => {
      const done = (settle, value) => {
        clearTimeout(late);
        this.#waiting.delete(again);
        settle(value);
      };
      const fail = (why) => done(reject, new Error(`${why} while waiting for ${what()}`));
      const again = () => {
        const found = look();
        if (found) done(resolve, found);
        else if (this.disconnected !== undefined) fail(`disconnected (${this.disconnected})`);
      };
      const late = setTimeout(() => fail(`nothing in ${patience} ms`), patience);
      this.#waiting.add(again);
      again();
    });
  }

  /** The data of all events of this name so far, or of all of `events`. */
  collected(...events) {
    return this.#events.filter(({ event }) => events.includes(event)).map(({ data }) => data);
  }

  /** Every event so far: `{event, data, args, at}`. */
  get events() {
    return this.#events;
  }

  /** Waits for `ms` and holds that no event of these names is there that no `next` has returned. */
  async quiet(ms, ...events) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    const unexpected = this.#events.filter((one) => events.includes(one.event) && !one.taken);
    assert.deepEqual(unexpected, []);
  }

  /** Resolves to the reason when it is disconnected. */
  async ends(patience = PATIENCE_MS) {
    if (this.disconnected !== undefined) return this.disconnected;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`still connected after ${patience} ms`)), patience);
      this.socket.once("disconnect", (reason) => {
        clearTimeout(late);
        resolve(reason);
      });
    });
  }

  /** Drops the connection as a network does, without a goodbye. */
  drop() {
    this.socket.io.engine.close();
  }

  close() {
    this.socket.close();
  }

  #listen() {
    if (this.generation === "c2") {
      const onevent = this.socket.onevent;
      this.socket.onevent = (packet) => {
        this.#receive(...packet.data);
        onevent.call(this.socket, packet);
      };
    } else {
      this.socket.onAny((...event) => this.#receive(...event));
    }
    this.socket.on("connect", () => (this.disconnected = undefined));
    this.socket.on("disconnect", (reason) => this.#end(reason));
  }

  #end(reason) {
    this.disconnected = reason;
    for (const giveUp of this.#calls) giveUp(new Error(`disconnected before the ack: ${reason}`));
    this.#wake();
  }

  #receive(event, ...args) {
    const wrong = this.native && wrongEvent(event, args[0]);
    // Whatever the test waits for, this is what it fails for.
    if (wrong) queueMicrotask(() => { throw wrong; });
    this.#events.push({ event, data: args[0], args, at: Date.now(), taken: false });
    this.#wake();
  }

  #wake() {
    for (const look of this.#waiting) look();
  }

  #summary() {
    return JSON.stringify(this.#events.map(({ event, data }) => [event, data])).slice(-3000);
  }
}
