// A node dies between the commit of a message and its publication: whoever comes back gets the message all the same.
import assert from "node:assert/strict";
import { startForwarder } from "./support/forwarder.mjs";
import { startStallable } from "./support/stall.mjs";
import { hears, send, stories } from "./support/story.mjs";

const AGAIN = { reconnection: true, reconnectionDelay: 30, reconnectionDelayMax: 100 };

stories("unpublished", { mode: "cluster", concurrency: 1 }, (story) => {
  story("what was acked and never went out is not missed by whoever is recovered on another node", async (scene) => {
    const { cluster } = scene;
    const redis = await startStallable(cluster.env.SWITCHBOARD__REDIS__URL);
    scene.keep({ close: redis.stop });
    const doomed = await cluster.startNode("doomed", { SWITCHBOARD__REDIS__URL: redis.url });
    try {
      const balancer = await startForwarder(doomed.port);
      scene.keep({ close: balancer.stop });
      const bob = await scene.connect("bob", { url: balancer.url, options: AGAIN, transports: ["websocket"] });
      const alice = await scene.connect("alice", { url: doomed.url });
      // Another conversation of the organization is followed on the node to come back to, and this one is not.
      const carol = await scene.connect("carol", { node: 1 });
      await scene.group(carol, ["dave"]);
      const { id: conversationId } = await scene.group(alice, ["bob"]);
      await bob.next("conversation:created");
      await send(alice, conversationId, "before");
      await hears(bob, "before");

      redis.stall();
      balancer.freeze();
      const acked = await send(alice, conversationId, "never published");
      await doomed.kill();
      balancer.target = cluster.nodes[1].port;
      const ready = new Promise((resolve) => bob.socket.once("session:ready", resolve));
      bob.drop();
      const session = await ready;

      const again = await scene.connect("alice", { node: 1 });
      await send(again, conversationId, "after");
      await hears(bob, "after");
      const heard = bob.collected("message:new").map(({ message }) => message.content);
      // Who begins anew reads what is missing; who is recovered is owed it.
      if (session.recovered) assert.deepEqual(heard, ["before", "never published", "after"]);
      assert.equal(acked.content, "never published");
    } finally {
      await doomed.kill();
    }
  });
});
