// What a call may say: types, limits, content.
import assert from "node:assert/strict";
import WebSocket from "ws";
import { hears, send, stories } from "../support/story.mjs";

const MAX_PACKET = 100 * 1024;

/** An object whose JSON has exactly `bytes` bytes. */
function objectOf(bytes) {
  const object = { k: "" };
  object.k = "v".repeat(bytes - JSON.stringify(object).length);
  return object;
}

/** Every event with payloads that must be refused, and the path that the refusal names. */
function badPayloads(conversationId, messageId, user) {
  const about = { conversationId };
  return [
    ["conversation:create", {}, "kind"],
    ["conversation:create", { kind: "party", participantIds: [user] }, "kind"],
    ["conversation:create", { kind: "group", participantIds: user }, "participantIds"],
    ["conversation:create", { kind: "group", participantIds: ["two words"] }, "participantIds"],
    ["conversation:create", { kind: "group", participantIds: [user], title: 7 }, "title"],
    ["conversation:create", { kind: "group", participantIds: [user], context: { type: "a" } }, "context"],
    ["conversation:create", { kind: "group", participantIds: [user], metadata: [] }, "metadata"],
    ["conversation:create", { kind: "direct", participantIds: [] }, "participantIds"],
    ["conversation:create", { kind: "direct", participantIds: [user, `${user}-2`] }, "participantIds"],
    ["conversation:join", {}, "conversationId"],
    ["conversation:join", { conversationId: "7" }, "conversationId"],
    ["conversation:join", { ...about, afterRev: "1" }, "afterRev"],
    ["conversation:leave", {}, "conversationId"],
    ["conversation:list", { limit: "10" }, "limit"],
    ["conversation:list", { status: 1 }, "status"],
    ["conversation:get", { conversationId: null }, "conversationId"],
    ["conversation:sync", about, "afterRev"],
    ["conversation:sync", { ...about, afterRev: -1 }, "afterRev"],
    ["conversation:sync", { ...about, afterRev: 1.5 }, "afterRev"],
    ["message:send", { content: "x" }, "conversationId"],
    ["message:send", about, "content"],
    ["message:send", { ...about, content: 7 }, "content"],
    ["message:send", { ...about, content: "" }, "content"],
    ["message:send", { ...about, content: " \n\t " }, "content"],
    ["message:send", { ...about, content: "x", type: "video" }, "type"],
    ["message:send", { ...about, content: "x", metadata: "x" }, "metadata"],
    ["message:send", { ...about, content: "x", replyTo: "first" }, "replyTo"],
    ["message:send", { ...about, content: "x", clientMessageId: 7 }, "clientMessageId"],
    ["message:edit", { content: "x" }, "messageId"],
    ["message:edit", { messageId }, "content"],
    ["message:edit", { messageId, content: "   " }, "content"],
    ["message:edit", { messageId, content: "x", expectedVersion: "1" }, "expectedVersion"],
    ["message:delete", {}, "messageId"],
    ["message:delete", { messageId: 7 }, "messageId"],
    ["message:history", { ...about, beforeSeq: "1" }, "beforeSeq"],
    ["message:history", { ...about, limit: 0 }, "limit"],
    ["message:history", { ...about, limit: -1 }, "limit"],
    ["message:delivered", { ...about, upToSeq: "1" }, "upToSeq"],
    ["message:read", { messageIds: messageId }, "messageIds"],
    ["message:typing", about, "isTyping"],
    ["message:typing", { ...about, isTyping: "yes" }, "isTyping"],
    ["presence:update", { status: "online", customStatus: 7 }, "customStatus"],
    ["presence:user-status", { userId: 7 }, "userId"],
  ];
}

stories("validation", {}, (story) => {
  story("a bad payload is refused with the path of what is wrong, and as an event", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    const { id: messageId } = await send(alice, conversationId, "good");
    const cases = badPayloads(conversationId, messageId, scene.id("bob"));
    for (const [event, payload, path] of cases) {
      const error = await alice.refused("VALIDATION_FAILED", event, payload);
      const paths = error.details.map((detail) => detail.path);
      assert.ok(paths.some((one) => one === path || one.startsWith(`${path}[`) || one.startsWith(`${path}.`)),
        `${event} ${JSON.stringify(payload)}: ${JSON.stringify(error)}`);
      for (const { message } of error.details) assert.ok(message.length > 0);
      assert.deepEqual(await alice.next("validation-error"), error);
    }
    assert.deepEqual(alice.collected("error"), []);
  });

  story("all that is wrong is told at once", async (scene) => {
    const alice = await scene.connect("alice");
    const error = await alice.refused("VALIDATION_FAILED", "message:send", { content: 7, metadata: [] });
    const paths = error.details.map(({ path }) => path).sort();
    assert.deepEqual(paths, ["content", "conversationId", "metadata"]);
  });

  story("a payload that is no object is refused", async (scene) => {
    const alice = await scene.connect("alice");
    for (const payload of ["text", 7, true, null, [], [{}], ["a", 1]]) {
      const error = await alice.refused("VALIDATION_FAILED", "message:send", payload);
      assert.ok(Array.isArray(error.details), JSON.stringify(error));
    }
    await alice.refused("VALIDATION_FAILED", "message:send");
    await alice.ok("conversation:list", {});
  });

  story("an event that nobody knows is not found", async (scene) => {
    const alice = await scene.connect("alice");
    for (const event of ["message:sned", "", "session:ready", "constructor", "__proto__", "🙂"]) {
      const error = await alice.refused("NOT_FOUND", event, {});
      assert.deepEqual(await alice.next("error"), error);
    }
    const long = "x".repeat(10_000);
    const answer = await alice.call(long, {});
    assert.equal(answer.error.code, "NOT_FOUND");
  });

  story("a failure is told as an event to who wants no ack, too", async (scene) => {
    const alice = await scene.connect("alice");
    alice.socket.emit("message:send", { content: "x" });
    const error = await alice.next("validation-error");
    assert.deepEqual([error.code, error.event], ["VALIDATION_FAILED", "message:send"]);
  });

  story("a call gets exactly one answer", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    let answers = 0;
    const frames = [];
    alice.socket.io.engine.on("packet", ({ type, data }) => type === "message" && frames.push(data));
    const calls = [
      ["message:send", { conversationId, content: "one" }],
      ["message:send", { conversationId }],
      ["no:such", {}],
    ];
    await Promise.all(
      calls.map(([event, payload]) =>
        new Promise((resolve) =>
          alice.socket.emit(event, payload, (...args) => {
            answers += 1;
            assert.equal(args.length, 1);
            resolve();
          }),
        ),
      ),
    );
    await send(bob, conversationId, "barrier");
    await hears(alice, "barrier");
    assert.equal(answers, 3);
    assert.equal(frames.filter((frame) => /^3\d/.test(frame)).length, 3);
  });

  story("fields that nobody knows are ignored", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    const more = { priority: 7, constructor: "x", toString: null, ["__proto__"]: { polluted: true } };
    const message = await send(alice, conversationId, "hello", more);
    assert.equal("priority" in message, false);
  });

  story("content has at most 5,000 characters, however many bytes", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    for (const character of ["a", "ö", "👍"]) {
      const longest = character.repeat(5_000);
      const message = await send(alice, conversationId, `  ${longest}\n`);
      assert.equal(message.content, longest);
      assert.equal((await hears(bob, longest)).id, message.id);
      const over = { conversationId, content: `${longest}${character}` };
      const { details } = await alice.refused("VALIDATION_FAILED", "message:send", over);
      assert.deepEqual(details.map(({ path }) => path), ["content"]);
      const edit = { messageId: message.id, content: over.content };
      await alice.refused("VALIDATION_FAILED", "message:edit", edit);
    }
  });

  story("metadata has at most 4 KiB", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    const metadata = objectOf(4096);
    assert.deepEqual((await send(alice, conversationId, "just", { metadata })).metadata, metadata);
    const over = { conversationId, content: "over", metadata: objectOf(4097) };
    const { details } = await alice.refused("VALIDATION_FAILED", "message:send", over);
    assert.deepEqual(details.map(({ path }) => path), ["metadata"]);
    const group = { kind: "group", participantIds: [scene.id("carol")] };
    const { conversation } = await alice.ok("conversation:create", { ...group, metadata });
    assert.deepEqual(conversation.metadata, metadata);
    await alice.refused("VALIDATION_FAILED", "conversation:create", { ...group, metadata: over.metadata });
  });

  story("a client's id of a message has at most 64 characters", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    const clientMessageId = "ö".repeat(64);
    const message = await send(alice, conversationId, "x", { clientMessageId });
    assert.equal(message.clientMessageId, clientMessageId);
    const over = { conversationId, content: "x", clientMessageId: `${clientMessageId}x` };
    const { details } = await alice.refused("VALIDATION_FAILED", "message:send", over);
    assert.deepEqual(details.map(({ path }) => path), ["clientMessageId"]);
  });

  story("a user id has at most 128 characters", async (scene) => {
    const alice = await scene.connect("alice");
    const longest = scene.id("x").padEnd(128, "x");
    const create = (id) => ["conversation:create", { kind: "direct", participantIds: [id] }];
    await alice.ok(...create(longest));
    await alice.refused("VALIDATION_FAILED", ...create(`${longest}x`));
    await alice.ok("presence:user-status", { userId: longest });
    await alice.refused("VALIDATION_FAILED", "presence:user-status", { userId: `${longest}x` });
    await alice.refused("VALIDATION_FAILED", ...create(alice.user));
  });

  story("a limit is at most 100, and never clamped", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    const lists = [
      ["conversation:list", {}],
      ["conversation:sync", { conversationId, afterRev: 0 }],
      ["message:history", { conversationId }],
    ];
    for (const [event, payload] of lists) {
      await alice.ok(event, { ...payload, limit: 100 });
      await alice.ok(event, { ...payload, limit: 1 });
      for (const limit of [101, 0, -1, 1.5, 1e300]) {
        const { details } = await alice.refused("VALIDATION_FAILED", event, { ...payload, limit });
        assert.deepEqual(details.map(({ path }) => path), ["limit"]);
      }
    }
  });

  story("text comes back as it was, unless it is markup", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const unchanged = [
      "1 < 2 && a > b",
      "R&D",
      "AT&T &amp; co. &lt;b&gt;",
      "👍🏽 👨‍👩‍👧‍👦 ok",
      "a\n\tb",
      "I <3 you",
      `"quoted" and 'quoted' and \`quoted\``,
      "x <= y, y >= z, a << 2",
      "日本語 العربية e\u0301",
      "\\u003cscript\\u003e",
      "null",
    ];
    for (const text of unchanged) assert.equal((await send(alice, conversationId, text)).content, text);
    await hears(bob, unchanged.at(-1));
    assert.deepEqual(bob.collected("message:new").map(({ message }) => message.content), unchanged);
  });

  story("what a browser would take for markup does not stay", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    const markup = [
      "hi <script>alert(1)</script>",
      "hi <SCRIPT SRC=//x.example/x.js></SCRIPT>",
      "hi <img src=x onerror=alert(1)>",
      "hi <img src=x onerror=alert(1) ",
      "hi <svg/onload=alert(1)>",
      "hi <<b>script>alert(1)<<b>/script>",
      "hi <a href=\"javascript:alert(1)\">x</a>",
      "hi <iframe srcdoc='<script>1</script>'>",
      "hi <scr\u0007ipt>alert(1)</scr\u0007ipt>",
      "hi <!--><img src=x onerror=alert(1)>-->",
      "hi <math><mi//xlink:href='data:x,<script>1</script>'>",
      "hi </p><?xml version='1.0'?>",
    ];
    // The one rule of the HTML tokenizer: a `<` begins markup if one of these follows.
    const harmful = /<[a-z/!?]/i;
    for (const content of markup) {
      const message = await send(alice, conversationId, content);
      assert.doesNotMatch(message.content, harmful, content);
      assert.ok(message.content.startsWith("hi"), `${content} became ${message.content}`);
      const edit = { messageId: message.id, content };
      assert.doesNotMatch((await alice.ok("message:edit", edit)).message.content, harmful);
    }
    const { messages } = await alice.ok("message:history", { conversationId });
    for (const { content } of messages) assert.doesNotMatch(content, harmful);
  });

  story("control characters go, line breaks and tabs stay", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    const dirty = "\u0001a\u0007b\u001b[31mc\u007fd\u0085e\r\nf\tg\u0008";
    assert.equal((await send(alice, conversationId, dirty)).content, "ab[31mcde\nf\tg");
    await alice.refused("VALIDATION_FAILED", "message:send", { conversationId, content: "\u0001\u007f" });
  });

  story("the zero character goes like any other control character", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    assert.equal((await send(alice, conversationId, "a\u0000b\u0000")).content, "ab");
    await alice.refused("VALIDATION_FAILED", "message:send", { conversationId, content: "\u0000" });
  });

  story("strings with zero characters do no harm anywhere", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    const odd = ["\u0000", "a\u0000b"];
    for (const text of odd) {
      const calls = [
        ["message:send", { conversationId, content: "x", metadata: { k: text, [text]: 1 } }],
        ["message:send", { conversationId, content: "x", clientMessageId: text }],
        ["conversation:create", { kind: "group", participantIds: [scene.id("bob")], title: text }],
        ["presence:update", { status: "online", customStatus: text }],
        ["presence:user-status", { userId: text }],
        ["conversation:list", { cursor: text }],
        ["conversation:get", { conversationId: text }],
      ];
      for (const [event, payload] of calls) {
        const answer = await alice.call(event, payload);
        assert.ok(answer.ok || answer.error.code === "VALIDATION_FAILED", `${event}: ${JSON.stringify(answer)}`);
      }
    }
  });

  story("half an emoji is answered, and does not end the connection", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    // What a front end sends that cuts a text by UTF-16 units: JSON has it as "\ud83d".
    for (const content of ["👍".slice(0, 1), `a${"👍".slice(1)}b`]) {
      const answer = await alice.call("message:send", { conversationId, content });
      assert.ok(answer.ok || answer.error.code === "VALIDATION_FAILED", JSON.stringify(answer));
    }
    await send(alice, conversationId, "still here");
  });

  story("a packet of 100 KiB is answered, one byte more closes the connection", async (scene) => {
    await scene.connect("alice");
    const packet = (bytes) => {
      const [begin, end] = ['421["conversation:list",{"ignored":"', '"}]'];
      return begin + "x".repeat(bytes - begin.length - end.length) + end;
    };
    const address = `${scene.url(1).replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`;
    const talk = (bytes) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(address);
        const late = setTimeout(() => reject(new Error("neither answer nor close")), 10_000);
        const done = (result) => {
          clearTimeout(late);
          resolve(result);
          socket.terminate();
        };
        socket.on("open", () => socket.send(`40${JSON.stringify({ token: scene.token("alice") })}`));
        socket.on("message", (data) => {
          const text = data.toString();
          if (text.startsWith("40")) socket.send(packet(bytes));
          if (text.startsWith("431")) done(JSON.parse(text.slice(3))[0].ok);
        });
        socket.on("close", () => done("closed"));
        socket.on("error", () => done("closed"));
      });
    assert.equal(await talk(MAX_PACKET), true);
    assert.equal(await talk(MAX_PACKET + 1), "closed");
  });

  story("a packet over 100 KiB closes a polling connection, too", async (scene) => {
    const { alice } = await scene.aliceAndBob({ alice: { transports: ["polling"] } });
    await alice.ok("conversation:list", { ignored: "x".repeat(MAX_PACKET - 200) });
    alice.socket.emit("conversation:list", { ignored: "x".repeat(MAX_PACKET) });
    assert.match(await alice.ends(), /^transport (error|close)$/);
  });
});
