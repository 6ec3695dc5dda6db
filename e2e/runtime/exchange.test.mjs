// What stock clients of every version say and hear, over every transport and in both parsers.
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { CELLS, cellStories, next, numbers, plain, runtimeStories } from "../support/stock-clients.mjs";

const VALUES = [0, -1, 1.5, 2 ** 40, -(2 ** 31), "", "text", null, true, false, [], {}, { a: { b: [1, { c: null }] } }];
const TEXT = 'Zoë 漢字 🎉👩‍👩‍👧 "quoted" \\ back\u2028\u2029\u0000\u001e\u007f\ufeff';
/** Long enough for msgpack's parser to leave it to Node: it reads shorter text beyond its end. */
const CUT = "text that was cut in the middle of an emoji: ";
const BURST = 500;

/** What fits into one packet: polling has msgpack in base64, and 100 KiB is the limit. */
const large = (cell) => (cell.parser === "msgpack" && cell.transport !== "websocket" ? 75_000 : 90_000);

cellStories("exchange", {}, (story, cell) => {
  story("connects, with an id of 20 characters", async (stage) => {
    const peer = await stage.connect(cell);
    assert.match(peer.socket.id, /^[\w-]{20}$/);
    const other = await stage.connect(cell, { namespace: "/chat" });
    // Version 2 makes the ids of namespaces itself.
    assert.match(other.socket.id, cell.client === "c2" ? /^\/chat#[\w-]{20}$/ : /^[\w-]{20}$/);
    assert.notEqual(peer.socket.id, other.socket.id);
  });

  story("events come back as they were sent", async (stage) => {
    const peer = await stage.connect(cell);
    await peer.echoes();
    await peer.echoes(...VALUES);
    for (const value of VALUES) await peer.echoes(value);
  });

  story("acks, of the server", async (stage) => {
    const peer = await stage.connect(cell);
    assert.deepEqual(await peer.answers("echo"), []);
    assert.deepEqual(await peer.answers("echo", ...VALUES), VALUES);
    const many = await Promise.all(numbers(100).map((n) => peer.answers("echo", n)));
    assert.deepEqual(many, numbers(100).map((n) => [n]));
  });

  story("acks, of the client", async (stage) => {
    const peer = await stage.connect(cell);
    peer.socket.on("question", (...args) => args.pop()("you said", ...args));
    for (const args of [[], ["one"], VALUES]) {
      peer.socket.emit("ask me", ...args);
      assert.deepEqual(await peer.args("answered"), ["you said", ...args]);
    }
  });

  story("binary content anywhere: in events, in acks of the server and in acks of the client", async (stage) => {
    const peer = await stage.connect(cell);
    const bytes = Buffer.from([0, 1, 2, 0x1e, 0xff, 0x62, 0x34]);
    const nested = { file: bytes, deep: [{ parts: [randomBytes(300), "between", Buffer.alloc(0)] }], n: 1 };
    const ten = numbers(10).map((n) => Buffer.alloc(n + 1, n));
    peer.socket.on("question", (...args) => args.pop()({ again: args }));
    for (const args of [[bytes], [nested, "after", bytes], ten, [{ ten }]]) {
      await peer.echoes(...args);
      assert.deepEqual(plain(await peer.answers("echo", ...args)), plain(args));
      peer.socket.emit("ask me", ...args);
      assert.deepEqual(plain(await peer.args("answered")), plain([{ again: args }]));
    }
  });

  story("any text, and half an emoji as replacement characters", async (stage) => {
    const peer = await stage.connect(cell);
    await peer.echoes(TEXT, { [TEXT]: TEXT });
    assert.deepEqual(await peer.answers("echo", CUT + "\ud83c"), [CUT + "\ufffd"]);
  });

  story("events that are nearly as large as they may be", async (stage) => {
    const peer = await stage.connect(cell);
    await peer.echoes("x".repeat(large(cell)));
    await peer.echoes({ file: randomBytes(60_000) });
    await peer.echoes("é漢".repeat(large(cell) / 5));
  });

  story("a burst to the server is in order and complete", async (stage) => {
    const peer = await stage.connect(cell);
    for (const n of numbers(BURST)) peer.socket.emit("note", n);
    assert.deepEqual(await peer.answers("noted"), [numbers(BURST)]);
  });

  story("a burst from the server is in order and complete", async (stage) => {
    const peer = await stage.connect(cell);
    peer.socket.emit("count", BURST);
    assert.deepEqual(await peer.first(BURST, "tick"), numbers(BURST));
  });

  story("bursts both ways at once, some of it binary", async (stage) => {
    const peer = await stage.connect(cell);
    for (const n of numbers(BURST)) peer.socket.emit("echo", n, ...(n % 10 === 0 ? [Buffer.from([n % 256])] : []));
    assert.deepEqual(await peer.first(BURST, "echo"), numbers(BURST));
  });

  story("namespaces on one connection are kept apart", async (stage) => {
    const peer = await stage.connect(cell);
    const chat = stage.keep(peer.socket.io.socket("/chat"));
    await next(chat, "connect");
    chat.emit("echo", "in chat");
    assert.deepEqual(await next(chat, "echo"), ["in chat"]);
    assert.deepEqual(peer.events, []);
    const closed = next(chat, "disconnect");
    chat.disconnect();
    assert.equal((await closed)[0], "io client disconnect");
    await peer.echoes("still here");
  });

  story("a namespace that does not exist is refused", async (stage) => {
    const peer = stage.open(cell, { namespace: "/nowhere" });
    const [error] = await next(peer.socket, cell.client === "c2" ? "error" : "connect_error");
    assert.equal(error.message ?? error, "Invalid namespace");
  });

  story("a refusal has its message and data", async (stage) => {
    const peer = stage.open(cell, { query: { refuse: "NOT_TODAY" } });
    const [error] = await next(peer.socket, cell.client === "c2" ? "error" : "connect_error");
    const data = { code: "NOT_TODAY", details: ["one", 2, null] };
    // Version 2 gets the data alone.
    if (cell.client === "c2") assert.deepEqual(error, data);
    else assert.deepEqual([error.message, error.data], ["refused", data]);
    assert.equal(peer.socket.connected, false);
  });

  story("rooms: who is in hears, but not the sender, nor who has left", async (stage) => {
    const [alice, bob, carol] = await Promise.all([cell, cell, cell].map((one) => stage.connect(one)));
    const room = randomUUID();
    assert.deepEqual(await alice.answers("say", room, "to nobody"), [0]);
    for (const peer of [alice, bob, carol]) assert.deepEqual(await peer.answers("join", room), [true]);
    assert.deepEqual(await alice.answers("say", room, "all", Buffer.from("!")), [2]);
    assert.deepEqual(await carol.answers("leave", room), [true]);
    assert.deepEqual(await carol.answers("leave", room), [false]);
    assert.deepEqual(await alice.answers("say", room, "bob"), [1]);
    assert.deepEqual(await alice.answers("say volatile", room, "bob, if he can"), [1]);
    await bob.first(3, "said");
    await carol.echoes("nothing more came");
    await alice.echoes("nothing came");
    assert.deepEqual(bob.collected("said"), ["all", "bob", "bob, if he can"]);
    assert.deepEqual(carol.collected("said"), ["all"]);
    assert.deepEqual(alice.collected("said"), []);
    assert.equal(Buffer.from(bob.events[0].args[1]).toString(), "!");
  });
});

runtimeStories("all cells together", [], (story) => {
  story("one broadcast reaches clients of every kind, in order", async (stage) => {
    const room = randomUUID();
    const peers = await Promise.all(CELLS.map((cell) => stage.connect(cell)));
    await Promise.all(peers.map((peer) => peer.answers("join", room)));
    const sender = await stage.connect(CELLS[0]);
    for (const n of numbers(100)) sender.socket.emit("say", room, n, { file: Buffer.from([n]) });
    await Promise.all(
      peers.map(async (peer, index) => {
        assert.deepEqual(await peer.first(100, "said"), numbers(100), CELLS[index].name);
        assert.deepEqual(plain(peer.events[7].args[1]), plain({ file: Buffer.from([7]) }), CELLS[index].name);
      }),
    );
  });
});
