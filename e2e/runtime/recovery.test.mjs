// Connection state recovery, with stock clients of the one version that has it.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { startObstacle } from "../support/obstacle.mjs";
import { cellsWith, cellStories, numbers, pause, plain } from "../support/stock-clients.mjs";

const RECOVER = { query: { recover: "1" }, reconnection: false };
/** How a connection may be lost: the client ends it in good order, or the network does not. */
const LOSSES = {
  "a close": ({ peer }) => peer.engine.close(),
  "a cut": async ({ network, peer }) => {
    // Between two polls there is nothing to cut.
    for (; peer.disconnected === undefined; await pause(20)) network.cut();
  },
};
/** A server may only hear from a heartbeat that a client which polls is gone. */
const args = ["--ping-interval", "1000", "--ping-timeout", "1000"];

cellStories("recovery", { cells: cellsWith({ client: "c4" }), args }, (story, cell) => {
  for (const [loss, lose] of Object.entries(LOSSES)) {
    story(`id, rooms and every missed event, in order and once, after ${loss}`, async (stage) => {
      const scene = await inARoom(stage, cell);
      const { peer, sender, room, other } = scene;
      const { id } = peer.socket;
      sayAll(sender, room, [0, 1, 2]);
      await peer.first(3, "said");
      await lose(scene);
      await hasLeft(sender, id);
      sayAll(sender, other, ["not for this one"]);
      sayAll(sender, room, [3, 4, 5, 6]);
      await sender.answers("say", room, 7, { bytes: Buffer.from([7]) });
      peer.socket.connect();
      await peer.connected();
      assert.deepEqual([peer.socket.recovered, peer.socket.id], [true, id]);
      // It is in its room again, and in no other.
      await sender.answers("say", other, "not for this one");
      assert.deepEqual(await sender.answers("say", room, 8), [1]);
      assert.deepEqual(await peer.first(9, "said"), numbers(9));
      assert.deepEqual(plain(peer.events[7].args[1]), plain({ bytes: Buffer.from([7]) }));
      await peer.echoes(9);
    });
  }

  story("a string at the end of a volatile event is not taken for an offset", async (stage) => {
    const { peer, sender, room } = await inARoom(stage, cell);
    const { id } = peer.socket;
    sayAll(sender, room, [0]);
    await sender.answers("say volatile", room, "text");
    await peer.first(2, "said");
    peer.socket.emit("echo", "text");
    await peer.first(1, "echo");
    peer.engine.close();
    await hasLeft(sender, id);
    await sender.answers("say", room, "missed");
    peer.socket.connect();
    await peer.connected();
    assert.deepEqual([peer.socket.recovered, peer.socket.id], [true, id]);
    assert.deepEqual(await peer.first(3, "said"), [0, "text", "missed"]);
  });

  story("a hundred missed events, and some while it comes back", async (stage) => {
    const { peer, sender, room } = await inARoom(stage, cell);
    const { id } = peer.socket;
    await sender.answers("say", room, 0);
    await peer.first(1, "said");
    peer.engine.close();
    await hasLeft(sender, id);
    sayAll(sender, room, numbers(101).slice(1));
    await sender.answers("noted");
    peer.socket.connect();
    for (const n of numbers(201).slice(101)) {
      sender.socket.emit("say", room, n);
      if (n % 10 === 0) await pause(1);
    }
    await peer.connected();
    assert.equal(peer.socket.recovered, true);
    assert.deepEqual(await peer.first(201, "said"), numbers(201));
  });

  story("again and again", async (stage) => {
    const { peer, sender, room } = await inARoom(stage, cell);
    const { id } = peer.socket;
    await sender.answers("say", room, 0);
    await peer.first(1, "said");
    for (const n of [1, 2, 3]) {
      peer.engine.close();
      await hasLeft(sender, id);
      await sender.answers("say", room, n);
      peer.socket.connect();
      await peer.connected();
      assert.deepEqual([peer.socket.recovered, peer.socket.id], [true, id]);
      assert.deepEqual(await peer.first(n + 1, "said"), numbers(n + 1));
    }
  });

  story("nobody is recovered who left, or was thrown out", async (stage) => {
    const { peer, sender, room } = await inARoom(stage, cell);
    for (const leave of [() => peer.socket.disconnect(), () => peer.socket.emit("throw me out")]) {
      const { id } = peer.socket;
      await peer.answers("join", room);
      await sender.answers("say", room, "seen");
      await peer.args("said");
      const ended = peer.ends();
      leave();
      await ended;
      peer.socket.connect();
      await peer.connected();
      assert.equal(peer.socket.recovered, false);
      assert.notEqual(peer.socket.id, id);
      await peer.echoes(1);
    }
  });

  story("a sender does not miss its own events", async (stage) => {
    const { peer, sender, room } = await inARoom(stage, cell);
    const { id } = peer.socket;
    await sender.answers("say", room, 0);
    await peer.first(1, "said");
    await peer.answers("say", room, "my own");
    peer.engine.close();
    await hasLeft(sender, id);
    await sender.answers("say", room, 1);
    peer.socket.connect();
    await peer.connected();
    assert.equal(peer.socket.recovered, true);
    assert.deepEqual(await peer.first(2, "said"), [0, 1]);
  });
});

/** Somebody recoverable in a room, somebody who talks to it, and a room of others. */
async function inARoom(stage, cell) {
  const network = stage.keep(await startObstacle(stage.server.port, "pass"));
  const peer = await stage.connect(cell, { ...RECOVER, url: network.url });
  await peer.settled(cell);
  const sender = await stage.connect(cell);
  const [room, other] = [randomUUID(), randomUUID()];
  assert.equal(peer.socket.recovered, false);
  await peer.answers("join", room);
  await peer.answers("join", other);
  await peer.answers("leave", other);
  return { network, peer, sender, room, other };
}

function sayAll(sender, room, values) {
  for (const value of values) sender.socket.emit("say", room, value);
}

/** Waits until the server has seen that the socket of this id is gone. */
async function hasLeft(witness, id) {
  for (let patience = Date.now() + 5_000; ; await pause(10)) {
    if ((await witness.answers("has left", id))[0]) return;
    assert.ok(Date.now() < patience, "the server takes it for connected");
  }
}
