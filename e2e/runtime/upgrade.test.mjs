// From polling to WebSocket under load, and what happens where no WebSocket comes through.
import assert from "node:assert/strict";
import { startObstacle } from "../support/obstacle.mjs";
import { cellStories, cellsWith, next, numbers, pause } from "../support/stock-clients.mjs";

const BURST = 1000;
const upgrading = cellsWith({ transport: "upgrade" });

cellStories("upgrade", { cells: upgrading }, (story, cell) => {
  for (const spread of [0, 50, 400]) {
    story(`nothing is lost of ${BURST} events each way, over ${spread} ms`, async (stage) => {
      const query = { burst: BURST, spread };
      // Several, because what could go wrong is a matter of milliseconds.
      await Promise.all(numbers(4).map(async () => bursts(await stage.connect(cell, { query }), cell, spread)));
    });
  }

  story("binary events and acks keep their order while it upgrades", async (stage) => {
    const peer = await stage.connect(cell);
    // Together less than 100 KiB: before version 4 clients post whatever waits at once.
    const sizes = numbers(200).map((n) => 1 + (n % 7) * 10);
    const answers = sizes.map((size, n) => peer.answers("echo", n, Buffer.alloc(size, n)));
    for (const size of sizes) peer.socket.emit("echo", { bytes: Buffer.alloc(size) });
    await peer.settled(cell);
    assert.deepEqual((await Promise.all(answers)).map(([n, bytes]) => [n, bytes.length]), sizes.map((size, n) => [n, size]));
    const echoed = await peer.first(sizes.length, "echo");
    assert.deepEqual(echoed.map(({ bytes }) => bytes.length), sizes);
  });

  for (const mode of ["refuse", "cut probed"]) {
    story(`polling goes on when the upgrade fails: ${mode}`, async (stage) => {
      const obstacle = stage.keep(await startObstacle(stage.server.port, mode));
      const peer = stage.open(cell, { url: obstacle.url, query: { burst: BURST, spread: 200 } });
      await next(peer.engine, "upgradeError");
      await peer.connected();
      assert.equal(peer.transport, "polling");
      assert.deepEqual(await peer.first(BURST, "tick"), numbers(BURST));
      await peer.echoes("still here", Buffer.from("bytes"));
      assert.equal(peer.disconnected, undefined);
      assert.equal(obstacle.met, 1);
    });
  }

  story("polling goes on while the upgrade is not answered", async (stage) => {
    const obstacle = stage.keep(await startObstacle(stage.server.port, "swallow"));
    const peer = await stage.connect(cell, { url: obstacle.url, query: { burst: BURST, spread: 200 } });
    assert.deepEqual(await peer.first(BURST, "tick"), numbers(BURST));
    await peer.echoes("still here");
    assert.deepEqual([obstacle.met, peer.transport, peer.disconnected], [1, "polling", undefined]);
  });
});

/** Holds that all its events arrive in order both ways while it upgrades. */
async function bursts(peer, cell, spread) {
  const settled = peer.settled(cell);
  for (const n of numbers(BURST)) {
    peer.socket.emit("note", n);
    if (spread && n % 20 === 19) await pause(1);
  }
  await settled;
  assert.deepEqual(await peer.answers("noted"), [numbers(BURST)]);
  assert.deepEqual(await peer.first(BURST, "tick"), numbers(BURST));
}

cellStories("no upgrade", { cells: cellsWith({ transport: "polling" }) }, (story, cell) => {
  story("a client that only polls stays there", async (stage) => {
    const peer = await stage.connect(cell, { query: { burst: BURST, spread: 50 } });
    assert.deepEqual(await peer.first(BURST, "tick"), numbers(BURST));
    assert.equal(peer.transport, "polling");
  });
});

// The client has stopped polling by then, and finds out by the next heartbeat.
const args = ["--ping-interval", "400", "--ping-timeout", "400"];
cellStories("a WebSocket that breaks while it takes over", { cells: upgrading, args }, (story, cell) => {
  story("is a lost connection, and the client comes back", async (stage) => {
    const obstacle = stage.keep(await startObstacle(stage.server.port, "cut later"));
    const peer = await stage.connect(cell, { url: obstacle.url });
    assert.match(await peer.ends(), /^(ping timeout|transport (close|error))$/);
    obstacle.mode = "pass";
    await peer.settled(cell);
    await peer.echoes("back");
  });
});
