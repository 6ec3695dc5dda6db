// The matrix of stock clients, transports and parsers, and one socket of it.
import assert from "node:assert/strict";
import msgpack from "socket.io-msgpack-parser";
import { after, describe, it } from "node:test";
import { Client, generations, PATIENCE_MS } from "./clients.mjs";
import { StockServer } from "./stock-server.mjs";

const TRANSPORTS = { polling: ["polling"], websocket: ["websocket"], upgrade: undefined };

/**
 * Version 2 has no cells with msgpack: the server takes the parser from the client's first packet,
 * but greets a client of that version first, in JSON, which its msgpack parser cannot read.
 */
const DIALECTS = [["c2", "json"], ["c3", "json"], ["c3", "msgpack"], ["c4", "json"], ["c4", "msgpack"]];

/** Every way to connect: `{name, client, parser, transport}`. */
export const CELLS = DIALECTS.flatMap(([client, parser]) =>
  Object.keys(TRANSPORTS).map((transport) => ({ name: `${client}, ${parser}, ${transport}`, client, parser, transport })),
);

export const cellsWith = (wanted) =>
  CELLS.filter((cell) => Object.entries(wanted).every(([key, value]) => cell[key] === value));

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves to the arguments of the next event of this name. */
export function next(emitter, name, patience = PATIENCE_MS) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no ${name} in ${patience} ms`)), patience);
    emitter.once(name, (...args) => {
      clearTimeout(late);
      resolve(args);
    });
  });
}

export class Peer extends Client {
  /** Connects to one namespace of the server; it comes back by itself when the connection breaks. */
  static open(url, cell, { namespace = "/", ...options } = {}) {
    const transports = TRANSPORTS[cell.transport];
    const socket = generations[cell.client](url + namespace, {
      forceNew: true,
      timeout: PATIENCE_MS,
      reconnectionDelay: 50,
      reconnectionDelayMax: 200,
      ...(transports && { transports }),
      ...(cell.parser === "msgpack" && { parser: msgpack }),
      ...options,
    });
    return new Peer(socket, cell.client);
  }

  get engine() {
    return this.socket.io.engine;
  }

  get transport() {
    return this.engine.transport.name;
  }

  /** Resolves when it is connected, again or for the first time. */
  async connected() {
    if (!this.socket.connected) await next(this.socket, "connect");
    return this;
  }

  /** Resolves when it is connected over the transport on which its cell ends up. */
  async settled(cell) {
    await this.connected();
    if (cell.transport !== "upgrade" || this.transport === "websocket") return this;
    await next(this.engine, "upgrade");
    assert.equal(this.transport, "websocket");
    return this;
  }

  /** All arguments of an ack. */
  answers(event, ...args) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no ack of ${event}`)), PATIENCE_MS);
      this.socket.emit(event, ...args, (...answer) => {
        clearTimeout(late);
        resolve(answer);
      });
    });
  }

  /** All arguments of the first event of this name that was not taken yet, come or to come. */
  async args(event) {
    const found = await this.until(
      () => this.events.find((one) => one.event === event && !one.taken),
      () => event,
    );
    found.taken = true;
    return found.args;
  }

  /** Waits for so many events of this name; resolves to the first argument of each. */
  async first(count, event) {
    const enough = () => this.collected(event).length >= count;
    await this.until(enough, () => `${count} of ${event}; came so far: ${this.collected(event).length}`);
    return this.collected(event);
  }

  /** Holds that it gets back what it sends. */
  async echoes(...args) {
    this.socket.emit("echo", ...args);
    assert.deepEqual(plain(await this.args("echo")), plain(args));
  }
}

/** Binary content in a form that can be compared, whatever the client makes of it. */
export function plain(value) {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    const bytes = value instanceof ArrayBuffer ? Buffer.from(value) : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return { bytes: bytes.toString("hex") };
  }
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** The numbers 0 to `count - 1`. */
export const numbers = (count) => Array.from({ length: count }, (_, n) => n);

/**
 * The same tests for each of some cells.
 * @param define gets `story` of `runtimeStories`, and the cell
 */
export function cellStories(name, { cells = CELLS, args = [] }, define) {
  runtimeStories(name, args, (story) => {
    for (const cell of cells) define((title, tell) => story(`${cell.name}: ${title}`, tell), cell);
  });
}

/**
 * Tests that share one server, at the same time.
 * @param args   the server's, see `StockServer.start`
 * @param define gets `story(title, tell)`, where `tell` gets a `Stage`
 */
export function runtimeStories(name, args, define) {
  describe(`runtime: ${name}`, { concurrency: 16 }, () => {
    let starting;
    const server = () => (starting ??= StockServer.start(args));
    after(async () => (await starting)?.stop());
    define((title, tell) => onStage(title, server, tell));
  });
}

/** A test with a server of its own, which `start` starts. */
export function aloneStory(title, start, tell) {
  onStage(title, start, tell, (server) => server.stop());
}

function onStage(title, server, tell, close = async () => undefined) {
  it(title, { timeout: 60_000 }, async () => {
    const stage = new Stage(await server());
    try {
      await tell(stage);
    } finally {
      stage.end();
      await close(stage.server);
    }
  });
}

/** A server, and the clients of one test. */
export class Stage {
  #open = [];

  constructor(server) {
    this.server = server;
  }

  /** A client that may not be connected yet; `url` is another way to the server. */
  open(cell, { url = this.server.url, ...options } = {}) {
    return this.keep(Peer.open(url, cell, options));
  }

  async connect(cell, options) {
    return this.open(cell, options).connected();
  }

  /** Remembers something to close. */
  keep(closable) {
    this.#open.push(closable);
    return closable;
  }

  end() {
    for (const closable of this.#open) closable.close();
  }
}
