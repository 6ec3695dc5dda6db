// A test that reads as a sentence, with people and an organization that no other test knows.
import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { connect } from "./clients.mjs";
import { Cluster, MODE } from "./cluster.mjs";
import { sign } from "./tokens.mjs";

/**
 * Tests that run at the same time on one cluster.
 * @param name    also the name of kept logs
 * @param options those of `Cluster.start`
 * @param define  gets `story(title, tell)`, where `tell` gets a `Scene`
 */
export function stories(name, options, define) {
  describe(`${name} (${options.mode ?? MODE})`, { concurrency: options.concurrency ?? 16 }, () => {
    let starting;
    const cluster = () => (starting ??= Cluster.start(name, options));
    after(async () => (await starting)?.stop());
    define((title, tell) =>
      it(title, { timeout: options.timeout ?? 60_000 }, async () => {
        const scene = new Scene(await cluster());
        try {
          await tell(scene);
        } catch (error) {
          scene.cluster.failed = true;
          throw error;
        } finally {
          scene.end();
        }
      }),
    );
  });
}

export class Scene {
  #clients = [];
  #run = randomUUID().slice(0, 8);

  constructor(cluster) {
    this.cluster = cluster;
    this.org = `org-${this.#run}`;
  }

  /** The user id of somebody in this test. */
  id(name) {
    return `${name}-${this.#run}`;
  }

  token(name, { org = this.org, claims } = {}) {
    return sign(this.cluster.secret, this.id(name), org, claims);
  }

  url(node = 0) {
    return this.cluster.nodes[node].url;
  }

  /** A device of somebody, at one of the two nodes; see `connect` for the options. */
  async connect(name, { node = 0, org, claims, ...options } = {}) {
    const token = this.token(name, { org, claims });
    const client = await connect({ url: this.url(node), token, ...options });
    client.user = this.id(name);
    this.#clients.push(client);
    return client;
  }

  /**
   * One more node, which the caller ends: of the cluster, or embedded, with data of its own.
   * @param name what only this test calls a node
   */
  async anotherNode(name, env = {}) {
    const path = join(this.cluster.folder, name);
    await mkdir(path);
    const own = this.cluster.mode === "embedded" && { SWITCHBOARD__DATABASE__URL: `sqlite://${path}/own.db` };
    return this.cluster.startNode(name, { ...own, ...env });
  }

  /** Remembers a client that the test has made itself. */
  keep(client) {
    this.#clients.push(client);
    return client;
  }

  /** Alice at node 0 and bob at node 1, in a direct conversation of their own. */
  async aliceAndBob(options = {}) {
    const [alice, bob] = await Promise.all([
      this.connect("alice", { node: 0, ...options.alice }),
      this.connect("bob", { node: 1, ...options.bob }),
    ]);
    const conversation = await this.direct(alice, "bob");
    await bob.next("conversation:created");
    return { alice, bob, conversation, conversationId: conversation.id };
  }

  /** A direct conversation of the client's user with somebody. */
  async direct(client, other) {
    const call = { kind: "direct", participantIds: [this.id(other)] };
    return (await client.ok("conversation:create", call)).conversation;
  }

  /** A group of the client's user, who owns it, with others. */
  async group(client, others, more = {}) {
    const call = { kind: "group", participantIds: others.map((name) => this.id(name)), ...more };
    return (await client.ok("conversation:create", call)).conversation;
  }

  end() {
    for (const client of this.#clients) client.close();
  }
}

/** Sends one message; returns it. */
export async function send(client, conversationId, content, more = {}) {
  return (await client.ok("message:send", { conversationId, content, ...more })).message;
}

/** Waits for the message with this content. */
export async function hears(client, content) {
  return (await client.next("message:new", ({ message }) => message.content === content)).message;
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
