// Limits on connecting, profiles, and what a running node takes anew.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "./support/clients.mjs";
import { Gateway } from "./support/process.mjs";
import { pause, stories } from "./support/story.mjs";

let last = 0;
/** An address of this machine that no other test uses. */
const someAddress = () => `127.41.${(last += 1)}.1`;

/** How a connect ends: `ok`, or its code. */
async function knock(way) {
  try {
    (await connect(way)).close();
    return "ok";
  } catch (error) {
    if (error.message === "RATE_LIMITED") assert.ok(error.data.retryAfterMs > 0, JSON.stringify(error.data));
    return error.message;
  }
}

/** The ends of `count` connects, one after the other, by turns at each of `urls`. */
async function knocks(count, urls, way) {
  const ends = [];
  for (let n = 0; n < count; n += 1) ends.push(await knock({ url: urls[n % urls.length], ...way }));
  return ends;
}

const times = (count, what) => Array.from({ length: count }, () => what);

stories("security", {}, (story) => {
  for (const client of ["c4", "c2"]) {
    story(`five connects may fail at one address, on all nodes together (${client})`, async (scene) => {
      const urls = [scene.url(0), scene.url(1)];
      const [address, neighbour] = [someAddress(), someAddress()];
      assert.deepEqual(await knocks(5, urls, { token: "bad", address, client }), times(5, "UNAUTHENTICATED"));
      assert.deepEqual(await knocks(2, urls, { token: "bad", address, client }), times(2, "RATE_LIMITED"));
      const expired = scene.token("alice", { claims: { exp: 1 } });
      assert.equal(await knock({ url: urls[0], token: expired, address, client }), "RATE_LIMITED");
      assert.deepEqual(await knocks(3, urls, { token: scene.token("alice"), address, client }), times(3, "ok"));
      assert.equal(await knock({ url: urls[0], token: "bad", address: neighbour, client }), "UNAUTHENTICATED");
    });
  }

  story("behind a trusted proxy the address is the client's, with IPv6 its network", async (scene) => {
    const node = await scene.anotherNode("proxied", { SWITCHBOARD__HTTP__TRUSTED_PROXIES: "127.0.0.0/8" });
    try {
      const from = (client) => ({ token: "bad", options: { extraHeaders: { "X-Forwarded-For": client } } });
      for (const [many, other] of [
        [["203.0.113.1"], "203.0.113.2"],
        [["2001:db8:0:1::1", "2001:db8:0:1:ffff::2"], "2001:db8:0:2::1"],
        // What the client says of itself is before what the proxy says.
        [["198.51.100.1, 203.0.113.3", "198.51.100.2, 203.0.113.3"], "203.0.113.4"],
      ]) {
        const ends = [];
        for (let n = 0; n < 6; n += 1) ends.push(await knock({ url: node.url, ...from(many[n % many.length]) }));
        assert.deepEqual(ends, [...times(5, "UNAUTHENTICATED"), "RATE_LIMITED"], many.join());
        assert.equal(await knock({ url: node.url, ...from(other) }), "UNAUTHENTICATED");
      }
    } finally {
      await node.kill();
    }
  });

  story("the strict profile counts every connect, and has its rates; keys that are set win", async (scene) => {
    const strict = { SWITCHBOARD__PROFILE: "strict" };
    const node = await scene.anotherNode("strict", strict);
    const own = await scene.anotherNode("strict-but", { ...strict, SWITCHBOARD__LIMITS__CONNECTS: "0" });
    try {
      const [address, token] = [someAddress(), scene.token("alice")];
      assert.deepEqual(await knocks(4, [node.url], { token, address }), times(4, "ok"));
      const alice = await scene.connect("alice", { url: node.url, address });
      assert.deepEqual(await knocks(2, [node.url], { token, address }), times(2, "RATE_LIMITED"));
      const { id: conversationId } = await scene.direct(alice, "bob");
      const send = () => alice.call("message:send", { conversationId, content: "x" });
      for (let n = 0; n < 10; n += 1) assert.equal((await send()).ok, true);
      assert.equal((await send()).error.code, "RATE_LIMITED");
      assert.deepEqual(await knocks(8, [own.url], { token, address: someAddress() }), times(8, "ok"));
    } finally {
      await Promise.all([node.kill(), own.kill()]);
    }
  });

  story("SIGHUP takes new rates and limits, and keeps the old ones after a mistake", async (scene) => {
    const { cluster } = scene;
    const file = join(cluster.folder, "reload.toml");
    const write = (events, failed) =>
      writeFile(file, `[rate_limits.events]\n${events}\n[limits]\nfailed_connects = ${failed}\n`);
    await write('"conversation:list" = "2/1h"', '"1/1h"');
    const database = cluster.mode === "embedded" && {
      SWITCHBOARD__DATABASE__URL: `sqlite://${cluster.folder}/reload.db`,
    };
    const node = await Gateway.start({
      cwd: cluster.folder,
      log: join(cluster.folder, "reload.log"),
      env: { ...cluster.env, SWITCHBOARD__NODE_ID: "reload", ...database },
      args: ["--config", file],
    });
    const reload = async (said) => {
      const before = node.output.length;
      node.signal("SIGHUP");
      while (!said.test(node.output.slice(before))) await pause(20);
    };
    try {
      const alice = await scene.connect("alice", { url: node.url });
      const list = async () => (await alice.call("conversation:list", {})).error?.code ?? "ok";
      const listed = async (count) => {
        const ends = [];
        for (let n = 0; n < count; n += 1) ends.push(await list());
        return ends;
      };
      const address = someAddress();
      assert.deepEqual(await listed(3), ["ok", "ok", "RATE_LIMITED"]);
      const bad = { token: "bad", address };
      assert.deepEqual(await knocks(2, [node.url], bad), ["UNAUTHENTICATED", "RATE_LIMITED"]);

      await write('"conversation:list" = "many"', "0");
      await reload(/not reloaded/);
      assert.deepEqual(await listed(1), ["RATE_LIMITED"]);
      assert.equal(await knock({ url: node.url, ...bad }), "RATE_LIMITED");

      await write('"conversation:list" = "4/1h"', "0");
      await reload(/configuration reloaded/);
      assert.deepEqual(await listed(5), [...times(4, "ok"), "RATE_LIMITED"]);
      assert.deepEqual(await knocks(8, [node.url], bad), times(8, "UNAUTHENTICATED"));
    } finally {
      await node.kill();
    }
  });

  story("a newer token keeps a stock client connected beyond the end of the first", async (scene) => {
    const exp = Math.floor(Date.now() / 1000) + 5;
    const alice = await scene.connect("alice", { node: 1, claims: { exp } });
    await alice.next("auth:expiring");
    const later = exp + 3600;
    const { expiresAt } = await alice.ok("auth:refresh", { token: scene.token("alice", { claims: { exp: later } }) });
    assert.equal(Date.parse(expiresAt), later * 1000);
    await alice.refused("FORBIDDEN", "auth:refresh", { token: scene.token("bob") });
    await alice.refused("UNAUTHENTICATED", "auth:refresh", { token: "bad" });
    await pause((exp + 3) * 1000 - Date.now());
    await alice.ok("conversation:list", {});
    assert.equal((await alice.ok("connection:session-info", {})).tokenExpiresAt, expiresAt);
  });
});
