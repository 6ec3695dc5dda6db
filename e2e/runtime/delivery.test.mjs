// What clients do so that a call gets its answer: timeouts and retries; and compression on the way.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { CELLS, cellsWith, cellStories, numbers, runtimeStories } from "../support/stock-clients.mjs";

/** Milliseconds: what the server answers is there before, also when sixteen of these tests begin at once. */
const ACK_TIMEOUT = 1_000;

cellStories("acks that do not come", { cells: cellsWith({ client: "c4" }) }, (story, cell) => {
  story("an event that nobody answers runs into its timeout, and the next does not", async (stage) => {
    const peer = await stage.connect(cell);
    const timed = peer.socket.timeout(ACK_TIMEOUT);
    await assert.rejects(timed.emitWithAck("nobody handles this"), { message: "operation has timed out" });
    assert.equal(await peer.socket.timeout(10_000).emitWithAck("echo", 1), 1);
  });

  story("with `retries`, each event is sent until it is answered, and in order", async (stage) => {
    const peer = await stage.connect(cell, { retries: 3, ackTimeout: ACK_TIMEOUT });
    const tries = numbers(3).map(() => new Promise((done) => peer.socket.emit("answer every", 3, (...got) => done(got))));
    assert.deepEqual(await Promise.all(tries), [[null, 3], [null, 6], [null, 9]]);
  });

  story("with `retries`, an event that is never answered is given up, and the next one goes on", async (stage) => {
    const peer = await stage.connect(cell, { retries: 1, ackTimeout: ACK_TIMEOUT });
    const given = new Promise((done) => peer.socket.emit("nobody handles this", done));
    const next = new Promise((done) => peer.socket.emit("echo", 1, (...got) => done(got)));
    assert.equal((await given).message, "operation has timed out");
    assert.deepEqual(await next, [null, 1]);
  });
});

cellStories("compression", { args: ["--compression"] }, (story, cell) => {
  story("large and small events, bursts and binary content arrive", async (stage) => {
    const peer = await stage.connect(cell);
    await peer.echoes("small");
    await peer.echoes("large and much the same ".repeat(2_500), { file: randomBytes(5_000) });
    peer.socket.emit("count", 500);
    assert.deepEqual(await peer.first(500, "tick"), numbers(500));
    await peer.settled(cell);
    for (const n of numbers(20)) await peer.echoes("again ".repeat(n * 500), { file: Buffer.alloc(n * 500) });
  });

  if (cell.transport === "polling") return;
  // To version 2 the server sends nothing compressed.
  const bothWays = cell.client !== "c2";
  story(`a WebSocket is compressed${bothWays ? ", both ways" : ""}`, async (stage) => {
    const peer = await stage.connect(cell);
    await peer.settled(cell);
    const { ws } = peer.engine.transport;
    assert.equal(ws.extensions, "permessage-deflate");
    const { bytesRead, bytesWritten } = ws._socket;
    await peer.echoes("the same ".repeat(9_000));
    assert.equal(ws._socket.bytesRead - bytesRead < 5_000, bothWays, "from the server");
    assert.ok(ws._socket.bytesWritten - bytesWritten < 5_000, "from the client");
  });
});

runtimeStories("no compression", [], (story) => {
  story("is the default", async (stage) => {
    for (const cell of CELLS.filter(({ transport }) => transport === "websocket")) {
      const peer = await stage.connect(cell);
      assert.equal(peer.engine.transport.ws.extensions, "", cell.name);
    }
  });
});
