// One row for each client event: what it gives, what it refuses, from whom. `every-event.test.mjs` walks
// them, and fails for an event that has none.
//
// ok        (world) → [who, payload, check(data)], or several of them
// wrong     payloads that are VALIDATION_FAILED, each with the path that is named; (world) → [[payload, path]]
// forbidden (world) → [who, payload], or why nobody of the organization is refused
// foreign   (world) → payloads with ids of this organization, for somebody of another one; or why there are none
import assert from "node:assert/strict";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const about = (world) => ({ conversationId: world.group });
const of = (world) => ({ messageId: world.message.id });
const noConversation = [[{}, "conversationId"], [{ conversationId: 7 }, "conversationId"], [{ conversationId: "x" }, "conversationId"]];
const noMessage = [[{}, "messageId"], [{ messageId: "x" }, "messageId"], [{ messageId: [] }, "messageId"]];
const badPage = (payload) => [0, 101, "5", 1.5].map((limit) => [{ ...payload, limit }, "limit"]);
const ownOnly = "it is about the caller alone";
const anybody = "anybody may";
const takesNoId = "it takes no id";
const usersHaveNoDirectory = "ids of users have no directory: one that is unknown is simply offline";

const membersOnly = { forbidden: (world) => ["outsider", about(world)], foreign: (world) => [about(world)] };
const watermark = {
  wrong: (world) => [[{}, ""], [{ messageIds: [] }, "messageIds"], [{ ...about(world), upToSeq: -1 }, "upToSeq"], [{ ...about(world), upToSeq: 99 }, "upToSeq"], [{ messageIds: Array(101).fill(world.message.id) }, "messageIds"], [{ messageId: "x" }, "messageId"]],
  forbidden: (world) => ["outsider", { ...about(world), upToSeq: 1 }],
  foreign: (world) => [{ ...about(world), upToSeq: 1 }, of(world), { messageIds: [world.message.id] }],
};
const operatorsOnly = { forbidden: () => ["owner", {}], foreign: takesNoId };

export const rows = {
  "conversation:create": {
    ok: (world) => [
      ["outsider", { kind: "group", participantIds: [world.id("member")], title: "New", context: { type: "order", id: "1" }, metadata: { a: 1 } }, ({ conversation, created }) => {
        assert.match(conversation.id, UUID);
        assert.deepEqual([created, conversation.rev, conversation.myRole, conversation.memberCount, conversation.lastSeq], [true, 1, "owner", 2, 0]);
      }],
      ["member", { kind: "direct", participantIds: [world.id("owner")] }, ({ conversation, created }) => assert.deepEqual([conversation.id, created], [world.direct, false])],
    ],
    wrong: (world) => [[{}, "kind"], [{ kind: "party", participantIds: [] }, "kind"], [{ kind: "group" }, "participantIds"], [{ kind: "direct", participantIds: [] }, "participantIds"], [{ kind: "group", participantIds: [7] }, "participantIds[0]"], [{ kind: "group", participantIds: [], title: "x".repeat(201) }, "title"], [{ kind: "group", participantIds: Array(501).fill(world.id("member")) }, "participantIds"]],
    forbidden: anybody,
    foreign: takesNoId,
  },
  "conversation:update": {
    ok: (world) => [["admin", { ...about(world), title: "Renamed", metadata: { color: "red" } }, ({ conversation }) => assert.deepEqual([conversation.title, conversation.metadata], ["Renamed", { color: "red" }])]],
    wrong: (world) => [...noConversation, [about(world), ""], [{ ...about(world), title: 7 }, "title"], [{ ...about(world), title: "x".repeat(201) }, "title"]],
    forbidden: (world) => ["member", { ...about(world), title: "Mine" }],
    foreign: (world) => [{ ...about(world), title: "Mine" }],
  },
  "conversation:join": {
    ok: (world) => [
      ["member", about(world), ({ conversation, members, changes }) => assert.deepEqual([conversation.id, members.length, changes], [world.group, 4, undefined])],
      ["member", { ...about(world), afterRev: 0 }, ({ changes }) => assert.deepEqual([changes.messages.length, changes.hasMore], [2, false])],
    ],
    wrong: (world) => [...noConversation, [{ ...about(world), afterRev: -1 }, "afterRev"]],
    ...membersOnly,
  },
  "conversation:leave": {
    ok: (world) => [["member", about(world), (data) => assert.deepEqual(data, {})]],
    wrong: () => noConversation,
    forbidden: "somebody who is no longer a member may still stop listening",
    foreign: (world) => [about(world)],
  },
  "conversation:list": {
    ok: (world) => [["member", { status: "active", limit: 1 }, ({ conversations, nextCursor }) => assert.deepEqual([conversations[0].id, typeof nextCursor], [world.group, "string"])]],
    wrong: () => [[{ status: "open" }, "status"], [{ cursor: "x" }, "cursor"], ...badPage({})],
    forbidden: ownOnly,
    foreign: takesNoId,
  },
  "conversation:get": {
    ok: (world) => [["readonly", about(world), ({ conversation, members }) => assert.deepEqual([conversation.myRole, members.map(({ role }) => role).sort()], ["readonly", ["admin", "member", "owner", "readonly"]])]],
    wrong: () => noConversation,
    ...membersOnly,
  },
  "conversation:sync": {
    ok: (world) => [["member", { ...about(world), afterRev: 0 }, (page) => assert.deepEqual([page.messages.map(({ seq }) => seq), page.hasMore, page.members.length, page.receipts.length, page.rev], [[1, 2], false, 4, 4, page.conversation.rev])]],
    wrong: (world) => [...noConversation, [about(world), "afterRev"], ...badPage({ ...about(world), afterRev: 0 })],
    forbidden: (world) => ["outsider", { ...about(world), afterRev: 0 }],
    foreign: (world) => [{ ...about(world), afterRev: 0 }],
  },
  "conversation:add-members": {
    ok: (world) => [["admin", { ...about(world), userIds: [world.id("outsider"), world.id("somebody")], role: "member" }, ({ members, rev }) => {
      assert.deepEqual(members.map(({ userId, role }) => [userId, role]).sort(), [[world.id("outsider"), "member"], [world.id("somebody"), "member"]].sort());
      assert.ok(rev > 0);
    }]],
    wrong: (world) => [[{ userId: world.id("outsider") }, "conversationId"], [about(world), ""], [{ ...about(world), userIds: [] }, "userIds"], [{ ...about(world), userId: "a b" }, "userId"], [{ ...about(world), userId: "x", role: "owner" }, "role"], [{ ...about(world), userIds: Array(501).fill("x") }, "userIds"]],
    forbidden: (world) => ["member", { ...about(world), userId: world.id("outsider") }],
    foreign: (world) => [{ ...about(world), userId: "stranger" }],
  },
  "conversation:remove-member": {
    ok: (world) => [["admin", { ...about(world), userId: world.id("member") }, ({ members }) => assert.deepEqual([members.length, members[0].userId, typeof members[0].leftAt], [1, world.id("member"), "string"])]],
    wrong: (world) => [[{ userId: "x" }, "conversationId"], [about(world), ""], [{ ...about(world), userId: 7 }, "userId"]],
    forbidden: (world) => ["member", { ...about(world), userId: world.id("readonly") }],
    foreign: (world) => [{ ...about(world), userId: world.id("member") }],
  },
  "conversation:set-role": {
    ok: (world) => [["owner", { ...about(world), userId: world.id("member"), role: "admin" }, ({ members }) => assert.deepEqual([members[0].userId, members[0].role], [world.id("member"), "admin"])]],
    wrong: (world) => [[{ userId: "x", role: "admin" }, "conversationId"], [{ ...about(world), userId: "x" }, "role"], [{ ...about(world), userId: "x", role: "king" }, "role"]],
    forbidden: (world) => ["member", { ...about(world), userId: world.id("readonly"), role: "member" }],
    foreign: (world) => [{ ...about(world), userId: world.id("member"), role: "admin" }],
  },
  "conversation:exit": {
    ok: (world) => [["member", about(world), ({ rev }) => assert.ok(rev > 0)]],
    wrong: () => noConversation,
    ...membersOnly,
  },
  "conversation:archive": {
    ok: (world) => [["admin", about(world), ({ conversation }) => assert.deepEqual([conversation.status, conversation.archivedBy], ["archived", world.id("admin")])]],
    wrong: () => noConversation,
    forbidden: (world) => ["member", about(world)],
    foreign: (world) => [about(world)],
  },
  "conversation:reopen": {
    before: (world) => world.owner.ok("conversation:archive", about(world)),
    ok: (world) => [["owner", about(world), ({ conversation }) => assert.deepEqual([conversation.status, conversation.archivedAt], ["active", null])]],
    wrong: () => noConversation,
    forbidden: (world) => ["member", about(world)],
    foreign: (world) => [about(world)],
  },
  "room:online": {
    ok: (world) => [["member", about(world), ({ users }) => assert.deepEqual(users.map(({ userId }) => userId).sort(), ["owner", "admin", "member", "readonly"].map((name) => world.id(name)).sort())]],
    wrong: () => noConversation,
    ...membersOnly,
  },
  "room:subscribe-multiple": {
    ok: (world) => [
      ["member", { conversationIds: [world.group, world.direct] }, ({ joined, failed }) => assert.deepEqual([joined.sort(), failed], [[world.group, world.direct].sort(), []])],
      ["outsider", { conversationIds: [world.group] }, ({ joined, failed }) => assert.deepEqual([joined, failed[0].conversationId, failed[0].error.code], [[], world.group, "FORBIDDEN"])],
      ["stranger", { conversationIds: [world.group] }, ({ joined, failed }) => assert.deepEqual([joined, failed[0].error.code], [[], "NOT_FOUND"])],
    ],
    wrong: (world) => [[{}, "conversationIds"], [{ conversationIds: [] }, "conversationIds"], [{ conversationIds: ["x"] }, "conversationIds[0]"], [{ conversationIds: Array(101).fill(world.group) }, "conversationIds"]],
    forbidden: "what is refused is in `failed`",
    foreign: "what is not there is in `failed`",
  },
  "room:unsubscribe-multiple": {
    ok: (world) => [
      ["member", { conversationIds: [world.group] }, ({ left, failed }) => assert.deepEqual([left, failed], [[world.group], []])],
      ["stranger", { conversationIds: [world.group] }, ({ left, failed }) => assert.deepEqual([left, failed[0].error.code], [[], "NOT_FOUND"])],
    ],
    wrong: (world) => [[{}, "conversationIds"], [{ conversationIds: Array(101).fill(world.group) }, "conversationIds"]],
    forbidden: "what is refused is in `failed`",
    foreign: "what is not there is in `failed`",
  },
  "room:subscription-status": {
    ok: (world) => [["member", { conversationIds: [world.group] }, ({ subscriptions: [one] }) => assert.deepEqual([one.conversationId, one.subscribed, one.lastSeq], [world.group, true, 2])]],
    wrong: () => [[{ conversationIds: "x" }, "conversationIds"], [{ conversationIds: ["x"] }, "conversationIds[0]"]],
    forbidden: "what the user is not in is left out",
    foreign: "what is not there is left out",
  },
  "room:subscription-details": {
    ok: (world) => [["member", {}, ({ subscriptions }) => assert.deepEqual(subscriptions.map(({ conversation }) => conversation.id).sort(), [world.group, world.direct].sort())]],
    wrong: () => [[{ conversationIds: 7 }, "conversationIds"]],
    forbidden: "what the user is not in is left out",
    foreign: "what is not there is left out",
  },
  "message:send": {
    ok: (world) => [
      ["member", { ...about(world), content: "  hello ", clientMessageId: "c1", replyTo: world.own.id, metadata: { a: 1 } }, ({ message, duplicate }) => {
        assert.deepEqual([message.seq, message.content, message.replyTo, message.clientMessageId, message.version, duplicate], [3, "hello", world.own.id, "c1", 1, undefined]);
      }],
      ["member", { ...about(world), content: "again", clientMessageId: "c1" }, ({ message, duplicate }) => assert.deepEqual([message.seq, message.content, duplicate], [3, "hello", true])],
    ],
    wrong: (world) => [[{ content: "x" }, "conversationId"], [about(world), "content"], [{ ...about(world), content: " \n " }, "content"], [{ ...about(world), content: "x".repeat(5001) }, "content"], [{ ...about(world), content: "x", type: "system" }, "type"], [{ ...about(world), content: "x", clientMessageId: "x".repeat(65) }, "clientMessageId"], [{ ...about(world), content: "x", replyTo: "7" }, "replyTo"], [{ ...about(world), content: "x", metadata: [] }, "metadata"]],
    forbidden: (world) => ["readonly", { ...about(world), content: "I may not" }],
    foreign: (world) => [{ ...about(world), content: "I am not here" }],
  },
  "message:edit": {
    ok: (world) => [["member", { ...of(world), content: "better words", expectedVersion: 1 }, ({ message }) => assert.deepEqual([message.content, message.version, message.seq], ["better words", 2, 1])]],
    wrong: (world) => [[{ content: "x" }, "messageId"], [of(world), "content"], [{ ...of(world), content: "x", expectedVersion: 0 }, "expectedVersion"]],
    forbidden: (world) => ["owner", { ...of(world), content: "not mine" }],
    foreign: (world) => [{ ...of(world), content: "mine now" }],
  },
  "message:delete": {
    ok: (world) => [["member", of(world), ({ message }) => assert.deepEqual([message.content, typeof message.deletedAt], ["", "string"])]],
    wrong: () => noMessage,
    forbidden: (world) => ["readonly", of(world)],
    foreign: (world) => [of(world)],
  },
  "message:react": {
    ok: (world) => [["owner", { ...of(world), emoji: "👍" }, ({ message }) => assert.deepEqual(message.reactions, [{ emoji: "👍", count: 1, userIds: [world.id("owner")] }])]],
    wrong: (world) => [[{ emoji: "👍" }, "messageId"], [of(world), "emoji"], [{ ...of(world), emoji: "" }, "emoji"], [{ ...of(world), emoji: "<b>" }, "emoji"], [{ ...of(world), emoji: "x".repeat(33) }, "emoji"]],
    forbidden: (world) => ["outsider", { ...of(world), emoji: "👍" }],
    foreign: (world) => [{ ...of(world), emoji: "👍" }],
  },
  "message:unreact": {
    before: (world) => world.owner.ok("message:react", { ...of(world), emoji: "👍" }),
    ok: (world) => [["owner", { ...of(world), emoji: "👍" }, ({ message }) => assert.deepEqual(message.reactions, [])]],
    wrong: (world) => [[{ emoji: "👍" }, "messageId"], [of(world), "emoji"]],
    forbidden: (world) => ["outsider", { ...of(world), emoji: "👍" }],
    foreign: (world) => [{ ...of(world), emoji: "👍" }],
  },
  "message:delivered": { ok: (world) => [["owner", { ...about(world), upToSeq: 1 }, (data) => assert.deepEqual(data, { deliveredSeq: 1 })], ["owner", { messageId: world.own.id }, (data) => assert.deepEqual(data, { deliveredSeq: 2 })]], ...watermark },
  "message:read": { ok: (world) => [["admin", { ...about(world), upToSeq: 1 }, (data) => assert.deepEqual(data, { readSeq: 1, unreadCount: 1 })], ["admin", { messageIds: [world.own.id, world.message.id] }, (data) => assert.deepEqual(data, { readSeq: 2, unreadCount: 0 })]], ...watermark },
  "message:typing": {
    ok: (world) => [["member", { ...about(world), isTyping: true }, (data) => assert.deepEqual(data, {})]],
    wrong: (world) => [[{ isTyping: true }, "conversationId"], [about(world), "isTyping"]],
    forbidden: (world) => ["readonly", { ...about(world), isTyping: true }],
    foreign: (world) => [{ ...about(world), isTyping: true }],
  },
  "message:typing-users": {
    before: (world) => world.member.ok("message:typing", { ...about(world), isTyping: true }),
    ok: (world) => [["owner", about(world), ({ users }) => assert.deepEqual(users.map(({ userId }) => userId), [world.id("member")])]],
    wrong: () => noConversation,
    ...membersOnly,
  },
  "message:history": {
    ok: (world) => [["readonly", { ...about(world), beforeSeq: 2, limit: 1 }, ({ messages, hasMore }) => assert.deepEqual([messages.map(({ id }) => id), hasMore], [[world.message.id], false])]],
    wrong: (world) => [...noConversation, [{ ...about(world), beforeSeq: 0 }, "beforeSeq"], [{ ...about(world), beforeSeq: 1, afterSeq: 1 }, "afterSeq"], ...badPage(about(world))],
    ...membersOnly,
  },
  "message:thread": {
    before: (world) => world.owner.ok("message:send", { ...about(world), content: "a reply", replyTo: world.message.id }),
    ok: (world) => [["readonly", of(world), ({ root, replies, nextCursor }) => assert.deepEqual([root.id, replies.map(({ content }) => content), nextCursor], [world.message.id, ["a reply"], null])]],
    wrong: (world) => [...noMessage, [{ ...of(world), cursor: "x" }, "cursor"], ...badPage(of(world))],
    forbidden: (world) => ["outsider", of(world)],
    foreign: (world) => [of(world)],
  },
  "message:search": {
    ok: (world) => [
      ["readonly", { query: "first", ...about(world) }, ({ results }) => assert.deepEqual([results.map(({ message }) => message.id), /<mark>first<\/mark>/.test(results[0]?.snippet)], [[world.message.id], true])],
      ["outsider", { query: "first" }, ({ results }) => assert.deepEqual(results, [])],
      ["stranger", { query: "first" }, ({ results }) => assert.deepEqual(results, [])],
    ],
    wrong: (world) => [[{}, "query"], [{ query: "" }, "query"], [{ query: "x".repeat(201) }, "query"], [{ query: "x", conversationId: "x" }, "conversationId"], [{ query: "x", cursor: "x" }, "cursor"], ...badPage({ query: "x" })],
    forbidden: (world) => ["outsider", { query: "first", ...about(world) }],
    foreign: (world) => [{ query: "first", ...about(world) }],
  },
  "message:delivery-status": {
    before: (world) => world.admin.ok("message:read", { messageId: world.message.id }),
    ok: (world) => [["member", of(world), ({ deliveredTo, readBy, counts, sentAt }) => assert.deepEqual([deliveredTo[0].userId, readBy.map(({ userId }) => userId), counts, sentAt], [world.id("admin"), [world.id("admin")], { recipients: 3, delivered: 1, read: 1 }, world.message.createdAt])]],
    wrong: () => noMessage,
    forbidden: (world) => ["outsider", of(world)],
    foreign: (world) => [of(world)],
  },
  "message:stats": {
    ok: (world) => [["member", about(world), ({ sent, edited, deleted }) => assert.deepEqual([sent, edited, deleted], [2, 0, 0])], ["member", {}, ({ sent }) => assert.equal(sent, 1)]],
    wrong: () => [[{ conversationId: "x" }, "conversationId"]],
    ...membersOnly,
  },
  "presence:update": {
    ok: (world) => [["member", { status: "busy", customStatus: "in a meeting" }, ({ presence }) => assert.deepEqual([presence.userId, presence.status, presence.customStatus], [world.id("member"), "busy", "in a meeting"])]],
    wrong: () => [[{}, "status"], [{ status: "asleep" }, "status"], [{ status: "auto", customStatus: "x".repeat(141) }, "customStatus"]],
    forbidden: ownOnly,
    foreign: takesNoId,
  },
  "presence:activity": {
    ok: (world) => [["member", { activityType: "reading", ...about(world) }, (data) => assert.deepEqual(data, {})]],
    wrong: () => [[{}, "activityType"], [{ activityType: "sleeping" }, "activityType"], [{ activityType: "idle", conversationId: 7 }, "conversationId"]],
    forbidden: ownOnly,
    foreign: "nothing is told of the conversation",
  },
  "presence:user-status": {
    ok: (world) => [["outsider", { userId: world.id("member") }, ({ presence }) => assert.deepEqual([presence.userId, presence.status], [world.id("member"), "online"])], ["stranger", { userId: world.id("member") }, ({ presence }) => assert.equal(presence.status, "offline")]],
    wrong: () => [[{}, "userId"], [{ userId: "a b" }, "userId"]],
    forbidden: anybody,
    foreign: usersHaveNoDirectory,
  },
  "presence:bulk": {
    ok: (world) => [["outsider", { userIds: [world.id("nobody"), world.id("member")] }, ({ presences }) => assert.deepEqual(presences.map(({ userId, status }) => [userId, status]), [[world.id("nobody"), "offline"], [world.id("member"), "online"]])], ["stranger", { userIds: [world.id("member")] }, ({ presences }) => assert.equal(presences[0].status, "offline")]],
    wrong: () => [[{}, "userIds"], [{ userIds: [] }, "userIds"], [{ userIds: [7] }, "userIds[0]"], [{ userIds: Array(501).fill("x") }, "userIds"]],
    forbidden: anybody,
    foreign: usersHaveNoDirectory,
  },
  "presence:online-users": {
    ok: (world) => [["member", about(world), ({ users, total }) => assert.deepEqual([users.length, total], [4, 4])], ["outsider", {}, ({ users, total }) => assert.deepEqual([users.length, total], [5, 5])], ["stranger", {}, ({ total }) => assert.equal(total, 1)]],
    wrong: () => [[{ conversationId: "x" }, "conversationId"], [{ cursor: 7 }, "cursor"], ...badPage({})],
    ...membersOnly,
  },
  "presence:subscribe": {
    ok: (world) => [["outsider", { userIds: [world.id("member")] }, ({ presences }) => assert.deepEqual(presences.map(({ userId, status }) => [userId, status]), [[world.id("member"), "online"]])]],
    wrong: () => [[{}, "userIds"], [{ userIds: [] }, "userIds"], [{ userIds: Array(501).fill("x") }, "userIds"]],
    forbidden: anybody,
    foreign: usersHaveNoDirectory,
  },
  "presence:unsubscribe": {
    ok: (world) => [["outsider", { userIds: [world.id("member")] }, ({ presences }) => assert.ok(Array.isArray(presences))]],
    wrong: () => [[{}, "userIds"], [{ userIds: [""] }, "userIds[0]"]],
    forbidden: anybody,
    foreign: usersHaveNoDirectory,
  },
  "presence:history": {
    ok: (world) => [["member", { userId: world.id("member"), ...lastHour() }, ({ sessions, totals }) => assert.ok(Array.isArray(sessions) && totals.onlineMs >= 0)], ["admin", { userId: world.id("member"), ...lastHour() }, ({ sessions }) => assert.ok(Array.isArray(sessions))]],
    wrong: () => [[{ userId: "x", from: "yesterday", to: "2026-01-01T00:00:00Z" }, "from"], [{ userId: "x", from: "2026-01-02T00:00:00Z", to: "2026-01-01T00:00:00Z" }, "to"], [{ ...lastHour() }, "userId"]],
    forbidden: (world) => ["owner", { userId: world.id("member"), ...lastHour() }],
    foreign: usersHaveNoDirectory,
  },
  "presence:stats": {
    ok: () => [["member", {}, ({ online, busy, connections }) => assert.deepEqual([online, busy, connections], [5, 0, 5])], ["stranger", {}, ({ online }) => assert.equal(online, 1)]],
    wrong: () => [["x", ""], [[], ""]],
    forbidden: anybody,
    foreign: takesNoId,
  },
  "connection:create-session": {
    ok: () => [["member", {}, ({ sessionToken, expiresAt }) => assert.ok(sessionToken && Date.parse(expiresAt) > Date.now())]],
    wrong: () => [["x", ""]],
    forbidden: ownOnly,
    foreign: takesNoId,
  },
  "connection:recover": {
    ok: () => [["member", { sessionToken: "unknown" }, ({ recovered, recoveryFailure }) => assert.deepEqual([recovered, recoveryFailure], [false, "unknown"])]],
    wrong: () => [[{}, "sessionToken"], [{ sessionToken: "x", positions: [] }, "positions"]],
    forbidden: "what cannot be recovered is told in the answer",
    foreign: "what cannot be recovered is told in the answer",
  },
  "connection:session-info": {
    ok: (world) => [["member", {}, (info) => assert.deepEqual([info.userId, info.socketId], [world.id("member"), world.member.socket.id])]],
    wrong: () => [["x", ""]],
    forbidden: ownOnly,
    foreign: takesNoId,
  },
  "connection:stats": {
    ok: () => [["member", {}, ({ attempts, recovered }) => assert.ok(attempts >= recovered)]],
    wrong: () => [["x", ""]],
    forbidden: anybody,
    foreign: takesNoId,
  },
  "queue:ack": {
    ok: () => [["member", { eventIds: ["01939c1e-0000-7000-8000-000000000001"] }, (data) => assert.deepEqual(data, { remaining: 0 })]],
    wrong: () => [[{}, "eventIds"], [{ eventIds: [] }, "eventIds"], [{ eventIds: ["x"] }, "eventIds[0]"], [{ eventIds: Array(501).fill("01939c1e-0000-7000-8000-000000000001") }, "eventIds"]],
    forbidden: ownOnly,
    foreign: "what is not in the user's queue changes nothing",
  },
  "auth:refresh": {
    ok: (world) => [["member", { token: world.scene.token("member") }, ({ expiresAt }) => assert.ok(Date.parse(expiresAt) > Date.now() + 3_000_000)]],
    wrong: () => [[{}, "token"], [{ token: 7 }, "token"], [{ token: "" }, "token"]],
    forbidden: (world) => ["member", { token: world.scene.token("owner") }],
    foreign: takesNoId,
  },
  "monitoring:metrics": { ok: () => [["admin", {}, (data) => assert.ok(Object.keys(data).length > 0)]], wrong: () => [["x", ""]], ...operatorsOnly },
  "monitoring:events": { ok: () => [["admin", { limit: 5 }, ({ events }) => assert.ok(events.length <= 5)]], wrong: () => badPage({}), ...operatorsOnly },
  "monitoring:stats": { ok: () => [["admin", {}, (data) => assert.ok(Object.keys(data).length > 0)]], wrong: () => [["x", ""]], ...operatorsOnly },
  "monitoring:health": { ok: () => [["admin", {}, (data) => assert.ok(Object.keys(data).length > 0)]], wrong: () => [["x", ""]], ...operatorsOnly },
};

function lastHour() {
  const now = Date.now();
  return { from: new Date(now - 3_600_000).toISOString(), to: new Date(now + 60_000).toISOString() };
}
