// Who is typing.
import assert from "node:assert/strict";
import { hears, pause, send, stories } from "../support/story.mjs";

const TTL_MS = 5_000;

/** Alice and bob, after a first word: both are surely in the room. */
async function inConversation(scene) {
  const parts = await scene.aliceAndBob();
  await send(parts.alice, parts.conversationId, "hello");
  await hears(parts.bob, "hello");
  return parts;
}

stories("typing", { concurrency: 32 }, (story) => {
  const states = (client) => client.collected("message:typing").map(({ isTyping }) => isTyping);

  story("typing goes on and off, once each, to the others only", async (scene) => {
    const { alice, bob, conversationId } = await inConversation(scene);
    const type = (isTyping) => alice.ok("message:typing", { conversationId, isTyping });
    assert.deepEqual(await type(true), {});
    const expected = { conversationId, userId: alice.user };
    assert.deepEqual(await bob.next("message:typing"), { ...expected, isTyping: true });
    await type(true);
    await type(true);
    await type(false);
    assert.deepEqual(await bob.next("message:typing"), { ...expected, isTyping: false });
    await type(false);
    await bob.quiet(500, "message:typing");
    assert.deepEqual(states(alice), []);
  });

  story("typing ends by itself, once", async (scene) => {
    const { alice, bob, conversationId } = await inConversation(scene);
    const began = Date.now();
    await alice.ok("message:typing", { conversationId, isTyping: true });
    await bob.next("message:typing", ({ isTyping }) => isTyping);
    await bob.next("message:typing", ({ isTyping }) => !isTyping);
    const took = Date.now() - began;
    assert.ok(took > TTL_MS - 300 && took < TTL_MS + 3_000, `${took} ms`);
    await bob.quiet(1_500, "message:typing");
    assert.deepEqual(states(bob), [true, false]);
  });

  story("who goes on typing is not announced again, and not as done", async (scene) => {
    const { alice, bob, conversationId } = await inConversation(scene);
    const type = () => alice.ok("message:typing", { conversationId, isTyping: true });
    await type();
    await bob.next("message:typing", ({ isTyping }) => isTyping);
    await pause(TTL_MS * 0.6);
    await type();
    await bob.quiet(TTL_MS * 0.7, "message:typing");
    await bob.next("message:typing", ({ isTyping }) => !isTyping);
    assert.deepEqual(states(bob), [true, false]);
  });

  story("who disconnects has stopped typing, once", async (scene) => {
    const { alice, bob, conversationId } = await inConversation(scene);
    await alice.ok("message:typing", { conversationId, isTyping: true });
    await bob.next("message:typing", ({ isTyping }) => isTyping);
    const left = Date.now();
    alice.close();
    await bob.next("message:typing", ({ isTyping }) => !isTyping);
    assert.ok(Date.now() - left < TTL_MS - 1_000, "that was not the expiry");
    await bob.quiet(TTL_MS + 500, "message:typing");
    assert.deepEqual(states(bob), [true, false]);
  });

  story("typing is a matter of one conversation", async (scene) => {
    const { alice, bob, conversationId } = await inConversation(scene);
    const carol = await scene.connect("carol");
    const group = await scene.group(alice, ["carol"]);
    await carol.next("conversation:created");
    await alice.ok("message:typing", { conversationId, isTyping: true });
    await bob.next("message:typing", ({ isTyping }) => isTyping);
    await send(alice, group.id, "barrier");
    await hears(carol, "barrier");
    await carol.quiet(300, "message:typing");
  });

  story("the sixth call within ten seconds is one too many", async (scene) => {
    const { alice, conversationId } = await inConversation(scene);
    const desk = await scene.connect("alice", { node: 1 });
    const calls = Array.from({ length: 6 }, (_, n) =>
      (n % 2 ? desk : alice).call("message:typing", { conversationId, isTyping: true }),
    );
    const answers = await Promise.all(calls);
    const refused = answers.filter(({ ok }) => !ok);
    assert.equal(refused.length, 1, JSON.stringify(answers));
    const { code, event, retryAfterMs } = refused[0].error;
    assert.deepEqual([code, event], ["RATE_LIMITED", "message:typing"]);
    assert.ok(retryAfterMs > 0 && retryAfterMs <= 2_000, `${retryAfterMs}`);
    await pause(retryAfterMs + 50);
    await alice.ok("message:typing", { conversationId, isTyping: true });
  });
});
