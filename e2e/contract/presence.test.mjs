// Who is there: one `online` and one `offline` a user, whatever their devices do.
import assert from "node:assert/strict";
import { stories } from "../support/story.mjs";

const GRACE_MS = 5_000;

/** What `watcher` was told of a user's status, in order. */
function told(watcher, user) {
  const changes = watcher.collected("presence:changed").flatMap((data) => data.changes);
  return changes.filter(({ userId }) => userId === user).map(({ status }) => status);
}

/** Waits until `watcher` is told that a user is `status`; returns the change. */
async function isTold(watcher, user, status) {
  const matches = (one) => one.userId === user && one.status === status;
  const { changes } = await watcher.next("presence:changed", (data) => data.changes.some(matches));
  return changes.find(matches);
}

/** Alice, who shares a conversation with bob, who is not there yet. */
async function aliceAwaitsBob(scene) {
  const alice = await scene.connect("alice");
  await scene.direct(alice, "bob");
  return { alice, bob: scene.id("bob") };
}

stories("presence", { concurrency: 32 }, (story) => {
  story("two devices on two nodes are one online and, after the grace, one offline", async (scene) => {
    const { alice, bob } = await aliceAwaitsBob(scene);
    const phone = await scene.connect("bob", { node: 1 });
    const change = await isTold(alice, bob, "online");
    assert.deepEqual(Object.keys(change).sort(), ["customStatus", "lastSeenAt", "status", "userId"]);
    const laptop = await scene.connect("bob", { node: 0 });
    phone.close();
    await alice.quiet(GRACE_MS + 1_000, "presence:changed");
    assert.equal((await alice.ok("presence:user-status", { userId: bob })).presence.status, "online");
    const left = Date.now();
    laptop.close();
    const gone = await isTold(alice, bob, "offline");
    const took = Date.now() - left;
    assert.ok(took > GRACE_MS - 300 && took < GRACE_MS + 3_000, `${took} ms`);
    assert.ok(Math.abs(Date.parse(gone.lastSeenAt) - Date.now()) < 60_000, gone.lastSeenAt);
    await alice.quiet(1_000, "presence:changed");
    assert.deepEqual(told(alice, bob), ["online", "offline"]);
  });

  story("a reload flaps nothing, on whichever node it ends", async (scene) => {
    const { alice, bob } = await aliceAwaitsBob(scene);
    let page = await scene.connect("bob", { node: 1 });
    await isTold(alice, bob, "online");
    for (const node of [1, 0, 1]) {
      page.close();
      page = await scene.connect("bob", { node });
    }
    await alice.quiet(GRACE_MS + 1_500, "presence:changed");
    assert.deepEqual(told(alice, bob), ["online"]);
    page.close();
    await isTold(alice, bob, "offline");
    assert.deepEqual(told(alice, bob), ["online", "offline"]);
  });

  story("what a user chooses is for all devices, until changed", async (scene) => {
    const { alice, bob } = await aliceAwaitsBob(scene);
    const phone = await scene.connect("bob", { node: 1 });
    await isTold(alice, bob, "online");
    const status = async () => (await alice.ok("presence:user-status", { userId: bob })).presence;
    const choose = (payload) => phone.ok("presence:update", payload);
    const busy = (await choose({ status: "busy", customStatus: "in a call" })).presence;
    assert.deepEqual([busy.userId, busy.status, busy.customStatus], [bob, "busy", "in a call"]);
    assert.equal((await isTold(alice, bob, "busy")).customStatus, "in a call");
    assert.equal((await status()).customStatus, "in a call");
    const laptop = await scene.connect("bob", { node: 0 });
    assert.equal((await status()).status, "busy", "another device changes nothing");
    await laptop.ok("presence:update-status", { status: "auto" });
    await isTold(alice, bob, "online");
    await choose({ status: "away" });
    await isTold(alice, bob, "away");
    await choose({ status: "auto" });
    await isTold(alice, bob, "online");
    assert.deepEqual(told(alice, bob), ["online", "busy", "online", "away", "online"]);
  });

  story("who appears offline is offline to everybody, and comes back", async (scene) => {
    const { alice, bob } = await aliceAwaitsBob(scene);
    const phone = await scene.connect("bob", { node: 1 });
    await isTold(alice, bob, "online");
    await phone.ok("presence:update", { status: "offline" });
    await isTold(alice, bob, "offline");
    const laptop = await scene.connect("bob", { node: 0 });
    await laptop.ok("conversation:list", {});
    await alice.quiet(1_000, "presence:changed");
    assert.equal((await alice.ok("presence:user-status", { userId: bob })).presence.status, "offline");
    await laptop.ok("presence:update", { status: "auto" });
    await isTold(alice, bob, "online");
    assert.deepEqual(told(alice, bob), ["online", "offline", "online"]);
  });

  story("a custom status has at most 140 characters", async (scene) => {
    const bob = await scene.connect("bob");
    const longest = "ö".repeat(139) + "👍";
    const { presence } = await bob.ok("presence:update", { status: "online", customStatus: longest });
    assert.equal(presence.customStatus, longest);
    const call = { status: "online", customStatus: `${longest}!` };
    const error = await bob.refused("VALIDATION_FAILED", "presence:update", call);
    assert.deepEqual(error.details.map(({ path }) => path), ["customStatus"]);
    const { details } = await bob.refused("VALIDATION_FAILED", "presence:update", { status: "asleep" });
    assert.deepEqual(details.map(({ path }) => path), ["status"]);
    await bob.refused("VALIDATION_FAILED", "presence:update", {});
    const unchanged = (await bob.ok("presence:user-status", { userId: bob.user })).presence;
    assert.equal(unchanged.customStatus, longest);
  });

  story("somebody who was never seen is offline", async (scene) => {
    const alice = await scene.connect("alice");
    const userId = scene.id("nobody");
    const { presence } = await alice.ok("presence:user-status", { userId });
    assert.deepEqual(presence, { userId, status: "offline", customStatus: null, lastSeenAt: null });
    await alice.refused("VALIDATION_FAILED", "presence:user-status", { userId: "no user id" });
    await alice.refused("VALIDATION_FAILED", "presence:user-status", {});
  });

  story("strangers are told nothing of each other", async (scene) => {
    const { alice, bob } = await aliceAwaitsBob(scene);
    const [carol, foreigner] = await Promise.all([
      scene.connect("carol"),
      scene.connect("alice", { org: `${scene.org}-other` }),
    ]);
    await scene.connect("bob", { node: 1 });
    await isTold(alice, bob, "online");
    await Promise.all([carol, foreigner].map((one) => one.quiet(500, "presence:changed")));
    const seen = await foreigner.ok("presence:user-status", { userId: bob });
    assert.equal(seen.presence.status, "offline", "bob of the other organization is somebody else");
  });
});
