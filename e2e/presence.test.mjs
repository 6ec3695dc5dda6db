// Idle devices, many users at once, who is there, subscriptions, history and numbers.
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { MODE } from "./support/cluster.mjs";
import { pause, stories } from "./support/story.mjs";

const GRACE_MS = 500;
const IDLE_MS = 4_000;
const env = {
  SWITCHBOARD__PRESENCE__OFFLINE_GRACE: `${GRACE_MS}ms`,
  SWITCHBOARD__PRESENCE__IDLE_AFTER: `${IDLE_MS}ms`,
};

/** Waits until `watcher` is told that a user is `status`. */
async function isTold(watcher, user, status) {
  const matches = (one) => one.userId === user && one.status === status;
  await watcher.next("presence:changed", (data) => data.changes.some(matches));
}

/** Asks until the answer is as it should be. */
async function eventually(ask, isGood) {
  const end = Date.now() + 15_000;
  for (;;) {
    const answer = await ask();
    if (isGood(answer)) return answer;
    assert.ok(Date.now() < end, JSON.stringify(answer));
    await pause(100);
  }
}

/** Keeps a device from falling idle while the test goes on. */
function busyHands(scene, ...clients) {
  const timer = setInterval(() => {
    for (const client of clients) client.socket.emit("presence:activity", { activityType: "active" });
  }, IDLE_MS / 4);
  const end = scene.end.bind(scene);
  scene.end = () => {
    clearInterval(timer);
    end();
  };
}

stories("presence in full", { concurrency: 32, env }, (story) => {
  story("a device without calls is away, and back with any call", async (scene) => {
    const alice = await scene.connect("alice");
    busyHands(scene, alice);
    await alice.ok("presence:subscribe", { userIds: [scene.id("bob")] });
    const began = Date.now();
    const bob = await scene.connect("bob", { node: 1 });
    await isTold(alice, bob.user, "online");
    await isTold(alice, bob.user, "away");
    const took = Date.now() - began;
    assert.ok(took >= IDLE_MS && took < IDLE_MS + 4_000, `${took} ms`);
    await isTold(bob, bob.user, "away");
    await bob.ok("conversation:list", {});
    await isTold(alice, bob.user, "online");
    await isTold(bob, bob.user, "online");
    const laptop = await scene.connect("bob", { node: 0 });
    busyHands(scene, laptop);
    await alice.quiet(IDLE_MS + 1_000, "presence:changed");
  });

  story("a device says itself whether somebody is there", async (scene) => {
    const alice = await scene.connect("alice");
    await alice.ok("presence:subscribe", { userIds: [scene.id("bob")] });
    const bob = await scene.connect("bob", { node: 1 });
    await isTold(alice, bob.user, "online");
    assert.deepEqual(await bob.ok("presence:activity", { activityType: "idle" }), {});
    await isTold(alice, bob.user, "away");
    for (const activityType of ["typing", "reading", "active"]) {
      await bob.ok("presence:activity", { activityType: "idle" });
      await bob.ok("presence:activity", { activityType });
      const { presence } = await alice.ok("presence:user-status", { userId: bob.user });
      assert.equal(presence.status, "online", activityType);
    }
    for (const call of [{}, { activityType: "asleep" }, { activityType: "typing", conversationId: "x" }]) {
      await bob.refused("VALIDATION_FAILED", "presence:activity", call);
    }
  });

  story("what a user chose wins over idleness", async (scene) => {
    const alice = await scene.connect("alice");
    const bob = await scene.connect("bob", { node: 1 });
    await bob.ok("presence:update", { status: "online" });
    await bob.ok("presence:activity", { activityType: "idle" });
    const status = async () => (await alice.ok("presence:user-status", { userId: bob.user })).presence.status;
    assert.equal(await status(), "online");
    await bob.ok("presence:update", { status: "busy" });
    await bob.ok("presence:activity", { activityType: "idle" });
    assert.equal(await status(), "busy");
  });

  story("500 users are asked for at once, each answered once and in order", async (scene) => {
    const [alice, bob] = await Promise.all([scene.connect("alice"), scene.connect("bob", { node: 1 })]);
    const nobody = Array.from({ length: 497 }, (_, n) => scene.id(`nobody${n}`));
    const userIds = [nobody[0], bob.user, ...nobody, alice.user];
    assert.equal(userIds.length, 500);
    const { presences } = await alice.ok("presence:bulk", { userIds });
    assert.deepEqual(presences.map(({ userId }) => userId), [...new Set(userIds)]);
    const there = presences.filter(({ status }) => status !== "offline");
    assert.deepEqual(there.map(({ userId }) => userId), [bob.user, alice.user]);
    await alice.refused("VALIDATION_FAILED", "presence:bulk", { userIds: [...userIds, "one-more"] });
    await alice.refused("VALIDATION_FAILED", "presence:bulk", { userIds: [] });
    await alice.refused("VALIDATION_FAILED", "presence:bulk", { userIds: ["no user id"] });
    const foreigner = await scene.connect("alice", { org: `${scene.org}-other` });
    const seen = (await foreigner.ok("presence:bulk", { userIds: [bob.user] })).presences;
    assert.deepEqual(seen, [{ userId: bob.user, status: "offline", customStatus: null, lastSeenAt: null }]);
  });

  story("who is there comes in pages, without those who appear offline", async (scene) => {
    const names = ["anna", "bert", "carl", "dora", "emil"];
    const clients = await Promise.all(names.map((name, n) => scene.connect(name, { node: n % 2 })));
    const [anna, bert, , , emil] = clients;
    busyHands(scene, ...clients);
    const foreigner = await scene.connect("zoe", { org: `${scene.org}-other` });
    await bert.ok("presence:update", { status: "offline" });
    await emil.ok("presence:update", { status: "busy", customStatus: "in a call" });
    const ask = (call) => anna.ok("presence:online-users", call);
    await eventually(() => ask({}), ({ total }) => total === 4);
    const pages = [];
    for (let cursor; cursor !== null; cursor = pages.at(-1).nextCursor) {
      pages.push(await ask({ limit: 2, ...(cursor && { cursor }) }));
      assert.equal(pages.at(-1).total, 4);
    }
    assert.deepEqual(pages.map(({ users }) => users.length), [2, 2]);
    const users = pages.flatMap(({ users }) => users);
    const expected = ["anna", "carl", "dora", "emil"].map((name) => scene.id(name));
    assert.deepEqual(users.map(({ userId }) => userId), expected);
    assert.deepEqual([users[3].status, users[3].customStatus], ["busy", "in a call"]);
    assert.deepEqual((await foreigner.ok("presence:online-users", {})).users.map(({ userId }) => userId), [foreigner.user]);
    await anna.refused("VALIDATION_FAILED", "presence:online-users", { cursor: "§" });
    await anna.refused("VALIDATION_FAILED", "presence:online-users", { limit: 101 });
    clients[2].close();
    const left = await eventually(() => ask({}), ({ total }) => total === 3);
    assert.ok(!left.users.some(({ userId }) => userId === scene.id("carl")));
  });

  story("who of a conversation is there is for its members", async (scene) => {
    const [alice, , carol, foreigner] = await Promise.all([
      scene.connect("alice"),
      scene.connect("bob", { node: 1 }),
      scene.connect("carol"),
      scene.connect("alice", { org: `${scene.org}-other` }),
    ]);
    const { id: conversationId } = await scene.group(alice, ["bob", "dave"]);
    const ask = (call) => alice.ok("presence:online-users", { conversationId, ...call });
    const all = await eventually(() => ask({}), ({ total }) => total === 2);
    assert.deepEqual(all.users.map(({ userId }) => userId), [scene.id("alice"), scene.id("bob")]);
    assert.equal(all.nextCursor, null);
    const first = await ask({ limit: 1 });
    const second = await ask({ limit: 1, cursor: first.nextCursor });
    assert.deepEqual([first, second].map(({ users }) => users[0].userId), [scene.id("alice"), scene.id("bob")]);
    assert.equal(second.nextCursor, null);
    await carol.refused("FORBIDDEN", "presence:online-users", { conversationId });
    await foreigner.refused("NOT_FOUND", "presence:online-users", { conversationId });
  });

  story("who subscribed hears of strangers, once, and of nobody elsewhere", async (scene) => {
    const [alice, foreigner] = await Promise.all([
      scene.connect("alice"),
      scene.connect("alice", { org: `${scene.org}-other` }),
    ]);
    busyHands(scene, alice, foreigner);
    const userIds = [scene.id("bob"), scene.id("carol"), scene.id("bob")];
    const { presences } = await alice.ok("presence:subscribe", { userIds });
    assert.deepEqual(presences.map(({ userId, status }) => [userId, status]), [
      [scene.id("bob"), "offline"],
      [scene.id("carol"), "offline"],
    ]);
    await foreigner.ok("presence:subscribe", { userIds });
    const bob = await scene.connect("bob", { node: 1 });
    busyHands(scene, bob);
    await isTold(alice, bob.user, "online");
    // One more reason to hear of him.
    await scene.direct(alice, "bob");
    await bob.ok("presence:update", { status: "busy" });
    await isTold(alice, bob.user, "busy");
    await alice.quiet(700, "presence:changed");
    const { presences: last } = await alice.ok("presence:unsubscribe", { userIds: [scene.id("carol")] });
    assert.deepEqual(last.map(({ userId }) => userId), [scene.id("carol")]);
    await scene.connect("carol", { node: 1 });
    await alice.quiet(1_000, "presence:changed");
    await foreigner.quiet(0, "presence:changed");
    await alice.refused("VALIDATION_FAILED", "presence:subscribe", { userIds: Array(501).fill("x") });
    await alice.refused("VALIDATION_FAILED", "presence:unsubscribe", {});
  });

  story("when a user was there is for the user and for operators", async (scene) => {
    const [alice, operator, foreigner] = await Promise.all([
      scene.connect("alice"),
      scene.connect("olga", { node: 1, claims: { roles: ["operator"] } }),
      scene.connect("olga", { org: `${scene.org}-other`, claims: { roles: ["operator"] } }),
    ]);
    const from = new Date(Date.now() - 60_000).toISOString();
    const ask = (client, userId) => {
      const call = { userId, from, to: new Date(Date.now() + 60_000).toISOString() };
      return client.ok("presence:history", call);
    };
    let bob = await scene.connect("bob");
    await bob.ok("presence:update", { status: "busy" });
    const busy = await eventually(() => ask(bob, bob.user), ({ sessions }) => sessions.at(-1)?.status === "busy");
    assert.equal(busy.sessions.at(-1).to, null);
    await bob.ok("presence:update", { status: "auto" });
    bob.close();
    await pause(GRACE_MS + 300);
    bob = await scene.connect("bob", { node: 1 });
    const isWhole = ({ sessions }) => sessions.length === 4;
    const { sessions, totals } = await eventually(() => ask(operator, bob.user), isWhole);
    assert.deepEqual(sessions.map(({ status }) => status), ["online", "busy", "online", "online"]);
    for (const [index, { to }] of sessions.slice(0, 3).entries()) assert.ok(to <= sessions[index + 1].from);
    assert.ok(sessions[2].to < sessions[3].from, "he was away in between");
    assert.equal(sessions[3].to, null);
    assert.ok(totals.onlineMs > 0 && totals.busyMs > 0 && totals.awayMs === 0, JSON.stringify(totals));
    await alice.refused("FORBIDDEN", "presence:history", { userId: bob.user, from, to: from });
    assert.deepEqual((await ask(foreigner, bob.user)).sessions, [], "another bob");
    const day = (n) => new Date(Date.UTC(2026, 0, n)).toISOString();
    const whole = { userId: alice.user, from: day(1), to: day(32) };
    await alice.ok("presence:history", whole);
    const longer = { ...whole, to: day(32).replace(".000Z", ".001Z") };
    const { details } = await alice.refused("VALIDATION_FAILED", "presence:history", longer);
    assert.deepEqual(details.map(({ path }) => path), ["to"]);
    await alice.refused("VALIDATION_FAILED", "presence:history", { ...whole, to: day(0) });
    await alice.refused("VALIDATION_FAILED", "presence:history", { userId: alice.user });
  });

  story("how many are there is counted over all nodes", async (scene) => {
    const claims = { deviceId: "phone" };
    const [alice, , carol] = await Promise.all([
      scene.connect("alice", { claims }),
      scene.connect("alice", { claims }),
      scene.connect("carol", { node: 1 }),
      scene.connect("dave", { node: 1 }),
      scene.connect("erin", { node: 1 }),
      scene.connect("frank", { org: `${scene.org}-other` }),
    ]);
    busyHands(scene, alice);
    await carol.ok("presence:update", { status: "busy" });
    const erin = await scene.connect("erin");
    await erin.ok("presence:update", { status: "offline" });
    const dave = await scene.connect("dave");
    await dave.ok("presence:update", { status: "away" });
    const expected = { online: 1, away: 1, busy: 1, connections: 5, devices: 4 };
    await eventually(
      () => alice.ok("presence:stats", {}),
      (answer) => isDeepStrictEqual(answer, expected),
    );
  });

  if (MODE !== "cluster") return;
  story("the users of a node that dies without a word are soon there no more", async (scene) => {
    const third = await scene.anotherNode(`doomed-${scene.org}`);
    const doomed = await scene.connect("bob", { url: third.url });
    const alice = await scene.connect("alice");
    busyHands(scene, alice, doomed);
    const ask = () => alice.ok("presence:online-users", {});
    await eventually(ask, ({ total }) => total === 2);
    // The last second of a node that is killed may be lost: this is about what was written.
    const operator = await scene.connect("olga", { claims: { roles: ["operator"] } });
    busyHands(scene, operator);
    const history = () => {
      const [from, to] = [-600_000, 60_000].map((ms) => new Date(Date.now() + ms).toISOString());
      return operator.ok("presence:history", { userId: scene.id("bob"), from, to });
    };
    await eventually(history, ({ sessions }) => sessions.length === 1);
    await third.kill();
    const died = Date.now();
    const end = died + 30_000;
    while ((await ask()).total !== 2) {
      assert.ok(Date.now() < end, "30 s are over");
      await pause(250);
    }
    const { online, connections, devices } = await alice.ok("presence:stats", {});
    assert.deepEqual([online, connections, devices], [2, 2, 2]);
    const { sessions } = await eventually(history, (answer) => answer.sessions[0]?.to);
    assert.ok(Date.parse(sessions[0].to) < died + 30_000, sessions[0].to);
  });
});
