// One row for each server event: what causes it, who hears it and who does not. `every-event.test.mjs`
// walks them, and fails for an event that has none.
import assert from "node:assert/strict";
import { pause, send } from "../../support/story.mjs";

const followers = ["owner", "admin", "readonly"];
const others = ["outsider", "stranger"];

/**
 * Causes an event, and holds who hears it and who does not; returns what the first one heard.
 * @param cause what makes it happen
 * @param by    who hears it, each exactly once
 * @param not   who hears nothing of the name
 */
async function heard(world, event, cause, { by, not, matches = () => true }) {
  const before = new Map([...by, ...not].map((name) => [name, world[name].collected(event).filter(matches).length]));
  await cause();
  const told = await Promise.all(by.map((name) => world[name].next(event, matches)));
  await pause(300);
  const count = (name) => world[name].collected(event).filter(matches).length - before.get(name);
  assert.deepEqual([...by, ...not].map((name) => [name, count(name)]), [...by.map((name) => [name, 1]), ...not.map((name) => [name, 0])]);
  return told[0];
}

/** An event that a member causes for everybody who follows the group, the member's other device included. */
async function inTheGroup(world, event, cause, matches) {
  world.device = await world.scene.connect("member", { node: 0 });
  return heard(world, event, cause, { by: [...followers, "device"], not: [...others, "member"], matches });
}

/** The same, caused by the owner. */
async function byTheOwner(world, event, cause, { by = ["admin", "member", "readonly"], not = [...others, "owner"], matches } = {}) {
  return heard(world, event, cause, { by, not, matches });
}

/** A call of the service API. */
async function service(world, path, body) {
  const token = world.scene.token("backend", { claims: { roles: ["service"] } });
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const response = await fetch(`${world.scene.url(1)}/api/v1${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  assert.ok(response.ok, `${path}: ${response.status} ${await response.text()}`);
}

const group = (world) => ({ conversationId: world.group });

export const rows = {
  "session:ready": async (world) => {
    const late = await world.scene.connect("member", { node: 0 });
    assert.deepEqual([late.session.userId, late.session.recovered, late.session.rooms.sort(), late.session.unread.total], [world.id("member"), false, [world.direct, world.group].sort(), 1]);
  },
  "auth:expiring": async (world) => {
    const exp = Math.floor(Date.now() / 1000) + 30;
    const soon = await world.scene.connect("member", { claims: { exp } });
    assert.deepEqual(await soon.next("auth:expiring"), { expiresAt: new Date(exp * 1000).toISOString() });
  },
  "message:new": async (world) => {
    let sent;
    const { message } = await inTheGroup(world, "message:new", async () => (sent = await send(world.member, world.group, "hello all")), ({ message }) => message.content === "hello all");
    assert.deepEqual(message, sent);
  },
  "message:edited": async (world) => {
    const edit = () => world.member.ok("message:edit", { messageId: world.message.id, content: "better" });
    const { message } = await inTheGroup(world, "message:edited", edit);
    assert.deepEqual([message.id, message.content, message.version], [world.message.id, "better", 2]);
  },
  "message:deleted": async (world) => {
    const { message } = await inTheGroup(world, "message:deleted", () => world.member.ok("message:delete", { messageId: world.message.id }));
    assert.deepEqual([message.id, message.content], [world.message.id, ""]);
  },
  "message:reaction": async (world) => {
    const react = () => world.member.ok("message:react", { messageId: world.own.id, emoji: "🎉" });
    const told = await inTheGroup(world, "message:reaction", react);
    assert.deepEqual([told.message.id, told.userId, told.emoji, told.added, told.message.reactions[0].count], [world.own.id, world.id("member"), "🎉", true, 1]);
    // Again changes nothing; taking it off does.
    await react();
    await world.member.ok("message:unreact", { messageId: world.own.id, emoji: "🎉" });
    assert.equal((await world.owner.next("message:reaction")).added, false);
  },
  "message:delivered": async (world) => {
    const told = await inTheGroup(world, "message:delivered", () => world.member.ok("message:delivered", { ...group(world), upToSeq: 2 }));
    assert.deepEqual([told.conversationId, told.userId, told.upToSeq], [world.group, world.id("member"), 2]);
  },
  "message:read": async (world) => {
    const told = await inTheGroup(world, "message:read", () => world.member.ok("message:read", { messageId: world.own.id }));
    assert.deepEqual([told.conversationId, told.userId, told.upToSeq], [world.group, world.id("member"), 2]);
  },
  "message:typing": async (world) => {
    const told = await inTheGroup(world, "message:typing", () => world.member.ok("message:typing", { ...group(world), isTyping: true }), ({ isTyping }) => isTyping);
    assert.deepEqual(told, { ...group(world), userId: world.id("member"), isTyping: true });
    await world.member.ok("message:typing", { ...group(world), isTyping: false });
    assert.equal((await world.owner.next("message:typing", ({ isTyping }) => !isTyping)).userId, world.id("member"));
  },
  "conversation:created": async (world) => {
    const create = () => world.owner.ok("conversation:create", { kind: "group", participantIds: [world.id("member"), world.id("readonly")], title: "Another" });
    const matches = ({ conversation }) => conversation.title === "Another";
    const { conversation } = await heard(world, "conversation:created", create, { by: ["member", "readonly"], not: ["owner", "admin", ...others], matches });
    assert.deepEqual([conversation.rev, conversation.memberCount, "myRole" in conversation], [1, 3, false]);
    // They follow it at once.
    await send(world.member, conversation.id, "first");
    await world.owner.next("message:new", ({ message }) => message.content === "first");
    await world.readonly.next("message:new", ({ message }) => message.content === "first");
  },
  "conversation:updated": async (world) => {
    const { conversation } = await byTheOwner(world, "conversation:updated", () => world.owner.ok("conversation:update", { ...group(world), title: "Renamed" }));
    assert.equal(conversation.title, "Renamed");
  },
  "conversation:archived": async (world) => {
    const { conversation } = await byTheOwner(world, "conversation:archived", () => world.owner.ok("conversation:archive", group(world)));
    assert.deepEqual([conversation.status, conversation.archivedBy], ["archived", world.id("owner")]);
    await world.member.refused("CONFLICT", "message:send", { ...group(world), content: "too late" });
  },
  "conversation:reopened": async (world) => {
    await world.owner.ok("conversation:archive", group(world));
    const { conversation } = await byTheOwner(world, "conversation:reopened", () => world.owner.ok("conversation:reopen", group(world)));
    assert.equal(conversation.status, "active");
    await send(world.member, world.group, "open again");
  },
  "conversation:member-added": async (world) => {
    const add = () => world.owner.ok("conversation:add-members", { ...group(world), userId: world.id("outsider") });
    const told = await byTheOwner(world, "conversation:member-added", add, { by: ["admin", "member", "readonly", "outsider"], not: ["owner", "stranger"] });
    assert.deepEqual([told.conversationId, told.member.userId, told.member.role], [world.group, world.id("outsider"), "member"]);
    // Whoever is new follows it at once, with the same numbers as the others.
    const sent = await send(world.member, world.group, "welcome");
    assert.deepEqual((await world.outsider.next("message:new", ({ message }) => message.id === sent.id)).message.rev, told.rev + 1);
  },
  "conversation:member-removed": async (world) => {
    const remove = () => world.owner.ok("conversation:remove-member", { ...group(world), userId: world.id("readonly") });
    const told = await byTheOwner(world, "conversation:member-removed", remove, { by: ["admin", "member", "readonly"] });
    assert.deepEqual([told.member.userId, typeof told.member.leftAt], [world.id("readonly"), "string"]);
    await send(world.member, world.group, "among ourselves");
    await world.admin.next("message:new", ({ message }) => message.content === "among ourselves");
    await world.readonly.quiet(300, "message:new");
    await world.readonly.refused("FORBIDDEN", "message:history", group(world));
  },
  "conversation:member-role": async (world) => {
    const change = () => world.owner.ok("conversation:set-role", { ...group(world), userId: world.id("readonly"), role: "member" });
    const matches = ({ member }) => member.role === "member";
    const told = await byTheOwner(world, "conversation:member-role", change, { matches });
    assert.deepEqual([told.member.userId, told.member.role], [world.id("readonly"), "member"]);
    await send(world.readonly, world.group, "now I may");
  },
  "presence:changed": async (world) => {
    const matches = ({ changes }) => changes.some(({ userId, status }) => userId === world.id("member") && status === "busy");
    const told = await inTheGroup(world, "presence:changed", () => world.member.ok("presence:update", { status: "busy" }), matches);
    assert.ok(told.changes.every(({ userId }) => userId.startsWith("member") || userId.length > 0));
  },
  "unread:count": async (world) => {
    world.device = await world.scene.connect("admin", { node: 0 });
    const matches = ({ conversationId, unreadCount }) => conversationId === world.group && unreadCount === 0;
    const read = () => world.admin.ok("message:read", { ...group(world), upToSeq: 2 });
    const told = await heard(world, "unread:count", read, { by: ["device"], not: ["owner", "readonly", ...others], matches });
    assert.deepEqual(told, { ...group(world), unreadCount: 0, total: 0 });
    await send(world.member, world.group, "one more");
    const one = await world.admin.next("unread:count", ({ unreadCount }) => unreadCount === 1);
    assert.deepEqual(one, { ...group(world), unreadCount: 1, total: 1 });
  },
  "notification:new": async (world) => {
    const notification = { id: "01939c1e-0000-7000-8000-000000000001", type: "order", title: "Shipped", body: "It is on its way", conversationId: null, messageId: null, data: {}, createdAt: new Date().toISOString(), readAt: null };
    const notify = () => service(world, "/service/events", { to: { userIds: [world.id("member")] }, event: "notification:new", data: { notification } });
    const told = await heard(world, "notification:new", notify, { by: ["member"], not: ["owner", ...others] });
    assert.deepEqual(told, { notification });
  },
  "queue:events": async (world) => {
    const name = "sleeper";
    await service(world, "/service/events", { to: { userIds: [world.id(name)] }, event: "order:shipped", data: { order: 7 }, priority: "critical" });
    const sleeper = await world.scene.connect(name, { node: 0 });
    const { events } = await sleeper.next("queue:events");
    assert.deepEqual(events.map(({ event, data, priority }) => [event, data, priority]), [["order:shipped", { order: 7 }, "critical"]]);
    assert.deepEqual(await sleeper.ok("queue:ack", { eventIds: events.map(({ id }) => id) }), { remaining: 0 });
  },
  "server:draining": async (world) => {
    const node = await world.scene.anotherNode(`draining-${world.id("")}`, { SWITCHBOARD__SHUTDOWN__DRAIN: "2s" });
    const { connect } = await import("../../support/clients.mjs");
    const client = world.scene.keep(await connect({ url: node.url, token: world.scene.token("member") }));
    node.signal("SIGTERM");
    const { reconnectInMs } = await client.next("server:draining");
    assert.ok(reconnectInMs >= 0 && reconnectInMs <= 2_000, `${reconnectInMs}`);
    await client.ends();
    await node.ended;
  },
  "rate-limit-exceeded": async (world) => {
    // The bucket of this one event holds a single token here.
    const told = await heard(world, "rate-limit-exceeded", async () => {
      await world.member.ok("connection:stats", {});
      await world.member.refused("RATE_LIMITED", "connection:stats", {});
    }, { by: ["member"], not: ["owner", ...others] });
    assert.deepEqual([told.code, told.event, told.retryAfterMs > 0], ["RATE_LIMITED", "connection:stats", true]);
  },
  "validation-error": async (world) => {
    const told = await heard(world, "validation-error", () => world.member.refused("VALIDATION_FAILED", "message:send", {}), { by: ["member"], not: ["owner", ...others] });
    assert.deepEqual(told.details.map(({ path }) => path), ["conversationId", "content"]);
  },
  error: async (world) => {
    const told = await heard(world, "error", () => world.readonly.refused("FORBIDDEN", "message:send", { ...group(world), content: "x" }), { by: ["readonly"], not: ["owner", ...others] });
    assert.deepEqual([told.code, told.event], ["FORBIDDEN", "message:send"]);
  },
};
