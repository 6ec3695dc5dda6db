// Who may come in, and who may see what.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { connect, Refused } from "../support/clients.mjs";
import { hears, pause, send, stories } from "../support/story.mjs";
import { badTokens, sign } from "../support/tokens.mjs";

/** Some address of this machine that no other client has: failed connects count by address. */
const someAddress = () => `127.${[0, 0, 0].map(() => 1 + Math.floor(Math.random() * 250)).join(".")}`;

/** Every call that names a conversation or a message. */
function callsAbout({ conversationId, messageId }) {
  const about = { conversationId };
  return [
    ["conversation:join", about],
    ["join:chat", about],
    ["conversation:get", about],
    ["room:info", about],
    ["conversation:sync", { ...about, afterRev: 0 }],
    ["message:send", { ...about, content: "hello" }],
    ["message:send", { ...about, content: "hello", replyTo: messageId }],
    ["message:history", about],
    ["message:typing", { ...about, isTyping: true }],
    ["message:delivered", { ...about, upToSeq: 1 }],
    ["message:delivered", { messageId }],
    ["message:read", { ...about, upToSeq: 1 }],
    ["message:read", { messageIds: [messageId] }],
    ["message:edit", { messageId, content: "mine now" }],
    ["message:delete", { messageId }],
  ];
}

stories("access", {}, (story) => {
  for (const client of ["c4", "c3", "c2"]) {
    story(`a bad token is refused, with its code (${client})`, async (scene) => {
      const tokens = badTokens(scene.cluster.secret, scene.id("mallory"), scene.org);
      for (const [title, token, code] of tokens) {
        if (client === "c2" && typeof token === "number") continue;
        const node = { url: scene.url(1), client, token, address: someAddress() };
        const error = await connect(node).then(
          (connection) => assert.fail(`${title}: connected as ${JSON.stringify(connection.session)}`),
          (refused) => refused,
        );
        assert.ok(error instanceof Refused, `${title}: ${error}`);
        assert.equal(error.message, code, title);
        assert.equal(error.data.code, code, title);
        assert.equal(typeof error.data.message, "string");
        const words = JSON.stringify(error.data);
        assert.ok(!words.includes(scene.cluster.secret) && !/jsonwebtoken|\.rs\b|panick/i.test(words), words);
      }
    });
  }

  story("after bad tokens a good one from the same address still gets in", async (scene) => {
    const address = someAddress();
    for (let n = 0; n < 8; n += 1) {
      await assert.rejects(connect({ url: scene.url(), token: `bad ${n}`, address }), (error) =>
        ["UNAUTHENTICATED", "RATE_LIMITED"].includes(error.message),
      );
    }
    assert.equal((await scene.connect("alice", { address })).session.userId, scene.id("alice"));
  });

  story("a token is found wherever a client may put it", async (scene) => {
    const token = scene.token("alice");
    const url = scene.url();
    const ways = [
      { token: `Bearer ${token}` },
      { options: { extraHeaders: { Authorization: `Bearer ${token}` } } },
      { options: { extraHeaders: { Authorization: `Bearer ${token}` } }, transports: ["websocket"] },
      { options: { extraHeaders: { authorization: `Bearer ${token}` } }, client: "c3" },
      { options: { extraHeaders: { Authorization: `Bearer ${token}` } }, client: "c2" },
      { token: `Bearer ${token}`, client: "c2" },
    ];
    for (const way of ways) {
      const client = scene.keep(await connect({ url, ...way }));
      assert.equal(client.session.userId, scene.id("alice"), JSON.stringify(way.client));
    }
    // The first place with a token wins, even if it is a bad one.
    const both = { token: "bad", options: { extraHeaders: { Authorization: `Bearer ${token}` } } };
    await assert.rejects(connect({ url, address: someAddress(), ...both }), { message: "UNAUTHENTICATED" });
    // A query is for clients that have no better place.
    const query = { options: { query: { token } }, address: someAddress() };
    await assert.rejects(connect({ url, ...query }), { message: "UNAUTHENTICATED" });
  });

  story("a token is for one issuer and audience, if these are configured", async (scene) => {
    const node = await scene.anotherNode("choosy", {
      SWITCHBOARD__AUTH__ISSUER: "https://issuer.example",
      SWITCHBOARD__AUTH__AUDIENCE: "chat,mail",
    });
    try {
      const good = { iss: "https://issuer.example", aud: "chat" };
      for (const claims of [good, { ...good, aud: ["other", "mail"] }]) {
        await scene.connect("alice", { url: node.url, claims });
      }
      const bad = [
        {},
        { iss: good.iss },
        { aud: good.aud },
        { ...good, iss: "https://issuer.example.evil" },
        { ...good, iss: ["https://issuer.example.evil"] },
        { ...good, aud: "chatter" },
        { ...good, aud: [] },
      ];
      for (const claims of bad) {
        const attempt = scene.connect("alice", { url: node.url, claims, address: someAddress() });
        await assert.rejects(attempt, { message: "UNAUTHENTICATED" }, JSON.stringify(claims));
      }
    } finally {
      await node.kill();
    }
  });

  story("only allowed origins get in, over either transport", async (scene) => {
    const node = await scene.anotherNode("origins", {
      SWITCHBOARD__HTTP__ALLOWED_ORIGINS: "https://chat.example,https://*.apps.example",
    });
    try {
      const knock = async (origin, transport) => {
        const attempt = scene.connect("alice", {
          url: node.url,
          transports: [transport],
          options: { extraHeaders: origin && { Origin: origin } },
        });
        return attempt.then((client) => client.close() ?? "in", () => "out");
      };
      for (const transport of ["polling", "websocket"]) {
        for (const origin of ["https://chat.example", "https://a.apps.example", undefined]) {
          assert.equal(await knock(origin, transport), "in", `${transport} ${origin}`);
        }
        const foreign = ["https://evil.example", "http://chat.example", "https://chat.example.evil", "https://apps.example.evil", "null"];
        for (const origin of foreign) assert.equal(await knock(origin, transport), "out", `${transport} ${origin}`);
      }
      const handshake = `${node.url}/socket.io/?EIO=4&transport=polling`;
      const { status } = await fetch(handshake, { headers: { origin: "https://evil.example" } });
      assert.equal(status, 403);
      const allowed = await fetch(handshake, { headers: { origin: "https://chat.example" } });
      assert.equal(allowed.headers.get("access-control-allow-origin"), "https://chat.example");
    } finally {
      await node.kill();
    }
  });

  story("ids may have every character that the contract allows", async (scene) => {
    const user = `AZaz09_.@:-${scene.id("x")}`.padEnd(128, "u");
    const org = `AZaz09_.@:-${scene.org}`.padEnd(128, "o");
    const token = sign(scene.cluster.secret, user, org);
    const client = scene.keep(await connect({ url: scene.url(), token }));
    assert.deepEqual([client.session.userId, client.session.organizationId], [user, org]);
  });

  story("when the token expires the socket is disconnected", async (scene) => {
    // Long enough for the connect and a call on a busy machine.
    const exp = Math.floor(Date.now() / 1000) + 8;
    const socket = await scene.connect("alice", { claims: { exp } });
    const expiring = await socket.next("auth:expiring");
    assert.ok(expiring === undefined || typeof expiring === "object");
    await socket.ok("conversation:list", {});
    assert.equal(await socket.ends(), "io server disconnect");
    const late = Date.now() / 1000 - exp;
    assert.ok(late > -1 && late < 3, `${late} s after the expiry`);
  });

  story("another organization sees nothing, even with the same user ids", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const { id: messageId } = await send(alice, conversationId, "secret");
    const other = `${scene.org}-other`;
    const twins = await Promise.all(
      ["alice", "bob"].map((name, node) => scene.connect(name, { org: other, node })),
    );
    for (const twin of twins) {
      assert.deepEqual(twin.session.rooms, []);
      for (const [event, payload] of callsAbout({ conversationId, messageId })) {
        const error = await twin.refused("NOT_FOUND", event, payload);
        // Exactly what is said about something that does not exist.
        const unknown = callsAbout({ conversationId: randomUUID7(), messageId: randomUUID7() });
        const [, nowhere] = unknown.find(([name, like]) => name === event && same(like, payload));
        assert.deepEqual(await twin.refused("NOT_FOUND", event, nowhere), error);
      }
      assert.deepEqual((await twin.ok("conversation:list", {})).conversations, []);
    }
    const twinsOwn = await scene.direct(twins[0], "bob");
    assert.notEqual(twinsOwn.id, conversationId);
    await twins[1].next("conversation:created");
    const inside = await send(twins[0], twinsOwn.id, "of the other organization");
    assert.deepEqual([inside.seq, inside.rev], [1, 2]);
    await hears(twins[1], "of the other organization");
    await send(bob, conversationId, "still secret");
    await hears(alice, "still secret");
    for (const client of [alice, bob]) assert.equal(client.collected("message:new").length, 1);
    const { messages } = await alice.ok("message:history", { conversationId });
    assert.deepEqual(messages.map(({ content }) => content), ["secret", "still secret"]);
  });

  story("who is not a member may do nothing", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const { id: messageId } = await send(alice, conversationId, "between us");
    const calls = callsAbout({ conversationId, messageId });
    for (let from = 0; from < calls.length; from += 5) {
      // Ten refusals in a minute would end the socket of one and the same stranger.
      const stranger = await scene.connect(`stranger-${from}`, { node: from % 2 });
      for (const [event, payload] of calls.slice(from, from + 5)) {
        const error = await stranger.refused("FORBIDDEN", event, payload);
        assert.deepEqual(await stranger.next("error"), error);
      }
      assert.deepEqual(stranger.collected("message:new", "message:typing"), []);
    }
    await hears(bob, "between us");
    await bob.quiet(200, "message:new", "message:edited", "message:deleted", "message:typing");
    const { messages } = await alice.ok("message:history", { conversationId });
    assert.deepEqual(messages.map(({ content }) => content), ["between us"]);
  });

  story("the tenth refusal in a minute ends the socket", async (scene) => {
    const { conversationId } = await scene.aliceAndBob();
    const stranger = await scene.connect("stranger", { node: 1 });
    for (let n = 1; n <= 9; n += 1) await stranger.refused("FORBIDDEN", "conversation:get", { conversationId });
    await stranger.ok("conversation:list", {});
    await pause(200);
    assert.equal(stranger.disconnected, undefined);
    stranger.socket.emit("conversation:get", { conversationId });
    assert.equal(await stranger.ends(), "io server disconnect");
  });
});

/** Whether two payloads differ in ids at most. */
function same(one, other) {
  const shape = (payload) => JSON.stringify(payload).replace(/[0-9a-f-]{36}/g, "id");
  return shape(one) === shape(other);
}

/** A version 7 UUID that names nothing. */
function randomUUID7() {
  const time = Date.now().toString(16).padStart(12, "0");
  const [, , , ...rest] = randomUUID().split("-");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest[0].slice(1)}-${rest.join("-")}`;
}
