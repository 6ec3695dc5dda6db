// How connections end, who comes back, and how, for every stock client.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe } from "node:test";
import { freePort } from "../support/process.mjs";
import { aloneStory, CELLS, cellStories, next, pause } from "../support/stock-clients.mjs";
import { StockServer } from "../support/stock-server.mjs";

/** Milliseconds: long enough for a busy machine, short enough to wait for. */
const BEAT = 500;
const withHeartbeat = () => StockServer.start(["--ping-interval", `${BEAT}`, "--ping-timeout", `${BEAT}`]);

cellStories("endings", {}, (story, cell) => {
  story("who is thrown out hears the last event, and stays away", async (stage) => {
    const peer = await stage.connect(cell);
    peer.socket.emit("throw me out");
    assert.equal(await peer.ends(), "io server disconnect");
    assert.equal(peer.collected("bye").length, 1);
    await pause(300);
    assert.equal(peer.socket.connected, false);
    // But may come back when told to.
    peer.socket.connect();
    await peer.connected();
    await peer.echoes("back");
  });

  story("whose connection is closed hears the last event, and comes back", async (stage) => {
    const peer = await stage.connect(cell);
    const { id } = peer.socket;
    peer.socket.emit("close me");
    assert.equal(await peer.ends(), "transport close");
    assert.equal(peer.collected("bye").length, 1);
    await peer.connected();
    assert.notEqual(peer.socket.id, id);
    await peer.echoes("back");
  });

  story("who leaves is out of the room, and may come back", async (stage) => {
    const [peer, other] = await Promise.all([stage.connect(cell), stage.connect(cell)]);
    const room = randomUUID();
    await peer.answers("join", room);
    assert.deepEqual(await other.answers("say", room, "hello"), [1]);
    const ended = peer.ends();
    peer.socket.disconnect();
    assert.equal(await ended, "io client disconnect");
    await reaches(other, room, 0);
    peer.socket.connect();
    await peer.connected();
    await peer.echoes("back");
  });

  story("what was sent just before leaving arrives", async (stage) => {
    const [peer, other] = await Promise.all([stage.connect(cell), stage.connect(cell)]);
    const room = randomUUID();
    await other.answers("join", room);
    await peer.settled(cell);
    peer.socket.emit("say", room, "farewell");
    peer.socket.disconnect();
    assert.deepEqual((await other.args("said"))[0], "farewell");
  });
});

/** Waits until an event to the room reaches so many. */
async function reaches(peer, room, wanted) {
  for (let patience = Date.now() + 5_000; ; await pause(20)) {
    const [count] = await peer.answers("say", room, "who is there?");
    if (count === wanted) return;
    assert.ok(Date.now() < patience, `${count} in the room, not ${wanted}`);
  }
}

/** One client of each cell, all over the transport on which they end up. */
async function everybody(stage) {
  return Promise.all(
    CELLS.map(async (cell) => {
      const peer = stage.open(cell, { timeout: 2 * BEAT });
      return named(cell, peer.settled(cell));
    }),
  );
}

/** The same promise, whose failure says which cell it was. */
async function named(cell, promise) {
  try {
    return await promise;
  } catch (error) {
    throw new Error(`${cell.name}: ${error.message}`, { cause: error });
  }
}

const forEach = (peers, check) => Promise.all(peers.map((peer, index) => named(CELLS[index], check(peer))));

async function comesBack(peer) {
  await peer.connected();
  await peer.echoes("back");
}

describe("runtime: the server goes", { concurrency: 4 }, () => {
  aloneStory("quiet clients stay connected for many heartbeats", withHeartbeat, async (stage) => {
    const peers = await everybody(stage);
    await pause(4 * BEAT);
    for (const peer of peers) assert.equal(peer.disconnected, undefined);
    await forEach(peers, (peer) => peer.echoes("still here"));
  });

  aloneStory("clients see that it stands still, and come back when it goes on", withHeartbeat, async (stage) => {
    const peers = await everybody(stage);
    stage.server.signal("SIGSTOP");
    await forEach(peers, async (peer) => assert.equal(await peer.ends(), "ping timeout"));
    stage.server.signal("SIGCONT");
    await forEach(peers, comesBack);
  });

  // A port that no outgoing connection can take meanwhile.
  const onFixedPort = async () => StockServer.start([], await freePort());
  aloneStory("clients reconnect when it is killed and started again", onFixedPort, async (stage) => {
    const peers = await Promise.all(CELLS.map((cell) => stage.connect(cell)));
    const ended = forEach(peers, async (peer) => assert.match(await peer.ends(), /^transport (close|error)$/));
    await stage.server.stop();
    await ended;
    stage.server = await StockServer.start([], stage.server.port);
    await forEach(peers, comesBack);
  });

  aloneStory("drained clients are told first, and are refused until another server is there", () => StockServer.start(), async (stage) => {
    const peers = await everybody(stage);
    const refused = peers.map((peer) => next(peer.generation === "c2" ? peer.socket : peer.socket.io, "reconnect_error"));
    peers[0].socket.emit("drain");
    await forEach(peers, async (peer) => {
      assert.equal(await peer.ends(), "transport close");
      assert.deepEqual(peer.collected("draining").map((time) => typeof time), ["number"]);
    });
    await Promise.all(refused);
    for (const peer of peers) assert.equal(peer.socket.connected, false);
  });
});
