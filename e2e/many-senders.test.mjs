// Two hundred people write at the same time: one row of messages a conversation, seen by everyone alike.
import assert from "node:assert/strict";
import { pause, stories } from "./support/story.mjs";

const SENDERS = 200;
const CONVERSATIONS = 20;
const MESSAGES = 50;
const MEMBERS = SENDERS / CONVERSATIONS;
/** How many calls are under way at a time while people come in. */
const STEP = 25;

const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

stories("many-senders", { timeout: 180_000 }, (story) => {
  story(`${SENDERS} people, ${MESSAGES} messages each, ${CONVERSATIONS} conversations, two nodes`, async (scene) => {
    const people = await gather(scene);
    const groups = await group(scene, people);
    const began = performance.now();
    await Promise.all(people.map((person) => talk(person)));
    const acked = performance.now();
    await Promise.all(people.map((person) => hearsAll(person)));
    const heard = performance.now();
    const total = SENDERS * MESSAGES;
    const rate = (ms) => Math.round(total / (ms / 1000));
    const repaired = await Promise.all([...new Set(scene.cluster.nodes)].map(gapsRepaired));
    console.log(
      `${scene.cluster.mode}: ${total} messages stored at ${rate(acked - began)}/s,` +
        ` and heard by all at ${rate(heard - began)}/s; ${repaired} gaps repaired`,
    );
    for (const members of groups.values()) sameRow(members);
    await Promise.all([...groups].map(([id, members]) => historyIsWhole(id, members[0])));
  });
});

async function gapsRepaired(node) {
  const { body } = await node.adminPage("/metrics");
  return body.match(/^switchboard_gaps_repaired_total (\d+)$/m)?.[1] ?? "0";
}

/** Everybody, by turns at each node; WebSocket, because two hundred upgrades are not the point. */
async function gather(scene) {
  const people = [];
  for (let from = 0; from < SENDERS; from += STEP) {
    const some = numbers(from, Math.min(from + STEP, SENDERS) - 1);
    const connects = some.map((n) => scene.connect(`p${n}`, { node: n % 2, transports: ["websocket"] }));
    people.push(...(await Promise.all(connects)));
  }
  return people;
}

/** Groups of people of both nodes: each gets `conversationId` and `acks`; returns the members by group. */
async function group(scene, people) {
  const groups = new Map();
  for (const g of numbers(0, CONVERSATIONS - 1)) {
    const members = people.slice(g * MEMBERS, (g + 1) * MEMBERS);
    const others = numbers(g * MEMBERS + 1, (g + 1) * MEMBERS - 1).map((n) => `p${n}`);
    const { id } = await scene.group(members[0], others);
    await Promise.all(members.slice(1).map((member) => member.next("conversation:created")));
    for (const member of members) Object.assign(member, { conversationId: id, acks: [] });
    groups.set(id, members);
  }
  return groups;
}

async function talk(person) {
  const { conversationId, user } = person;
  for (let n = 0; n < MESSAGES; n += 1) {
    const call = { conversationId, content: `${user} ${n}`, clientMessageId: `${n}` };
    const { message } = await person.ok("message:send", call);
    person.acks.push(message);
    // People breathe; and ten lines in a row from the same one would be a weaker test of the order.
    if (n % 10 === 9) await pause(1);
  }
}

function hearsAll(person) {
  const others = (MEMBERS - 1) * MESSAGES;
  const heard = () => person.collected("message:new").length;
  return person.until(() => heard() >= others, () => `${others} messages of others, not ${heard()}`, 60_000);
}

/** Every member has seen each rev once: those of others in order, its own by their acks. */
function sameRow(members) {
  const total = MEMBERS * MESSAGES;
  const rows = members.map((member) => {
    const heard = member.collected("message:new").map(({ message }) => message);
    const revs = heard.map(({ rev }) => rev);
    assert.deepEqual(revs, [...revs].sort((a, b) => a - b), `${member.user} heard out of order`);
    const row = [...heard, ...member.acks].sort((a, b) => a.rev - b.rev);
    const doubled = row.filter(({ rev }, n) => n > 0 && row[n - 1].rev === rev);
    const own = doubled.filter(({ senderId }) => senderId === member.user);
    assert.deepEqual(own, [], `${member.user} got its own message as an event, too`);
    assert.deepEqual(doubled, [], `${member.user} heard a message twice`);
    assert.deepEqual(row.map(({ rev }) => rev), numbers(2, total + 1), `${member.user} lacks one`);
    assert.deepEqual(row.map(({ seq }) => seq), numbers(1, total));
    return row;
  });
  for (const row of rows) assert.deepEqual(row, rows[0], "not everyone saw the same");
  const own = members[0].acks.map(({ content }) => content);
  assert.deepEqual(own, numbers(0, MESSAGES - 1).map((n) => `${members[0].user} ${n}`));
}

async function historyIsWhole(conversationId, member) {
  const total = MEMBERS * MESSAGES;
  const seqs = [];
  for (let more = true; more; ) {
    const call = { conversationId, afterSeq: seqs.at(-1) ?? 0, limit: 100 };
    const { messages, hasMore } = await member.ok("message:history", call);
    seqs.push(...messages.map(({ seq }) => seq));
    more = hasMore;
  }
  assert.deepEqual(seqs, numbers(1, total));
}
