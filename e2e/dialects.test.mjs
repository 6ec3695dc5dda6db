// Front ends that were written for other systems, and one of ours, in the same conversations.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Manager } from "c4";
import msgpack from "socket.io-msgpack-parser";
import { MODE } from "./support/cluster.mjs";
import { Speaker, speak } from "./support/dialects.mjs";
import { startForwarder } from "./support/forwarder.mjs";
import { run } from "./support/process.mjs";
import { hears, pause, send, stories } from "./support/story.mjs";

const OTHER = MODE === "cluster" ? 1 : 0;

/** Carol, who speaks natively, alice on `/messaging` and bob on `/chat`, in a group of carol's. */
async function three(scene) {
  const carol = await scene.connect("carol", { node: 0 });
  const alice = await speak(scene, "/messaging", "alice", { node: OTHER });
  const bob = await speak(scene, "/chat", "bob", { node: 0 });
  const { id } = await scene.group(carol, ["alice", "bob"]);
  await alice.ok("join_conversation", { conversationId: id });
  await bob.ok("joinRoom", { roomId: id });
  return { carol, alice, bob, id };
}

const isFrom = (user) => (told) => told.userId === user;

stories("dialects", {}, (story) => {
  story("a conversation lives in three dialects, each with its own names and fields", async (scene) => {
    const { carol, alice, bob, id } = await three(scene);
    assert.deepEqual(await alice.next("authenticated"), { userId: alice.user });

    // Each says something that the others hear.
    const sent = { conversationId: id, content: "from alice", messageType: "IMAGE", imageUrl: "https://example.com/a.png", tempId: "t1" };
    const { message } = await alice.ok("send_message", sent);
    assert.deepEqual([message.messageType, message.imageUrl, message.senderId], ["IMAGE", sent.imageUrl, alice.user]);
    assert.deepEqual(await alice.next("message_sent"), { message, tempId: "t1" });
    const room = await bob.next("receiveMessage");
    assert.deepEqual(room, {
      id: message.id, roomId: id, authorId: alice.user, content: "from alice", createdAt: message.createdAt, seq: 1,
    });
    const native = await hears(carol, "from alice");
    assert.deepEqual([native.type, native.metadata, native.clientMessageId], ["image", { imageUrl: sent.imageUrl }, "t1"]);
    const fromBob = (await bob.ok("sendMessage", { roomId: id, content: "from bob" })).message;
    assert.equal((await alice.next("message_received")).message.id, fromBob.id);
    await hears(carol, "from bob");
    const own = await send(carol, id, "from carol");
    assert.equal((await alice.next("message_received")).message.content, "from carol");
    assert.equal((await bob.next("receiveMessage", ({ id }) => id === own.id)).seq, 3);
    // What was written to alice counts as delivered, and carol hears of it natively.
    await carol.next("message:delivered", ({ userId, upToSeq }) => userId === alice.user && upToSeq === 3);

    // The same that is sent again is the same message.
    const again = await alice.ok("send_message", sent);
    assert.deepEqual([again.duplicate, again.message.id], [true, message.id]);

    // Edits and deletions are told where there is a word for them.
    await carol.ok("message:edit", { messageId: own.id, content: "better" });
    assert.deepEqual(await bob.next("messageUpdated"), {
      id: own.id, roomId: id, authorId: carol.user, content: "better", createdAt: own.createdAt, seq: 3,
    });
    await carol.ok("message:delete", { messageId: own.id });
    assert.deepEqual(await bob.next("messageDeleted"), { id: own.id, roomId: id });

    // Typing.
    await alice.ok("typing_start", { conversationId: id });
    assert.deepEqual(await bob.next("userTyping"), { roomId: id, userId: alice.user, isTyping: true });
    await alice.ok("typing_stop", { conversationId: id });
    await carol.next("message:typing", ({ isTyping }) => !isTyping);
    await bob.next("userTyping", ({ isTyping }) => !isTyping);
    await bob.ok("typing", { roomId: id, isTyping: true });
    assert.deepEqual(await alice.next("user_typing"), { conversationId: id, userId: bob.user, isTyping: true });

    // Reading.
    await carol.ok("message:read", { messageId: message.id });
    const read = await alice.next("message_read", isFrom(carol.user));
    assert.deepEqual([read.conversationId, read.messageId], [id, message.id]);
    assert.equal((await alice.ok("mark_read", { conversationId: id })).unreadCount, 0);
    await carol.next("message:read", ({ userId, upToSeq }) => userId === alice.user && upToSeq === 3);

    // Presence.
    await bob.ok("updateStatus", { status: "busy" });
    await alice.next("user_online", isFrom(bob.user));
    await carol.next("presence:changed", ({ changes }) => changes.some((one) => one.userId === bob.user && one.status === "busy"));
    alice.close();
    const gone = await bob.next("userStatus", (one) => one.userId === alice.user && one.status === "offline");
    assert.ok(Date.parse(gone.lastSeen));

    for (const speaker of [alice, bob]) speaker.keepsToItsTable();
  });

  story("a sender gets one tick when it is stored and two when it has arrived", async (scene) => {
    const carol = await scene.connect("carol");
    const { id } = await scene.group(carol, ["alice", "bob"]);
    const alice = await speak(scene, "/messaging", "alice", { node: 0 });
    const tablet = await speak(scene, "/messaging", "alice", { node: OTHER });
    const bob = await speak(scene, "/messaging", "bob", { node: OTHER });
    const ids = [];
    for (const tempId of ["a", "b", "c"]) {
      const { message } = await alice.ok("send_message", { conversationId: id, content: tempId, tempId });
      ids.push(message.id);
    }
    for (const device of [alice, tablet]) {
      await device.until(() => device.collected("message_delivered").length >= 3, () => "three ticks");
      assert.deepEqual(device.collected("message_sent").map(({ message, tempId }) => [message.id, tempId]), [
        [ids[0], "a"], [ids[1], "b"], [ids[2], "c"],
      ]);
      assert.deepEqual(device.collected("message_delivered").map(({ messageId, userId }) => [messageId, userId]), [
        [ids[0], bob.user], [ids[1], bob.user], [ids[2], bob.user],
      ]);
    }
    // That a sender has the tick does not say that this process has read what bob's socket has.
    await bob.until(() => bob.collected("message_received").length >= 3, () => "three messages");
    assert.deepEqual(bob.collected("message_received").map(({ message }) => message.id), ids);
    await bob.ok("mark_read", { conversationId: id, messageId: ids[1] });
    assert.equal((await alice.next("message_read")).messageId, ids[1]);
    await bob.quiet(300, "message_sent", "message_delivered");
    for (const speaker of [alice, tablet, bob]) speaker.keepsToItsTable();
  });

  story("who comes without a token is let in by `authenticate`, and is told of what is unread", async (scene) => {
    const carol = await scene.connect("carol");
    const { id } = await scene.group(carol, ["alice"]);
    await send(carol, id, "before");
    const alice = await speak(scene, "/messaging", "alice", { node: OTHER, token: "" });
    await alice.refused("UNAUTHENTICATED", "mark_read", { conversationId: id });
    await alice.refused("UNAUTHENTICATED", "authenticate", { token: "nonsense" });
    assert.deepEqual(await alice.ok("authenticate", { token: scene.token("alice") }), { userId: alice.user });
    assert.deepEqual(await alice.next("authenticated"), { userId: alice.user });
    assert.deepEqual(await alice.next("unread_count"), { conversationId: id, count: 1, total: 1 });
    await send(carol, id, "after");
    assert.equal((await alice.next("message_received")).message.content, "after");
    await assert.rejects(speak(scene, "/chat", "alice", { token: "" }), /UNAUTHENTICATED/);
    await assert.rejects(speak(scene, "/elsewhere", "alice"), /Invalid namespace/);
    alice.keepsToItsTable();
  });

  story("mistakes are told under the names that the front end knows", async (scene) => {
    const { alice, bob, id } = await three(scene);
    const error = await alice.refused("VALIDATION_FAILED", "send_message", { messageType: "text", tempId: 5 });
    assert.deepEqual(error.details.map(({ path }) => path).sort(), ["content", "conversationId", "messageType", "tempId"]);
    await alice.refused("NOT_FOUND", "message:send", { conversationId: id, content: "x" });
    await bob.refused("VALIDATION_FAILED", "sendMessage", { roomId: 7, content: "x" });
    await bob.next("error", ({ code }) => code === "VALIDATION_FAILED");
    for (const speaker of [alice, bob]) speaker.keepsToItsTable();
  });

  for (const [namespace, heard] of [["/messaging", "message_received"], ["/chat", "receiveMessage"]]) {
    story(`on ${namespace}, who was away for a moment gets what was missed, once and in order`, async (scene) => {
      const carol = await scene.connect("carol");
      const { id } = await scene.group(carol, ["bob"]);
      const balancer = await startForwarder(scene.cluster.nodes[0].port);
      scene.keep({ close: balancer.stop });
      const options = { reconnection: true, reconnectionDelay: 30, reconnectionDelayMax: 100, transports: ["websocket"] };
      const bob = await speak(scene, namespace, "bob", { url: balancer.url, options });
      // An answer says that all of its connect is done; on /chat nothing else has come so far.
      await bob.refused("NOT_FOUND", "is anybody there");
      const socketId = bob.socket.id;
      for (const round of [["1", "2"], ["3", "4", "5"]]) {
        balancer.target = 1;
        bob.drop();
        for (const text of round) await send(carol, id, text);
        const back = new Promise((resolve) => bob.socket.once("connect", resolve));
        balancer.target = scene.cluster.nodes[OTHER].port;
        await back;
        assert.deepEqual([bob.socket.recovered, bob.socket.id], [true, socketId]);
        const last = round.at(-1);
        await bob.next(heard, (data) => (data.message ?? data).content === last);
      }
      await send(carol, id, "live");
      await bob.next(heard, (data) => (data.message ?? data).content === "live");
      const contents = bob.collected(heard).map((data) => (data.message ?? data).content);
      assert.deepEqual(contents, ["1", "2", "3", "4", "5", "live"]);
      bob.keepsToItsTable();
    });
  }

  story("one connection has several namespaces, each with its own words", async (scene) => {
    const carol = await scene.connect("carol");
    const { id } = await scene.group(carol, ["bob"]);
    const manager = new Manager(scene.url(OTHER), { reconnection: false, transports: ["websocket"] });
    const auth = { token: scene.token("bob") };
    const native = scene.keep(new Speaker(manager.socket("/", { auth }), "/"));
    const chat = scene.keep(new Speaker(manager.socket("/chat", { auth }), "/chat"));
    const messaging = scene.keep(new Speaker(manager.socket("/messaging", { auth }), "/messaging"));
    await Promise.all([native, chat, messaging].map((one) => one.connected()));
    await native.next("session:ready");
    await Promise.all([chat.ok("joinRoom", { roomId: id }), messaging.ok("join_conversation", { conversationId: id })]);
    await send(carol, id, "to all three");
    await native.next("message:new");
    await chat.next("receiveMessage");
    await messaging.next("message_received");
    // What one of them says the others hear as their user's.
    const { message } = await chat.ok("sendMessage", { roomId: id, content: "from one of them" });
    assert.equal((await native.next("message:new")).message.id, message.id);
    assert.equal((await messaging.next("message_sent")).message.id, message.id);
    for (const speaker of [chat, messaging]) speaker.keepsToItsTable();
  });

  story("clients of other generations and with msgpack speak dialects, too", async (scene) => {
    const carol = await scene.connect("carol");
    const { id } = await scene.group(carol, ["bob"]);
    const speakers = [
      await speak(scene, "/chat", "bob", { client: "c2", node: OTHER }),
      await speak(scene, "/chat", "bob", { client: "c3", node: OTHER }),
      await speak(scene, "/chat", "bob", { options: { parser: msgpack } }),
      await speak(scene, "/chat", "bob", { options: { transports: ["polling"] } }),
    ];
    for (const speaker of speakers) await speaker.ok("joinRoom", { roomId: id });
    await send(carol, id, "to all");
    for (const speaker of speakers) assert.equal((await speaker.next("receiveMessage")).content, "to all");
    await speakers[2].ok("sendMessage", { roomId: id, content: "packed" });
    await hears(carol, "packed");
    for (const speaker of speakers) speaker.keepsToItsTable();
  });

  story("an operator adds a dialect by a file, and is told of every mistake in it", async (scene) => {
    const folder = scene.cluster.folder;
    const good = join(folder, "irc.toml");
    await writeFile(good, `
      namespace = "/irc"
      [in.PRIVMSG]
      call = "message:send"
      fields = { to = "conversationId", text = "content" }
      [[out]]
      on = ["message:new"]
      event = "PRIVMSG"
      fields = { who = "message.senderId", text = "message.content" }
    `);
    const node = await scene.anotherNode("irc", { SWITCHBOARD__REALTIME__DIALECTS: good });
    try {
      const ann = await speak(scene, "/irc", "ann", { url: node.url });
      const carol = await scene.connect("carol", { url: node.url });
      const { id } = await scene.group(carol, ["ann"]);
      await ann.ok("PRIVMSG", { to: id, text: "hi" });
      await hears(carol, "hi");
      await send(carol, id, "ho");
      assert.deepEqual(await ann.next("PRIVMSG"), { who: carol.user, text: "ho" });
      // Measured every few seconds, also where nobody is.
      const counted = () => node.adminPage("/metrics").then(({ body }) => body);
      const isCounted = /^switchboard_connections\{transport="(polling|websocket)",namespace="\/irc"\} 1$/m;
      while (!isCounted.test(await counted())) await pause(200);
      assert.match(await counted(), /^switchboard_connections\{transport="websocket",namespace="\/chat"\} 0$/m);
    } finally {
      await node.kill();
    }
    const bad = join(folder, "bad.toml");
    await writeFile(bad, 'namespace = "irc"\n[in.say]\ncall = "message:sent"\n');
    const checked = await run(["config", "check"], { cwd: folder, env: { SWITCHBOARD__REALTIME__DIALECTS: `${bad},${good},${good}` } });
    assert.equal(checked.code, 78, checked.stderr);
    for (const part of [/bad\.toml: namespace: must be/, /bad\.toml: in\.say\.call: there is no native event/, /irc\.toml: namespace: another/]) {
      assert.match(checked.stderr, part);
    }
  });

  story("many messages come once and in order to every dialect", async (scene) => {
    const { carol, alice, bob, id } = await three(scene);
    const dave = await speak(scene, "/chat", "bob", { node: OTHER });
    await dave.ok("joinRoom", { roomId: id });
    const texts = Array.from({ length: 80 }, (_, n) => `${n}`);
    await Promise.all(texts.map((text) => send(carol, id, text)));
    for (const [who, event] of [[alice, "message_received"], [bob, "receiveMessage"], [dave, "receiveMessage"]]) {
      await who.until(() => who.collected(event).length >= texts.length, () => "all messages");
    }
    await pause(200);
    const seqs = (who) => who.collected("receiveMessage").map(({ seq }) => seq);
    assert.deepEqual(seqs(bob), texts.map((_, n) => n + 1));
    assert.deepEqual(seqs(dave), seqs(bob));
    const ids = bob.collected("receiveMessage").map((message) => message.id);
    assert.deepEqual(alice.collected("message_received").map(({ message }) => message.id), ids);
  });
});
