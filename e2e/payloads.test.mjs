// Random and hostile payloads for every client event: each is answered once, in its envelope, never with
// INTERNAL, and the node serves others as before. SWITCHBOARD_E2E_PAYLOADS says how many an event gets.
import assert from "node:assert/strict";
import { SEED, numbers } from "./support/random.mjs";
import { clientEvents } from "./support/schemas.mjs";
import { send, stories } from "./support/story.mjs";

const COUNT = Number(process.env.SWITCHBOARD_E2E_PAYLOADS ?? 200);
/** Calls under way at a time: fewer than a socket may have waiting. */
const AT_ONCE = 50;

const deep = (depth) => (depth === 0 ? 1 : depth % 2 ? [deep(depth - 1)] : { a: deep(depth - 1) });

/** Values that are often taken wrongly. */
const ODD = [
  null, true, false, 0, -0, -1, 1, 1.5, 1e308, -1e308, 2 ** 31, 2 ** 53, -(2 ** 63), 2 ** 64, "", " ", "\u0000", "a\u0000b", "\ud800", "\u202e", "\ufeff", "null", "undefined",
  "0", "-1", "1e9", "NaN", "'; drop table messages; --", "\\'; --", "%00", "%", "_", "../../etc/passwd", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>",
  "{{7*7}}", "${7*7}", "*", "\"", "(((((", "a & !b", "a:* | b", "\\", "é".repeat(200), "👨‍👩‍👧‍👦", "x".repeat(5_000), "x".repeat(20_000), "ﷺ".repeat(300),
  [], [null], [[]], {}, { a: {} }, { __proto__: null, constructor: 1, toString: 2 }, { length: 1e9 }, { $ne: null }, { "": "" }, deep(50), Array(2_000).fill(0), Array(600).fill("x"),
  "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "01939c1e-0000-7000-8000-000000000001", "{01939c1e-0000-7000-8000-000000000001}",
  "9999-12-31T23:59:59.999Z", "0000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "-271821-04-20T00:00:00Z", "+275760-09-13T00:00:00Z",
];

class Maker {
  constructor(random, ids) {
    Object.assign(this, { random, ids });
  }

  pick(list) {
    return list[Math.floor(this.random() * list.length)];
  }

  /** Something for a field: mostly of its kind, with ids that exist. */
  value(name, schema) {
    if (this.random() < 0.3) return this.pick(ODD);
    if (schema.anyOf) return this.value(name, this.pick(schema.anyOf));
    if (schema.enum) return this.pick(schema.enum);
    if (schema.type === "array") return Array.from({ length: Math.floor(this.random() * 4) }, () => this.value(name.replace(/s$/, ""), schema.items));
    if (this.ids[name]) return this.pick(this.ids[name]);
    if (schema.type === "integer") return Math.floor(this.random() * 120) - 10;
    if (schema.type === "boolean") return this.random() < 0.5;
    if (schema.type === "string") return this.pick(["hello", "x", "👍", "first words", ...ODD.filter((odd) => typeof odd === "string")]);
    return this.pick(ODD);
  }

  payload(schema) {
    if (this.random() < 0.05) return this.pick(ODD);
    const fields = Object.entries(schema.properties ?? {}).filter(([name]) => schema.required?.includes(name) ? this.random() < 0.95 : this.random() < 0.5);
    const payload = Object.fromEntries(fields.map(([name, field]) => [name, this.value(name, field)]));
    if (this.random() < 0.1) payload[this.pick(["chatId", "roomId", "text", "message", "extra", "__proto__", "constructor"])] = this.pick(ODD);
    return payload;
  }
}

const everyEvent = JSON.stringify(Object.fromEntries(Object.keys(clientEvents).map((event) => [event, "1000000/1s"])));
const env = { SWITCHBOARD__RATE_LIMITS__DEFAULT: "1000000/1s", SWITCHBOARD__RATE_LIMITS__EVENTS: everyEvent };

stories("payloads", { env, timeout: 60_000 + 100 * COUNT, concurrency: 4 }, (story) => {
  Object.entries(clientEvents).forEach(([event, { payload: schema }], index) => {
    story(`${event} answers whatever comes in`, async (scene) => {
      const random = numbers(SEED + index);
      let mallory;
      const lookIn = async () => (mallory = await scene.connect("mallory", { node: index % 2, claims: { roles: ["operator"] } }));
      await lookIn();
      const good = await scene.connect("good", { node: (index + 1) % 2 });
      for (let done = 0; done < COUNT; ) {
        const group = await scene.group(mallory, ["good", "other"]);
        const first = await send(mallory, group.id, "first words");
        const maker = new Maker(random, {
          conversationId: [group.id], messageId: [first.id], replyTo: [first.id], userId: ["mallory", "good", "other", "nobody"].map((name) => scene.id(name)),
          participantId: ["good", "other"].map((name) => scene.id(name)), token: [scene.token("mallory"), scene.token("good"), "x"],
        });
        for (let n = 0; n < 200 && done < COUNT; n += AT_ONCE) {
          const payloads = Array.from({ length: Math.min(AT_ONCE, COUNT - done) }, () => maker.payload(schema));
          done += payloads.length;
          const answers = await Promise.all(payloads.map((payload) => mallory.call(event, payload).catch((error) => ({ lost: error, payload }))));
          for (const answer of answers.filter(({ lost }) => lost)) {
            // Ten refusals in a minute end a connection: that is an answer, too.
            if (!/disconnected/.test(answer.lost.message)) throw Object.assign(answer.lost, { message: `seed ${SEED}: ${answer.lost.message}: ${JSON.stringify(answer.payload).slice(0, 500)}` });
          }
          const internal = payloads.filter((_, at) => answers[at].error?.code === "INTERNAL");
          assert.deepEqual(internal.map((payload) => JSON.stringify(payload).slice(0, 500)), [], `seed ${SEED}`);
          if (mallory.disconnected !== undefined) await lookIn();
        }
      }
      // Whatever that was, others are served.
      const mine = await scene.group(good, ["other"]);
      assert.equal((await send(good, mine.id, "still here")).seq, 1);
      for (const node of new Set(scene.cluster.nodes)) assert.doesNotMatch(node.output, /panicked/);
    });
  });
});
