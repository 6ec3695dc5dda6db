// People at both nodes, who see whether one of them goes by a clock where it must not.
import assert from "node:assert/strict";
import { connect } from "../support/clients.mjs";
import { startForwarder } from "../support/forwarder.mjs";
import { sign } from "../support/tokens.mjs";
import { until } from "./until.mjs";

const ORG = "witness";
const PATIENCE_MS = 15_000;
const MINUTE_S = 60;
const HALF_AN_HOUR_MS = 30 * MINUTE_S * 1000;
const AGAIN = { reconnection: true, reconnectionDelay: 30, reconnectionDelayMax: 100 };

/** What tokens may say, in seconds from the true time. */
const TOKENS = [
  { exp: -30 * MINUTE_S },
  { exp: 30 * MINUTE_S },
  { exp: 120 * MINUTE_S },
  { exp: 120 * MINUTE_S, nbf: 30 * MINUTE_S },
  { exp: 120 * MINUTE_S, nbf: -30 * MINUTE_S },
];

export class Witness {
  #open = [];
  #sent = 0;

  /** With all calls of `limited` made that its rate lets the spender make. */
  static async come(world, limited) {
    const witness = new Witness(world, limited);
    try {
      await witness.#settle();
    } catch (error) {
      witness.leave();
      throw error;
    }
    return witness;
  }

  constructor(world, limited) {
    this.world = world;
    this.limited = limited;
  }

  leave() {
    for (const client of this.#open) client.close();
    this.balancer?.stop();
  }

  /** Somebody at a node; their token is good for longer than any jump. */
  #connect(name, { node = 0, url = this.world.nodes[node].url, claims = { exp: 240 * MINUTE_S }, ...options } = {}) {
    const now = Math.floor(Date.now() / 1000);
    const times = Object.entries(claims).map(([claim, seconds]) => [claim, now + seconds]);
    const token = sign(this.world.secret, name, ORG, Object.fromEntries(times));
    return connect({ url, token, transports: ["websocket"], ...options }).then((client) => {
      this.#open.push(client);
      return client;
    });
  }

  async #settle() {
    this.balancer = await startForwarder(this.world.nodes[0].port);
    this.walker = await this.#connect("walker", { url: this.balancer.url, options: AGAIN });
    const alice = await this.#connect("alice");
    const call = { kind: "group", participantIds: ["bob", "walker"] };
    this.conversationId = (await alice.ok("conversation:create", call)).conversation.id;
    await this.walker.next("conversation:created");
    alice.close();
    this.brief = await Promise.all([0, 1].map((node) => this.#connect("brief", { node, claims: { exp: 30 * MINUTE_S } })));
    const spender = await this.#connect("spender");
    for (let n = 0; n < 2; n += 1) await spender.ok(this.limited, {});
    spender.close();
  }

  /** Waits until node 0 says that it goes by the world's clock. */
  async seesTheClock() {
    const goes = async () => {
      const client = await this.#connect("looker");
      client.close();
      return Math.abs(Date.parse(client.session.serverTime) - this.world.clock.now()) < 60_000;
    };
    await until(goes, "node 0 to go by its clock", PATIENCE_MS);
  }

  /** Node 0 ends the sockets whose tokens are over by its clock, and they alone. */
  async losesThoseWhoseTokensAreOver() {
    await this.brief[0].ends();
    assert.equal(this.brief[1].disconnected, undefined, "the other node's clock is right");
  }

  async seesThatAllIsWell() {
    await this.#seesTokensJudged();
    await this.#seesTheRateHold();
    await this.#seesRequestsForwarded();
    const [alice, bob] = [await this.#connect("alice", { node: 0 }), await this.#connect("bob", { node: 1 })];
    await this.#seesEachOther(alice, "bob");
    await this.#seesEachOther(bob, "alice");
    // The walker goes to and fro: once the session was kept by one node, once by the other.
    await this.#walks(alice, 1);
    await this.#walks(bob, 0);
    for (const client of [alice, bob]) client.close();
    const degraded = await this.world.metric("switchboard_degraded");
    assert.equal(degraded, 0, "no node does without Redis or PostgreSQL");
    assert.equal(this.brief[1].disconnected, undefined, "node 1's sockets stay");
  }

  /** A token is good exactly while the clock of the node says so. */
  async #seesTokensJudged() {
    const clocks = [this.world.clock.hours * 60 * MINUTE_S, 0];
    for (const [node, clock] of clocks.entries()) {
      for (const claims of TOKENS) {
        const wanted = claims.exp <= clock ? "TOKEN_EXPIRED" : claims.nbf > clock ? "UNAUTHENTICATED" : "accepted";
        const came = await this.#connect("caller", { node, claims }).then(
          (client) => client.close() ?? "accepted",
          (error) => error.message,
        );
        assert.equal(came, wanted, `node ${node}, ${clock} s ahead, a token with ${JSON.stringify(claims)}`);
      }
    }
  }

  /** Nobody gets calls by a jump of the clock, nor has to wait for longer. */
  async #seesTheRateHold() {
    for (const node of [0, 1]) {
      const spender = await this.#connect("spender", { node });
      const { retryAfterMs } = await spender.refused("RATE_LIMITED", this.limited, {});
      assert.ok(retryAfterMs <= HALF_AN_HOUR_MS, `a call in ${retryAfterMs} ms`);
      spender.close();
    }
  }

  /** Nodes forward requests to each other while their clocks are less than a minute apart, as ADR 0007 has it. */
  async #seesRequestsForwarded() {
    const areTogether = this.world.clock.hours === 0;
    const urls = this.world.nodes.map(({ url }) => `${url}/socket.io/?EIO=4&transport=polling`);
    for (const [own, other] of [urls, [...urls].reverse()]) {
      const opened = await (await fetch(own)).text();
      const { sid } = JSON.parse(opened.slice(1));
      const { status } = await fetch(`${other}&sid=${sid}`, { method: "POST", body: "40{}" });
      assert.equal(status === 200, areTogether, `a poll of the other node's session is answered ${status}`);
    }
  }

  /** Leases hold: the other node's people are there. */
  async #seesEachOther(client, other) {
    const isThere = async () => {
      const { presence, degraded } = await client.ok("presence:user-status", { userId: other });
      return !degraded && presence.status === "online";
    };
    await until(isThere, `${other} to be seen as online`, PATIENCE_MS);
  }

  /** The walker is away while somebody speaks, and recovers at the other node with just that. */
  async #walks(speaker, to) {
    await this.#hears(await this.#speak(speaker));
    const { walker } = this;
    const ready = new Promise((resolve) => walker.socket.once("session:ready", resolve));
    this.balancer.target = 1; // where nobody is
    walker.drop();
    const missed = await this.#speak(speaker);
    this.balancer.target = this.world.nodes[to].port;
    const { recovered, recoveryFailure } = await ready;
    assert.ok(recovered, `the walker begins anew: ${recoveryFailure}`);
    await this.#hears(missed);
    const heard = walker.collected("message:new").map(({ message }) => message.seq);
    const all = Array.from({ length: this.#sent }, (_, n) => n + 1);
    assert.deepEqual(heard, all, "the walker hears each message once, in order");
  }

  async #speak(speaker) {
    this.#sent += 1;
    const send = { conversationId: this.conversationId, content: `${this.#sent}` };
    const { message } = await speaker.ok("message:send", send);
    assert.equal(message.seq, this.#sent, "messages are counted in the order of their acks");
    return message;
  }

  #hears({ id }) {
    return until(
      () => this.walker.collected("message:new").some(({ message }) => message.id === id),
      () => `the walker to hear ${id}`,
      PATIENCE_MS,
    );
  }
}
