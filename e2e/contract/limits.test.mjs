// Rate limits: one bucket a user and event, over all devices and nodes.
import assert from "node:assert/strict";
import { pause, stories } from "../support/story.mjs";

/** Makes `count` calls at once, by turns at each of `devices`; returns the answers. */
function callAtOnce(devices, count, event, payload) {
  return Promise.all(
    Array.from({ length: count }, (_, n) => devices[n % devices.length].call(event, payload(n))),
  );
}

stories("limits", {}, (story) => {
  const devices = (scene, name) =>
    Promise.all([0, 1].map((node) => scene.connect(name, { node })));

  story("both nodes share one bucket of a hundred messages a minute", async (scene) => {
    const { conversationId } = await scene.aliceAndBob();
    const both = await devices(scene, "alice");
    const began = Date.now();
    const send = (n) => ({ conversationId, content: `${n}` });
    const answers = await callAtOnce(both, 101, "message:send", send);
    // While the calls are made, a token comes back every 600 ms.
    const back = Math.floor((Date.now() - began) / 600);
    const extra = back === 0 ? [] : await callAtOnce(both, back, "message:send", send);
    const all = [...answers, ...extra];
    const refused = all.filter(({ ok }) => !ok).map(({ error }) => error);
    assert.equal(new Set(all.filter(({ ok }) => ok).map(({ data }) => data.message.seq)).size, all.length - refused.length);
    const later = Math.floor((Date.now() - began) / 600);
    assert.ok(refused.length >= 1 + back - later && refused.length <= 1 + back, `${refused.length} refused of ${all.length}`);
    if (later === 0) assert.equal(refused.length, 1);
    for (const error of refused) {
      assert.deepEqual([error.code, error.event], ["RATE_LIMITED", "message:send"]);
      assert.ok(error.retryAfterMs > 0 && error.retryAfterMs <= 600, `${error.retryAfterMs}`);
    }
    const told = () => both.flatMap((device) => device.collected("rate-limit-exceeded"));
    await Promise.race(both.map((device) => device.until(() => told().length >= refused.length, () => "the refusals")));
    assert.deepEqual(
      told().map(({ code, event }) => [code, event]),
      refused.map(() => ["RATE_LIMITED", "message:send"]),
    );
    for (const device of both) assert.deepEqual(device.collected("error"), []);
  });

  story("both nodes share one bucket of sixty conversations an hour", async (scene) => {
    const both = await devices(scene, "alice");
    // A duplicate costs like any other call.
    const create = () => ({ kind: "group", participantIds: [scene.id("bob")], clientConversationId: "one" });
    const answers = await callAtOnce(both, 64, "conversation:create", create);
    const refused = answers.filter(({ ok }) => !ok).map(({ error }) => error);
    assert.equal(refused.length, 4);
    for (const { code, retryAfterMs } of refused) {
      assert.equal(code, "RATE_LIMITED");
      assert.ok(retryAfterMs > 30_000 && retryAfterMs <= 60_000, `${retryAfterMs}`);
    }
    assert.equal(answers.filter((answer) => answer.ok && answer.data.created).length, 1);
  });

  story("a refused call costs like any other, and other users and events have their own", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const typing = { conversationId, isTyping: 7 };
    for (let n = 0; n < 5; n += 1) await alice.refused("VALIDATION_FAILED", "message:typing", typing);
    const error = await alice.refused("RATE_LIMITED", "message:typing", { conversationId, isTyping: true });
    assert.deepEqual(await alice.next("rate-limit-exceeded"), error);
    await bob.ok("message:typing", { conversationId, isTyping: true });
    await alice.ok("message:send", { conversationId, content: "still" });
    await pause(error.retryAfterMs + 50);
    await alice.ok("message:typing", { conversationId, isTyping: true });
  });

  story("every other call has three hundred a minute", async (scene) => {
    const both = await devices(scene, "alice");
    const began = Date.now();
    const answers = await callAtOnce(both, 320, "presence:user-status", () => ({ userId: "bob" }));
    const back = Math.floor((Date.now() - began) / 200);
    const refused = answers.filter(({ ok }) => !ok);
    assert.ok(refused.length <= 20 && refused.length >= Math.min(20, 20 - back), `${refused.length} refused`);
    for (const { error } of refused) assert.equal(error.code, "RATE_LIMITED");
    await both[0].ok("conversation:list", {});
  });
});
