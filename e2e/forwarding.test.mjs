// No sticky sessions: two nodes behind nginx in plain round robin, and clients as they come from npm,
// with long-polling first and a WebSocket after it.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { startNginx } from "./support/nginx.mjs";
import { hears, pause, send, stories } from "./support/story.mjs";

const CLIENTS_OF_EACH = 20;
const GENERATIONS = ["c2", "c3", "c4"];

/** One number of a node's metrics. */
async function metric(node, name) {
  const { body } = await node.adminPage("/metrics");
  const line = body.split("\n").find((text) => text.startsWith(`${name} `));
  return line ? Number(line.split(" ").at(-1)) : 0;
}

const forwarded = (kind, result) => `switchboard_forwarded_requests_total{kind="${kind}",result="${result}"}`;

/** Tells a story with nginx in front of `nodes`. */
async function behindNginx(scene, nodes, tell) {
  const nginx = await startNginx(join(scene.cluster.folder, `nginx-${scene.org}`), nodes);
  try {
    await tell(nginx);
  } finally {
    scene.end();
    await nginx.stop();
  }
}

/** Opens an Engine.IO session at a node, and joins its namespace; returns its id. */
async function openPolling(url) {
  const base = `${url}/socket.io/?EIO=4&transport=polling`;
  const { sid } = JSON.parse((await (await fetch(base)).text()).slice(1));
  return sid;
}

const pollOf = (url, sid) => `${url}/socket.io/?EIO=4&transport=polling&sid=${sid}`;

stories("forwarding", { mode: "cluster", timeout: 120_000, concurrency: 1 }, (story) => {
  story("stock clients connect, upgrade and talk across nodes, many at once", async (scene) => {
    const { nodes } = scene.cluster;
    await behindNginx(scene, nodes, async ({ url }) => {
      const names = GENERATIONS.flatMap((client) =>
        Array.from({ length: CLIENTS_OF_EACH }, (_, n) => ({ name: `${client}-${n}`, client })),
      );
      const people = await Promise.all(names.map(({ name, client }) => scene.connect(name, { url, client })));
      // No client was sent back to the start.
      assert.equal(people.filter(({ disconnected }) => disconnected !== undefined).length, 0);
      const group = await scene.group(people[0], names.slice(1).map(({ name }) => name));
      await Promise.all(people.slice(1).map((person) => person.next("conversation:created")));
      await Promise.all(people.map((person) => person.until(() => isUpgraded(person), () => "the upgrade")));
      await Promise.all(people.map((person) => send(person, group.id, `from ${person.user}`)));
      for (const person of people) {
        const others = people.length - 1;
        await person.until(() => person.collected("message:new").length >= others, () => `${others} messages`);
        const revs = person.collected("message:new").map(({ message }) => message.rev);
        assert.deepEqual(revs, [...new Set(revs)].sort((a, b) => a - b), "in order and once");
        assert.equal(revs.length, others);
        assert.equal(person.disconnected, undefined, `${person.user} was disconnected`);
      }
      // It was this that carried them: about half of the clients are at the wrong node.
      const upgrades = await sum(nodes, forwarded("upgrade", "ok"));
      const open = await sum(nodes, "switchboard_forwarded_websockets");
      assert.ok(upgrades >= 10 && open >= 10, `${upgrades} upgrades forwarded, ${open} open`);
      assert.ok((await sum(nodes, forwarded("poll", "ok"))) > 0);
      assert.ok((await sum(nodes, forwarded("post", "ok"))) > 0);
      for (const person of people) person.close();
      await eventually(async () => (await sum(nodes, "switchboard_forwarded_websockets")) === 0, "no tunnel to be left");
    });
  });

  story("clients that only poll stay connected for many requests, and large messages pass", async (scene) => {
    const { nodes } = scene.cluster;
    await behindNginx(scene, nodes, async ({ url, requests }) => {
      const polling = { url, transports: ["polling"] };
      const people = await Promise.all(GENERATIONS.map((client) => scene.connect(client, { ...polling, client })));
      const group = await scene.group(people[0], GENERATIONS.slice(1));
      await Promise.all(people.slice(1).map((person) => person.next("conversation:created")));
      for (let round = 0; round < 40; round += 1) {
        const content = round % 10 === 0 ? `${round} ${"x".repeat(4_900)}` : `${round}`;
        const speaker = people[round % people.length];
        await send(speaker, group.id, content);
        await Promise.all(people.filter((one) => one !== speaker).map((one) => hears(one, content)));
      }
      assert.ok(people.every(({ disconnected }) => disconnected === undefined));
      const lines = await requests();
      assert.ok(lines.length > 150, `${lines.length} requests`);
      assert.deepEqual(lines.filter((line) => /" (4|5)\d\d /.test(line)), []);
    });
  });

  story("when the node of a session is killed, its clients start over at the other", async (scene) => {
    const { cluster } = scene;
    const doomed = await cluster.startNode("doomed-forwarding");
    try {
      await behindNginx(scene, [cluster.nodes[0], doomed], async ({ url }) => {
        const options = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 300 };
        const kinds = GENERATIONS.flatMap((client) => [
          { client, transports: ["polling"] },
          { client, transports: undefined },
        ]);
        const people = await Promise.all(
          [...kinds, ...kinds].map((kind, n) => scene.connect(`p${n}`, { url, options, ...kind })),
        );
        const group = await scene.group(people[0], people.slice(1).map((_, n) => `p${n + 1}`));
        await Promise.all(people.slice(1).map((person) => person.next("conversation:created")));
        const before = people.map((person) => person.session.nodeId);
        assert.ok(new Set(before).size === 2, `all on one node: ${before}`);
        await doomed.kill();
        // Half of nginx's connects are refused now, and it tries the other node at once.
        const moved = (person) => person.collected("session:ready").at(-1).nodeId === "one";
        const isBack = (person) => person.disconnected === undefined && moved(person);
        await eventually(
          () => people.every(isBack),
          () => `${people.filter((one) => !isBack(one)).map(({ user, generation }) => `${user} (${generation})`)} to come back`,
          60_000,
        );
        await send(people[0], group.id, "we are all here");
        await Promise.all(people.slice(1).map((person) => hears(person, "we are all here")));
      });
    } finally {
      await doomed.kill();
    }
  });

  story("the session of a node that is gone is unknown, in the words of any unknown session", async (scene) => {
    const doomed = await scene.cluster.startNode("doomed-session");
    try {
      const [node] = scene.cluster.nodes;
      const sid = await openPolling(doomed.url);
      // Through the other node it is there, before and not after.
      const push = await fetch(pollOf(node.url, sid), { method: "POST", body: "40{}" });
      assert.deepEqual([push.status, await push.text()], [200, "ok"]);
      const waiting = await fetch(pollOf(node.url, sid));
      assert.equal(waiting.status, 200);
      assert.match(await waiting.text(), /^44/, "an anonymous CONNECT is refused");
      await doomed.kill();
      for (const method of ["GET", "POST"]) {
        const body = method === "POST" ? "3" : undefined;
        const answer = await fetch(pollOf(node.url, sid), { method, body });
        assert.equal(answer.status, 400);
        assert.deepEqual(await answer.json(), { code: 1, message: "Session ID unknown" });
      }
      assert.ok((await metric(node, forwarded("poll", "unreachable"))) > 0);
    } finally {
      await doomed.kill();
    }
  });

  story("a client that aborts its poll at the wrong node ends its session at the right one", async (scene) => {
    const [one, two] = scene.cluster.nodes;
    const sid = await openPolling(two.url);
    const aborted = new AbortController();
    const poll = fetch(pollOf(one.url, sid), { signal: aborted.signal });
    poll.catch(() => undefined);
    const early = await Promise.race([poll.then(() => "answered"), pause(500).then(() => "waits")]);
    assert.equal(early, "waits");
    // A second poll would end the session by itself; a pong disturbs nothing.
    const pong = async () => (await fetch(pollOf(two.url, sid), { method: "POST", body: "3" })).status;
    assert.equal(await pong(), 200);
    aborted.abort();
    await assert.rejects(poll);
    await eventually(async () => (await pong()) === 400, "the session to end");
  });

  story("a POST that is too large is refused by the node of the session", async (scene) => {
    const [one, two] = scene.cluster.nodes;
    const sid = await openPolling(two.url);
    const most = 100 * 1024;
    const fits = await fetch(pollOf(one.url, sid), { method: "POST", body: `2${"x".repeat(most - 1)}` });
    assert.notEqual(fits.status, 413);
    const other = await openPolling(two.url);
    const tooLarge = await fetch(pollOf(one.url, other), { method: "POST", body: `4${"x".repeat(most)}` });
    assert.equal(tooLarge.status, 413);
  });

  story("the inner endpoint takes nothing that is not signed by a node of the cluster", async (scene) => {
    const [one] = scene.cluster.nodes;
    const sid = await openPolling(one.url);
    const path = `/?EIO=4&transport=polling&sid=${sid}`;
    const key = createHmac("sha256", scene.cluster.secret).update("switchboard cluster secret 1").digest();
    const header = (secret, at, of = path) => {
      const mac = createHmac("sha256", secret).update(`switchboard forward 1\nGET\n${of}\n-\n${at}`).digest("base64url");
      return `${at} - ${mac}`;
    };
    const ask = (value) =>
      fetch(`${one.admin}/cluster/socket.io${path}`, { headers: value ? { "x-switchboard-forwarded": value } : {} });
    const bad = [
      undefined,
      "1",
      header("another secret", Date.now()),
      header(scene.cluster.secret, Date.now()),
      header(key, Date.now() - 61_000),
      header(key, Date.now() + 70_000),
      header(key, Date.now(), `${path}x`),
    ];
    for (const value of bad) assert.equal((await ask(value)).status, 403, value);
    // The public listener does not believe it either, nor has it this endpoint.
    const outside = await fetch(`${one.url}/cluster/socket.io${path}`, {
      headers: { "x-switchboard-forwarded": header(key, Date.now()) },
    });
    assert.equal(outside.status, 404);
    // And that all of this was for the signature's sake:
    const push = await fetch(pollOf(one.url, sid), { method: "POST", body: "40{}" });
    assert.equal(push.status, 200);
    assert.equal((await ask(header(key, Date.now()))).status, 200);
    // A session of another node than this is none of its business: nothing is forwarded twice.
    const [, two] = scene.cluster.nodes;
    const elsewhere = `/?EIO=4&transport=polling&sid=${await openPolling(two.url)}`;
    const twice = await fetch(`${one.admin}/cluster/socket.io${elsewhere}`, {
      headers: { "x-switchboard-forwarded": header(key, Date.now(), elsewhere) },
    });
    assert.equal(twice.status, 421);
  });

  story("a WebSocket for an unknown session gets an answer and no tunnel", async (scene) => {
    const [one] = scene.cluster.nodes;
    const answer = await new Promise((resolve, reject) => {
      const { port } = new URL(one.url);
      const headers = {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version": "13",
      };
      const path = "/socket.io/?EIO=4&transport=websocket&sid=unknowncdefghijklmno";
      httpRequest({ host: "127.0.0.1", port, path, headers }, (response) => {
        let body = "";
        response.on("data", (text) => (body += text)).on("end", () => resolve({ status: response.statusCode, body }));
      })
        .on("upgrade", () => reject(new Error("upgraded")))
        .on("error", reject)
        .end();
    });
    assert.deepEqual(answer, { status: 400, body: "Session ID unknown" });
  });
});

const sum = async (nodes, name) => (await Promise.all(nodes.map((node) => metric(node, name)))).reduce((a, b) => a + b, 0);

function isUpgraded({ socket }) {
  const { transport } = socket.io.engine;
  return transport.name === "websocket";
}

async function eventually(holds, what, patience = 15_000) {
  const end = Date.now() + patience;
  while (!(await holds())) {
    if (Date.now() > end) assert.fail(`waited in vain for ${typeof what === "function" ? what() : what}`);
    await pause(50);
  }
}
