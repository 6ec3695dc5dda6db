// One client event is one trace, from its socket to its deliveries on other nodes.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after } from "node:test";
import { TraceReceiver } from "./support/otlp.mjs";
import { freePort } from "./support/process.mjs";
import { startStallable } from "./support/stall.mjs";
import { hears, pause, send, stories } from "./support/story.mjs";

const receiver = await TraceReceiver.start();
after(() => receiver.stop());

const settings = (ratio, endpoint) => ({
  SWITCHBOARD__TELEMETRY__OTLP_ENDPOINT: endpoint,
  SWITCHBOARD__TELEMETRY__TRACE_SAMPLE_RATIO: String(ratio),
  SWITCHBOARD__TELEMETRY__SERVICE_NAME: `chat-${ratio}`,
  SWITCHBOARD__TELEMETRY__LOG_FORMAT: "json",
});

/** The spans of one name; there has to be exactly one, of `node` if that is given. */
function one(spans, name, node) {
  const found = spans.filter((span) => span.name === name && (!node || span.resource.node === node));
  assert.equal(found.length, 1, `${name}: ${JSON.stringify(spans.map((span) => [span.name, span.resource.node]))}`);
  return found[0];
}

/** A trace that somebody else began. */
function begun(sampled = true) {
  const [trace, id] = [randomBytes(16).toString("hex"), randomBytes(8).toString("hex")];
  return { trace, id, traceparent: `00-${trace}-${id}-0${Number(sampled)}` };
}

const ofMessage = ({ id }) => (span) => span.attributes["switchboard.message"] === id;
const ofTrace = ({ trace }) => (span) => span.trace === trace;

/** All spans of a message's trace, once they are there. */
async function traceOf(message, names) {
  const [root] = await receiver.until(ofMessage(message), ["message:send"]);
  return receiver.until(ofTrace(root), names);
}

/** Waits until `look` finds something. */
async function until(what, look) {
  for (const patience = Date.now() + 15_000; ; await pause(50)) {
    const found = await look();
    if (found) return found;
    assert.ok(Date.now() < patience, `${what} did not come`);
  }
}

/** The lines of a node's log that have `text`. */
const lines = (node, text) => node.output.split("\n").slice(0, -1).filter((line) => line.includes(text)).map((line) => JSON.parse(line));

/** The sum of a metric of a node over the labels that `has` names. */
async function metric(node, name, has = "") {
  const { body } = await node.adminPage("/metrics");
  const found = body.split("\n").filter((line) => line.startsWith(name) && line.includes(has));
  return found.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

const WHOLE = ["message:send", "admit", "decode", "authorize", "store", "publish", "deliver", "deliver"];

stories("traces", { mode: "cluster", env: settings(1, receiver.url) }, (story) => {
  story("a message's trace goes from the client's event through store and publish to the other node", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const content = `secret ${randomBytes(8).toString("hex")}`;
    const message = await send(alice, conversationId, content);
    await hears(bob, content);

    const spans = await traceOf(message, WHOLE);
    const root = one(spans, "message:send");
    assert.deepEqual([root.parent, root.kind, root.failed], ["", "server", false]);
    assert.deepEqual(root.attributes, {
      "switchboard.org": scene.org,
      "switchboard.conversation": conversationId,
      "switchboard.message": message.id,
    });
    for (const name of ["admit", "decode", "authorize", "store", "publish"]) {
      const span = one(spans, name);
      assert.deepEqual([span.parent, span.resource.node], [root.id, "one"], name);
      assert.ok(root.began <= span.began && span.began <= span.ended && span.ended <= root.ended, name);
    }
    const [store, publish] = [one(spans, "store"), one(spans, "publish")];
    assert.equal(store.attributes["db.operation.name"], "append");
    assert.equal(publish.kind, "producer");
    for (const [node, sockets] of [["one", 0], ["two", 1]]) {
      const deliver = one(spans, "deliver", node);
      assert.deepEqual([deliver.parent, deliver.kind], [publish.id, "consumer"]);
      assert.equal(deliver.attributes["switchboard.sockets"], sockets, node);
    }
    for (const { resource } of spans) {
      assert.equal(resource["service.name"], "chat-1");
      assert.equal(resource["service.instance.id"], resource.node);
    }

    const [batch] = store.links;
    const [commit] = await receiver.until((span) => span.id === batch.id, ["commit"]);
    assert.equal(commit.trace, batch.trace);
    assert.notEqual(commit.trace, root.trace);
    assert.ok(commit.links.some(({ id }) => id === store.id), "the batch links to those who share it");
    assert.ok(commit.attributes["switchboard.batch_size"] >= 1);

    for (const hidden of [content, scene.token("alice").split(".")[2], scene.id("alice")]) {
      assert.ok(!receiver.raw.includes(hidden), hidden);
    }
  });

  story("an event goes on with the trace of its handshake, or with its own", async (scene) => {
    const [ofAuth, ofHeader, own] = [begun(), begun(), begun()];
    const auth = { token: scene.token("alice"), traceparent: ofAuth.traceparent };
    const alice = await scene.connect("alice", { options: { auth } });
    const bob = await scene.connect("bob", {
      node: 1,
      transports: ["websocket"],
      options: { extraHeaders: { traceparent: ofHeader.traceparent } },
    });
    const { id } = await scene.direct(alice, "bob");
    await bob.next("conversation:created");

    await send(alice, id, "by the handshake's payload");
    const root = one(await receiver.until(ofTrace(ofAuth), ["message:send"]), "message:send");
    assert.equal(root.parent, ofAuth.id);

    await send(bob, id, "by the handshake's header");
    const spans = await receiver.until(ofTrace(ofHeader), WHOLE);
    assert.equal(one(spans, "message:send").parent, ofHeader.id);
    assert.equal(one(spans, "message:send").resource.node, "two");

    const message = await send(alice, id, "by its own", { metadata: { traceparent: own.traceparent } });
    assert.equal(one(await receiver.until(ofTrace(own), WHOLE), "message:send").parent, own.id);
    assert.equal(message.metadata.traceparent, own.traceparent, "and it stays what it is: the client's");
  });

  story("a trace whose beginner does not keep it is not exported, and what is no traceparent counts for nothing", async (scene) => {
    const { alice, conversationId } = await scene.aliceAndBob();
    const dropped = begun(false);
    await send(alice, conversationId, "not kept", { metadata: { traceparent: dropped.traceparent } });
    const odd = begun();
    const metadata = { traceparent: odd.traceparent.toUpperCase().replace("00-", "ff-") };
    const message = await send(alice, conversationId, "odd", { metadata });
    const spans = await traceOf(message, WHOLE);
    assert.notEqual(spans[0].trace, odd.trace);
    assert.equal(one(spans, "message:send").parent, "");
    // What came later is there.
    assert.deepEqual(receiver.spans.filter(ofTrace(dropped)), []);
  });

  story("a line of the log says in which trace, node, organization and conversation it was written", async (scene) => {
    const alice = await scene.connect("alice", { node: 1 });
    const mine = begun();
    const bob = await scene.connect("bob");
    const foreign = await scene.direct(bob, "carol");
    const call = { conversationId: foreign.id, content: "let me in", metadata: { traceparent: mine.traceparent } };
    const calls = Array.from({ length: 10 }, () => alice.call("message:send", call));
    await Promise.allSettled([...calls, alice.ends()]);
    const line = await until("the line", () => {
      const said = lines(scene.cluster.nodes[1], "disconnected after repeated refusals");
      return said.find(({ org }) => org === scene.org);
    });
    assert.deepEqual(
      [line.trace_id, line.node, line.org, line.conversation, line.level],
      [mine.trace, "two", scene.org, foreign.id, "INFO"],
    );
    assert.ok(!JSON.stringify(line).includes("let me in"));
  });

  story("a node that stops sends its last traces first", async (scene) => {
    const node = await scene.anotherNode("three");
    const alice = await scene.connect("alice", { url: node.url });
    const { id } = await scene.direct(alice, "bob");
    const mine = begun();
    await send(alice, id, "last words", { metadata: { traceparent: mine.traceparent } });
    node.child.kill("SIGTERM");
    assert.equal((await node.ended).code, 0);
    const spans = receiver.spans.filter(ofTrace(mine));
    assert.equal(one(spans, "message:send").resource.node, "three");
  });
});

let postgres;
const through = async (url) => {
  if (!url.startsWith("postgres")) return url;
  postgres = await startStallable(url);
  return postgres.url;
};
after(() => postgres?.stop());

stories("traces-errors", { mode: "cluster", concurrency: 1, env: settings(0, `${receiver.url}/v1/traces`), through }, (story) => {
  story("at ratio 0 only what fails by our fault is exported, and what somebody else has sampled", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const fine = await send(alice, conversationId, "fine");
    await hears(bob, "fine");
    const refused = await alice.call("message:send", { conversationId, content: "" });
    assert.equal(refused.error.code, "VALIDATION_FAILED");

    postgres.stall();
    const failed = await alice.call("message:send", { conversationId, content: "fails" });
    assert.equal(failed.error.code, "UNAVAILABLE");
    postgres.resume();

    const ofThis = (span) => span.resource["service.name"] === "chat-0";
    const ofFailed = await receiver.until((span) => ofThis(span) && span.failed, ["message:send", "commit"]);
    const root = one(ofFailed, "message:send");
    assert.equal(root.attributes["error.type"], "UNAVAILABLE");
    assert.equal(root.attributes["switchboard.conversation"], conversationId);
    await receiver.until(ofTrace(root), ["message:send", "admit", "decode", "store"]);

    const sampled = begun();
    const again = async () => {
      const more = { conversationId, content: "sampled", metadata: { traceparent: sampled.traceparent } };
      const answer = await alice.call("message:send", more);
      return answer.ok || pause(200).then(again);
    };
    await again();
    const others = await receiver.until(ofTrace(sampled), WHOLE);
    assert.equal(one(others, "deliver", "two").parent, others.filter(({ name }) => name === "publish").at(-1).id);
    const roots = receiver.spans.filter((span) => ofThis(span) && span.name === "message:send" && span.trace !== sampled.trace);
    assert.ok(roots.every(({ failed: isError }) => isError), roots.map((root) => root.attributes["error.type"]).join());
    assert.ok(!roots.some(ofMessage(fine)));
  });
});

const dropped = (node) => metric(node, "switchboard_trace_spans_dropped_total", 'reason="export"');
const nobody = `http://127.0.0.1:${await freePort()}`;
stories("traces-unheard", { mode: "cluster", env: settings(1, nobody) }, (story) => {
  story("without a receiver messages are acked as ever, and what is lost is counted and told of once", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    const [one] = scene.cluster.nodes;
    for (let n = 0; n < 3; n += 1) {
      await send(alice, conversationId, `message ${n}`);
      await hears(bob, `message ${n}`);
      const before = await dropped(one);
      await until("the count of dropped spans", async () => (await dropped(one)) > before);
    }
    assert.equal(lines(one, "traces not exported").length, 1);
    assert.equal(await metric(one, "switchboard_trace_spans_exported_total"), 0);
  });
});
