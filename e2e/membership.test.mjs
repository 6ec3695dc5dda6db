// Who is in a conversation, and what follows from that: on every node, at once, in order.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { startForwarder } from "./support/forwarder.mjs";
import { MODE } from "./support/cluster.mjs";
import { hears, pause, send, stories } from "./support/story.mjs";

const OTHER = MODE === "cluster" ? 1 : 0;
const WITHIN_MS = 2_000;
const SEQUENCED = [
  "message:new",
  "conversation:created",
  "conversation:updated",
  "conversation:archived",
  "conversation:reopened",
  "conversation:member-added",
  "conversation:member-removed",
  "conversation:member-role",
];

/** The `rev`s of everything that was told of a conversation, as it came. */
function revs(client, conversationId) {
  const told = client.collected(...SEQUENCED).map((data) => data.message ?? data.conversation ?? data);
  return told.filter((one) => (one.conversationId ?? one.id) === conversationId).map(({ rev }) => rev);
}

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
const roles = (members) => Object.fromEntries(members.map(({ userId, role }) => [userId, role]));

/** Alice at one node, bob and carol at the other, in a group of alice's. */
async function three(scene) {
  const [alice, bob, carol] = await Promise.all([
    scene.connect("alice"),
    scene.connect("bob", { node: OTHER }),
    scene.connect("carol", { node: OTHER }),
  ]);
  const { id: conversationId } = await scene.group(alice, ["bob", "carol"]);
  for (const client of [bob, carol]) await client.next("conversation:created");
  return { alice, bob, carol, conversationId };
}

/** Every call of this page's that names a conversation. */
const callsAbout = (conversationId, userId) => [
  ["conversation:update", { conversationId, title: "theirs" }],
  ["conversation:add-members", { conversationId, userIds: [userId] }],
  ["conversation:remove-member", { conversationId, userId }],
  ["conversation:set-role", { conversationId, userId, role: "admin" }],
  ["conversation:exit", { conversationId }],
  ["conversation:archive", { conversationId }],
  ["conversation:reopen", { conversationId }],
  ["room:online", { conversationId }],
];

stories("membership", {}, (story) => {
  story("a title changes for everybody, by an owner or admin", async (scene) => {
    const { alice, bob, carol, conversationId } = await three(scene);
    await alice.ok("conversation:set-role", { conversationId, userId: bob.user, role: "admin" });
    const call = { conversationId, title: "Lünch 🥒", metadata: { at: 12 } };
    const { conversation } = await bob.ok("conversation:update", call);
    assert.deepEqual([conversation.title, conversation.metadata, conversation.rev], ["Lünch 🥒", { at: 12 }, 3]);
    assert.deepEqual([conversation.myRole, conversation.unreadCount], ["admin", 0]);
    const { myRole, unreadCount, ...told } = conversation;
    for (const client of [alice, carol]) {
      assert.deepEqual((await client.next("conversation:updated")).conversation, told);
    }
    await carol.refused("FORBIDDEN", "conversation:update", call);
    // The same once more is no change.
    assert.equal((await bob.ok("conversation:update", call)).conversation.rev, 3);
    const cleared = await alice.ok("conversation:update", { conversationId, title: null });
    assert.deepEqual([cleared.conversation.title, cleared.conversation.metadata], [null, { at: 12 }]);
    await alice.refused("VALIDATION_FAILED", "conversation:update", { conversationId });
    const title = (length) => ({ conversationId, title: "ü".repeat(length) });
    await alice.ok("conversation:update", title(200));
    await alice.refused("VALIDATION_FAILED", "conversation:update", title(201));
    for (const client of [bob, carol]) {
      await client.next("conversation:updated", ({ conversation: { rev } }) => rev === 5);
    }
    assert.deepEqual(revs(bob, conversationId), [1, 2, 4, 5]);
    assert.deepEqual(revs(carol, conversationId), [1, 2, 3, 4, 5]);
  });

  story("who is added follows at once, on every device and node, from that rev on", async (scene) => {
    const { alice, bob, conversationId } = await three(scene);
    const dans = await Promise.all([scene.connect("dan"), scene.connect("dan", { node: OTHER })]);
    const eve = await scene.connect("eve", { node: OTHER });
    await send(alice, conversationId, "before");
    const call = { conversationId, userIds: [scene.id("dan"), scene.id("eve"), bob.user], role: "readonly" };
    const { members, rev } = await alice.ok("conversation:add-members", call);
    assert.equal(rev, 4);
    assert.deepEqual(roles(members), { [scene.id("dan")]: "readonly", [eve.user]: "readonly", [bob.user]: "member" });
    for (let n = 0; n < 10; n += 1) await send(alice, conversationId, `after ${n}`);
    for (const client of [...dans, eve]) {
      await hears(client, "after 9");
      const first = client === eve ? 4 : 3;
      assert.deepEqual(revs(client, conversationId), range(first, 14), client.user);
      const added = await client.next("conversation:member-added");
      assert.deepEqual([added.member.userId, added.rev], [client.user, first]);
    }
    await hears(bob, "after 9");
    assert.deepEqual(revs(bob, conversationId), range(1, 14));
    await dans[0].refused("FORBIDDEN", "message:send", { conversationId, content: "may only read" });
    // What was said before she came is not unread.
    const { conversation } = await eve.ok("conversation:get", { conversationId });
    assert.deepEqual([conversation.memberCount, conversation.myRole, conversation.unreadCount], [5, "readonly", 10]);
    await bob.refused("FORBIDDEN", "conversation:add-members", { conversationId, userId: "zoe" });
    const many = (count) => Array.from({ length: count }, (_, n) => `u${n}`);
    await alice.refused("VALIDATION_FAILED", "conversation:add-members", { conversationId, userIds: many(501) });
    const all = await alice.ok("conversation:add-members", { conversationId, userIds: many(500) });
    assert.deepEqual([all.rev, all.members.length], [514, 500]);
    await bob.next("conversation:member-added", (added) => added.rev === 514);
    assert.deepEqual(revs(bob, conversationId), range(1, 514));
  });

  story("who is removed gets nothing after that, on any node, and can do nothing", async (scene) => {
    const { alice, bob, carol, conversationId } = await three(scene);
    const tablet = await scene.connect("bob");
    await send(alice, conversationId, "before");
    const removed = Date.now();
    const { members, rev } = await alice.ok("conversation:remove-member", { conversationId, userId: bob.user });
    assert.equal(rev, 3);
    assert.equal(typeof members[0].leftAt, "string");
    for (const client of [bob, tablet]) {
      const event = await client.next("conversation:member-removed");
      assert.deepEqual([event.member.userId, event.conversationId, event.rev], [bob.user, conversationId, 3]);
      assert.ok(Date.now() - removed < WITHIN_MS);
    }
    for (let n = 0; n < 5; n += 1) await send(alice, conversationId, `after ${n}`);
    await alice.ok("message:typing", { conversationId, isTyping: true });
    await hears(carol, "after 4");
    await carol.next("message:typing");
    await pause(300);
    assert.deepEqual(revs(carol, conversationId), range(1, 8));
    assert.deepEqual(revs(bob, conversationId), [1, 2, 3]);
    assert.deepEqual(revs(tablet, conversationId), [2, 3]);
    for (const client of [bob, tablet]) assert.deepEqual(client.collected("message:typing"), []);
    const calls = [
      ["message:send", { conversationId, content: "may I?" }],
      ["conversation:get", { conversationId }],
      ["conversation:sync", { conversationId, afterRev: 0 }],
      ["conversation:join", { conversationId }],
      ["room:online", { conversationId }],
    ];
    for (const [event, payload] of calls) await bob.refused("FORBIDDEN", event, payload);
    assert.deepEqual((await bob.ok("conversation:list", {})).conversations, []);
    const again = await scene.connect("bob", { node: OTHER });
    assert.deepEqual(again.session.rooms, []);
    // Once more is no change, and somebody who never was there is not found.
    const same = await alice.ok("conversation:remove-member", { conversationId, userId: bob.user });
    assert.equal(same.rev, 8);
    await alice.refused("NOT_FOUND", "conversation:remove-member", { conversationId, userId: "nobody" });
    // Added again, all devices follow from there.
    await alice.ok("conversation:add-members", { conversationId, userId: bob.user });
    await send(alice, conversationId, "welcome back");
    for (const client of [bob, tablet, again]) {
      await hears(client, "welcome back");
      assert.deepEqual(revs(client, conversationId).slice(-2), [9, 10]);
    }
    const { members: synced } = await alice.ok("conversation:sync", { conversationId, afterRev: 8 });
    assert.deepEqual(synced.map(({ userId, leftAt }) => [userId, leftAt]), [[bob.user, undefined]]);
  });

  story("in a storm of removals, additions and messages everybody hears each rev that is theirs once", async (scene) => {
    const { alice, bob, carol, conversationId } = await three(scene);
    const talking = async () => {
      for (let n = 0; n < 40; n += 1) await send(carol, conversationId, `${n}`);
    };
    const moving = async () => {
      for (let n = 0; n < 12; n += 1) {
        await alice.ok("conversation:remove-member", { conversationId, userId: bob.user });
        await alice.ok("conversation:add-members", { conversationId, userId: bob.user });
      }
    };
    await Promise.all([talking(), moving()]);
    await send(alice, conversationId, "the end");
    for (const client of [bob, carol]) await hears(client, "the end");
    const own = new Set(revs(carol, conversationId));
    assert.equal(own.size, revs(carol, conversationId).length);
    const of = revs(bob, conversationId);
    assert.deepEqual(of, [...new Set(of)].sort((a, b) => a - b));
    // Between his removal and his return there is nothing, and nothing is left out between his return
    // and the next removal.
    const turns = (name) => bob.collected(`conversation:${name}`).map(({ rev }) => rev);
    const [gone, back] = [turns("member-removed"), turns("member-added")];
    assert.deepEqual([gone.length, back.length], [12, 12]);
    const stays = [[1, gone[0]], ...back.map((rev, n) => [rev, gone[n + 1] ?? of.at(-1)])];
    assert.deepEqual(of, stays.flatMap(([from, to]) => range(from, to)));
  });

  story("there is one owner, who gives the place away", async (scene) => {
    const { alice, bob, carol, conversationId } = await three(scene);
    const role = (client, userId, name) => ["conversation:set-role", { conversationId, userId, role: name }];
    await bob.refused("FORBIDDEN", ...role(bob, carol.user, "admin"));
    await alice.ok(...role(alice, bob.user, "admin"));
    assert.deepEqual((await bob.next("conversation:member-role")).member.role, "admin");
    await bob.refused("FORBIDDEN", ...role(bob, alice.user, "member"));
    await bob.refused("FORBIDDEN", ...role(bob, bob.user, "owner"));
    await bob.refused("FORBIDDEN", "conversation:remove-member", { conversationId, userId: alice.user });
    await alice.refused("FORBIDDEN", ...role(alice, alice.user, "member"));
    await alice.refused("NOT_FOUND", ...role(alice, "nobody", "member"));
    await alice.refused("VALIDATION_FAILED", ...role(alice, bob.user, "king"));
    const two = { conversationId, userIds: [bob.user, carol.user], role: "owner" };
    await alice.refused("VALIDATION_FAILED", "conversation:set-role", two);
    const { members, rev } = await alice.ok(...role(alice, carol.user, "owner"));
    assert.deepEqual([roles(members), rev], [{ [carol.user]: "owner", [alice.user]: "admin" }, 4]);
    const told = [await bob.next("conversation:member-role"), await bob.next("conversation:member-role")];
    assert.deepEqual(told.map((one) => [one.member.userId, one.member.role, one.rev]), [
      [alice.user, "admin", 3],
      [carol.user, "owner", 4],
    ]);
    await alice.refused("FORBIDDEN", ...role(alice, bob.user, "member"));
    const found = await bob.ok("conversation:get", { conversationId });
    assert.deepEqual(roles(found.members), { [alice.user]: "admin", [bob.user]: "admin", [carol.user]: "owner" });
  });

  story("who exits leaves the place to the oldest admin, then to the oldest member, and the last one archives", async (scene) => {
    const { alice, bob, carol, conversationId } = await three(scene);
    const dan = await scene.connect("dan");
    await alice.ok("conversation:add-members", { conversationId, userId: dan.user, role: "admin" });
    assert.deepEqual(await alice.ok("conversation:exit", { conversationId }), { rev: 4 });
    for (const client of [bob, dan]) {
      assert.equal((await client.next("conversation:member-removed")).member.userId, alice.user);
      const { member, rev } = await client.next("conversation:member-role");
      assert.deepEqual([member.userId, member.role, rev], [dan.user, "owner", 4]);
    }
    await alice.refused("FORBIDDEN", "conversation:exit", { conversationId });
    await dan.ok("conversation:exit", { conversationId });
    const { member } = await carol.next("conversation:member-role", ({ rev }) => rev === 6);
    assert.deepEqual([member.userId, member.role], [bob.user, "owner"]);
    await carol.ok("conversation:exit", { conversationId });
    await bob.next("conversation:member-removed", ({ member: { userId } }) => userId === carol.user);
    assert.deepEqual(await bob.ok("conversation:exit", { conversationId }), { rev: 9 });
    await pause(200);
    // The own socket has the answers.
    assert.deepEqual(revs(alice, conversationId), []);
    assert.deepEqual(revs(bob, conversationId), range(1, 7));
    assert.deepEqual((await bob.ok("conversation:list", { status: "archived" })).conversations, []);
  });

  story("an archived conversation takes nothing, and goes on when it is reopened", async (scene) => {
    const { alice, bob, carol, conversationId } = await three(scene);
    await bob.refused("FORBIDDEN", "conversation:archive", { conversationId });
    const { conversation } = await alice.ok("conversation:archive", { conversationId });
    assert.deepEqual([conversation.status, conversation.archivedBy, conversation.rev], ["archived", alice.user, 2]);
    const event = await bob.next("conversation:archived");
    assert.equal(event.conversation.archivedAt, conversation.archivedAt);
    const again = await alice.ok("conversation:archive", { conversationId });
    assert.deepEqual(again.conversation, conversation);
    const calls = [
      ["message:send", { conversationId, content: "late" }],
      ["conversation:update", { conversationId, title: "late" }],
      ["conversation:add-members", { conversationId, userId: "late" }],
      ["conversation:set-role", { conversationId, userId: bob.user, role: "admin" }],
    ];
    for (const [name, payload] of calls) {
      const error = await alice.refused("CONFLICT", name, payload);
      assert.equal(error.current.conversation.status, "archived", name);
    }
    // People are let out all the same.
    await alice.ok("conversation:remove-member", { conversationId, userId: carol.user });
    await carol.next("conversation:member-removed");
    // Who connects meanwhile does not follow it, and does when it is reopened.
    const tablet = await scene.connect("bob");
    assert.deepEqual(tablet.session.rooms, []);
    const reopened = await alice.ok("conversation:reopen", { conversationId });
    assert.deepEqual([reopened.conversation.status, reopened.conversation.archivedAt], ["active", null]);
    await send(alice, conversationId, "on we go");
    for (const client of [bob, tablet]) {
      await hears(client, "on we go");
      assert.equal((await client.next("conversation:reopened")).conversation.rev, 4);
    }
    assert.deepEqual(revs(bob, conversationId), range(1, 5));
    assert.deepEqual(revs(tablet, conversationId), [4, 5]);
    assert.deepEqual(revs(carol, conversationId), [1, 2, 3]);
    assert.equal((await alice.ok("conversation:reopen", { conversationId })).conversation.rev, 5);
  });

  story("a direct conversation keeps its two, either of whom may archive it", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const calls = callsAbout(conversationId, bob.user).filter(([event]) => /members|member|role|exit/.test(event));
    assert.equal(calls.length, 4);
    for (const [event, payload] of calls) await alice.refused("FORBIDDEN", event, payload);
    await bob.ok("conversation:archive", { conversationId });
    await alice.next("conversation:archived");
    await alice.ok("conversation:reopen", { conversationId });
    await bob.next("conversation:reopened");
    await send(bob, conversationId, "still two");
    await hears(alice, "still two");
  });

  story("who may not gets FORBIDDEN, and another organization finds and hears nothing", async (scene) => {
    const { alice, bob, conversationId } = await three(scene);
    const stranger = await scene.connect("stranger", { node: OTHER });
    for (const [event, payload] of callsAbout(conversationId, bob.user)) {
      await stranger.refused("FORBIDDEN", event, payload);
    }
    const org = `${scene.org}-other`;
    const [twin, listening] = await Promise.all([
      scene.connect("alice", { org, node: OTHER }),
      scene.connect("bob", { org }),
    ]);
    const nowhere = "01890000-0000-7000-8000-000000000007";
    for (const [event, payload] of callsAbout(conversationId, bob.user)) {
      const error = await twin.refused("NOT_FOUND", event, payload);
      assert.deepEqual(await twin.refused("NOT_FOUND", event, { ...payload, conversationId: nowhere }), error);
    }
    const call = { conversationIds: [conversationId, nowhere] };
    const failed = (code, message) => (id) => ({ conversationId: id, error: { code, message } });
    const answer = await twin.ok("room:subscribe-multiple", call);
    assert.deepEqual(answer, { joined: [], failed: call.conversationIds.map(failed("NOT_FOUND", "no such conversation")) });
    const left = await twin.ok("room:unsubscribe-multiple", call);
    assert.deepEqual(left, { left: [], failed: answer.failed });
    assert.deepEqual(await twin.ok("room:subscription-status", call), { subscriptions: [] });
    assert.deepEqual(await twin.ok("room:subscription-details", call), { subscriptions: [] });
    await alice.ok("conversation:update", { conversationId, title: "ours" });
    await alice.ok("conversation:set-role", { conversationId, userId: bob.user, role: "admin" });
    await alice.ok("conversation:add-members", { conversationId, userId: scene.id("dan") });
    await alice.ok("conversation:archive", { conversationId });
    await alice.ok("conversation:remove-member", { conversationId, userId: bob.user });
    await bob.next("conversation:member-removed");
    await pause(200);
    for (const client of [twin, listening, stranger]) assert.deepEqual(client.collected(...SEQUENCED), []);
    assert.deepEqual(revs(bob, conversationId), range(1, 6));
  });

  story("several conversations are followed and left at once", async (scene) => {
    const { alice, bob, conversationId } = await three(scene);
    const others = await Promise.all(["one", "two"].map((title) => scene.group(alice, ["bob"], { title })));
    const ids = [conversationId, ...others.map(({ id }) => id)];
    for (const _ of others) await bob.next("conversation:created");
    const foreign = await scene.group(alice, ["carol"]);
    const left = await bob.ok("room:unsubscribe-multiple", { conversationIds: ids });
    assert.deepEqual(left, { left: ids, failed: [] });
    for (const id of ids) await send(alice, id, "not heard");
    const joined = await bob.ok("room:subscribe-multiple", { conversationIds: [foreign.id, ...ids] });
    assert.deepEqual(joined.joined, ids);
    assert.deepEqual(joined.failed.map(({ conversationId: id, error }) => [id, error.code]), [[foreign.id, "FORBIDDEN"]]);
    for (const id of ids) {
      await send(alice, id, `to ${id}`);
      await hears(bob, `to ${id}`);
    }
    assert.equal(bob.collected("message:new").length, 3);
    const { subscriptions } = await bob.ok("room:subscription-status", {});
    assert.deepEqual(subscriptions.map((one) => one.conversationId).sort(), [...ids].sort());
    for (const one of subscriptions) {
      assert.deepEqual([one.subscribed, one.lastSeq, one.unreadCount], [true, 2, 2]);
    }
    const details = await bob.ok("room:subscription-details", { conversationIds: [foreign.id, others[0].id] });
    assert.equal(details.subscriptions.length, 1);
    assert.deepEqual([details.subscriptions[0].conversation.title, details.subscriptions[0].online], ["one", 2]);
    const asked = (count) => ({ conversationIds: Array.from({ length: count }, () => randomUUID()) });
    for (const event of ["room:subscribe-multiple", "room:unsubscribe-multiple", "room:subscription-status", "room:subscription-details"]) {
      await bob.refused("VALIDATION_FAILED", event, asked(101));
    }
    const hundred = { conversationIds: Array.from({ length: 100 }, () => ids[0]) };
    assert.deepEqual(await bob.ok("room:subscribe-multiple", hundred), { joined: [ids[0]], failed: [] });
  });

  story("who is there is known over all nodes", async (scene) => {
    const { alice, bob, carol, conversationId } = await three(scene);
    await carol.ok("presence:update", { status: "busy", customStatus: "at lunch" });
    const { users } = await alice.ok("room:online", { conversationId });
    const seen = Object.fromEntries(users.map(({ userId, status, customStatus }) => [userId, [status, customStatus]]));
    assert.deepEqual(seen, {
      [alice.user]: ["online", null],
      [bob.user]: ["online", null],
      [carol.user]: ["busy", "at lunch"],
    });
    await carol.ok("presence:update", { status: "offline" });
    const visible = (await bob.ok("room:online", { conversationId })).users.map(({ userId }) => userId);
    assert.deepEqual(visible.sort(), [alice.user, bob.user].sort());
  });

  // --- who was away

  const AGAIN = { reconnection: true, reconnectionDelay: 30, reconnectionDelayMax: 100 };

  /** Bob behind a balancer, in a group of alice's, away while `meanwhile` happens, and back at the other node. */
  async function away(scene, meanwhile, before = async () => {}) {
    const balancer = await startForwarder(scene.cluster.nodes[0].port);
    scene.keep({ close: balancer.stop });
    const bob = await scene.connect("bob", { url: balancer.url, options: AGAIN, transports: ["websocket"] });
    const alice = await scene.connect("alice", { node: OTHER });
    const { id: conversationId } = await scene.group(alice, ["bob", "carol"]);
    const { id: other } = await scene.group(alice, ["bob"]);
    for (const _ of [1, 2]) await bob.next("conversation:created");
    await before({ alice, bob, conversationId });
    await send(alice, other, "before");
    await hears(bob, "before");
    balancer.target = 1;
    bob.drop();
    await meanwhile({ alice, bob, conversationId });
    const ready = bob.next("session:ready");
    const back = new Promise((resolve) => bob.socket.once("session:ready", resolve));
    ready.catch(() => {});
    balancer.target = scene.cluster.nodes[OTHER].port;
    const session = await back;
    assert.equal(bob.socket.recovered, true, JSON.stringify(session));
    await send(alice, conversationId, "after");
    await send(alice, other, "the end");
    await hears(bob, "the end");
    return { alice, bob, session, conversationId, other };
  }

  story("who was removed while away does not come back into the room", async (scene) => {
    const { bob, session, conversationId, other } = await away(scene, async ({ alice, bob, conversationId }) => {
      await send(alice, conversationId, "missed");
      await alice.ok("conversation:remove-member", { conversationId, userId: bob.user });
      await send(alice, conversationId, "not for him");
    });
    assert.deepEqual(session.rooms, [other]);
    const heard = bob.collected("message:new").map(({ message }) => message.content);
    assert.deepEqual(heard, ["before", "the end"]);
  });

  story("who was added while away follows from there when he comes back", async (scene) => {
    let added;
    const { alice, bob, session } = await away(scene, async ({ alice, bob }) => {
      added = (await scene.group(alice, ["carol"])).id;
      await send(alice, added, "before him");
      await alice.ok("conversation:add-members", { conversationId: added, userId: bob.user });
      await send(alice, added, "with him");
    });
    assert.ok(session.rooms.includes(added));
    await send(alice, added, "live");
    await hears(bob, "live");
    assert.deepEqual(revs(bob, added), [3, 4, 5]);
  });

  story("who was removed and added while away hears of the second stay alone", async (scene) => {
    const { bob, session, conversationId } = await away(scene, async ({ alice, bob, conversationId }) => {
      await alice.ok("conversation:remove-member", { conversationId, userId: bob.user });
      await send(alice, conversationId, "not for him");
      await alice.ok("conversation:add-members", { conversationId, userId: bob.user });
      await send(alice, conversationId, "for him");
    });
    assert.ok(session.rooms.includes(conversationId));
    await hears(bob, "after");
    assert.deepEqual(revs(bob, conversationId), [1, 4, 5, 6]);
  });

  story("who had left it by himself, was removed and added, follows also when he comes back", async (scene) => {
    const before = async ({ alice, bob, conversationId }) => {
      await bob.ok("conversation:leave", { conversationId });
      await alice.ok("conversation:remove-member", { conversationId, userId: bob.user });
      await alice.ok("conversation:add-members", { conversationId, userId: bob.user });
      await bob.next("conversation:member-added");
    };
    const meanwhile = async ({ alice, conversationId }) => send(alice, conversationId, "missed");
    const { bob, session, conversationId } = await away(scene, meanwhile, before);
    assert.ok(session.rooms.includes(conversationId));
    await hears(bob, "after");
    assert.deepEqual(revs(bob, conversationId), [1, 3, 4, 5]);
  });
});
