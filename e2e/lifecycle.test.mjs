// Starting, telling what is wrong, going away.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "./support/clients.mjs";
import { MODE } from "./support/cluster.mjs";
import { freePort, Gateway, run } from "./support/process.mjs";
import { hears, pause, send, stories } from "./support/story.mjs";

/** Runs `tell` with an empty working directory. */
async function inEmptyFolder(tell) {
  const folder = await mkdtemp(join(tmpdir(), "switchboard-e2e-"));
  try {
    return await tell(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A request whose body does not come: it is under way for as long as the caller likes. */
async function halfARequest(node) {
  const address = "/socket.io/?EIO=4&transport=polling";
  const opened = await (await fetch(node.url + address)).text();
  const { sid } = JSON.parse(opened.slice(1));
  const socket = createConnection(node.port, "127.0.0.1");
  socket.on("error", () => undefined);
  const head = `POST ${address}&sid=${sid} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1000\r\n\r\n`;
  await new Promise((resolve) => socket.write(`${head}40`, resolve));
  return socket;
}

/** Whether new connections are refused or `/readyz` says that none should come. */
async function takesNoMore(node) {
  const answer = await node.adminPage("/readyz").catch(() => undefined);
  return answer === undefined || answer.status === 503;
}

stories("lifecycle", { concurrency: 4 }, (story) => {
  story("a node is alive, ready and healthy, and says so on the admin listener only", async (scene) => {
    const [node] = scene.cluster.nodes;
    for (const path of ["/livez", "/readyz", "/healthz"]) assert.equal((await node.adminPage(path)).status, 200, path);
    for (const path of ["/livez", "/readyz", "/healthz", "/metrics", "/debug/config"]) {
      const { status } = await fetch(node.url + path);
      assert.equal(status, 404, `${path} on the public listener`);
    }
    const { status, body } = await node.adminPage("/debug/config");
    if (status === 200) assert.ok(!body.includes(scene.cluster.secret));
  });

  story("SIGTERM: not ready, draining, every send acked or told, exit code 0", async (scene) => {
    const node = await scene.anotherNode("going", { SWITCHBOARD__SHUTDOWN__DRAIN: "2s" });
    try {
      const people = await Promise.all(["alice", "bob"].map((name) => scene.connect(name, { url: node.url })));
      const [alice, bob] = people;
      const { id: conversationId } = await scene.direct(alice, "bob");
      await bob.next("conversation:created");
      const acked = [];
      const talk = async () => {
        // A call on a closed socket would wait for its ack until it gives up.
        for (let n = 0; alice.disconnected === undefined; n += 1) {
          const call = { conversationId, content: `${n}`, clientMessageId: `${n}` };
          const answer = await alice.call("message:send", call).catch(() => undefined);
          if (!answer?.ok) {
            if (answer) assert.ok(["UNAVAILABLE", "RATE_LIMITED"].includes(answer.error.code), JSON.stringify(answer));
            break;
          }
          acked.push(answer.data.message);
          await pause(20);
        }
      };
      const talking = talk();
      const enough = Date.now() + 10_000;
      while (acked.length <= 3) {
        assert.ok(Date.now() < enough, "hardly anything is acked");
        await pause(20);
      }
      node.signal("SIGTERM");
      const patience = Date.now() + 2_000;
      while (!(await takesNoMore(node))) assert.ok(Date.now() < patience, "it is still ready");
      const draining = await alice.next("server:draining");
      assert.equal(typeof draining.reconnectInMs, "number");
      await Promise.all(people.map((person) => person.ends()));
      // A transport close: stock clients reconnect, which they do not after a namespace disconnect.
      for (const person of people) assert.match(person.disconnected, /^transport (close|error)$/);
      await talking;
      assert.deepEqual(await node.ended, { code: 0, signal: null });
      assert.ok(acked.length > 3);
      assert.doesNotMatch(node.output, /panicked/);
      await ackedAreStored(scene, node, { conversationId, acked });
    } finally {
      await node.kill();
    }
  });

  // A single node has no other that it could crowd: it closes all at once.
  const single = MODE === "embedded";
  story(single ? "the closes are not held up" : "the closes are spread over the drain window", async (scene) => {
    const node = await scene.anotherNode("spreading", { SWITCHBOARD__SHUTDOWN__DRAIN: "3s" });
    try {
      const names = Array.from({ length: 20 }, (_, n) => `p${n}`);
      const people = await Promise.all(names.map((name) => scene.connect(name, { url: node.url })));
      const told = Date.now();
      const ends = people.map((person) => person.ends().then(() => Date.now() - told));
      node.signal("SIGTERM");
      const times = (await Promise.all(ends)).sort((a, b) => a - b);
      // All at once would be a stampede on the other nodes.
      assert.equal(times.at(-1) - times[0] > 500, !single, `closed after ${times} ms`);
      assert.ok(times.at(-1) < 4_500, `closed after ${times} ms`);
      assert.deepEqual(await node.ended, { code: 0, signal: null });
    } finally {
      await node.kill();
    }
  });

  story("a second SIGTERM ends it at once", async (scene) => {
    const patient = { SWITCHBOARD__SHUTDOWN__DRAIN: "60s", SWITCHBOARD__SHUTDOWN__GRACE: "60s" };
    const node = await scene.anotherNode("hurried", patient);
    const request = await halfARequest(node);
    try {
      await Promise.all(["alice", "bob"].map((name) => scene.connect(name, { url: node.url })));
      node.signal("SIGTERM");
      while (!(await takesNoMore(node))) await pause(20);
      await pause(300);
      assert.equal(node.isRunning, true, "it waits for the request that is under way");
      const told = Date.now();
      node.signal("SIGTERM");
      await Promise.race([node.ended, pause(5_000)]);
      assert.equal(node.isRunning, false);
      assert.ok(Date.now() - told < 3_000);
    } finally {
      request.destroy();
      await node.kill();
    }
  });

  if (!single) {
    story("nodes that end together take all the time that they have, and end in time", async (scene) => {
      const drain = { SWITCHBOARD__SHUTDOWN__DRAIN: "5s" };
      const nodes = await Promise.all(["one", "two"].map((name) => scene.anotherNode(name, drain)));
      try {
        const connect = (node) => Array.from({ length: 10 }, (_, n) => scene.connect(`p${n}`, { url: node.url }));
        const people = await Promise.all(nodes.flatMap(connect));
        const told = Date.now();
        const ends = people.map((person) => person.ends().then(() => Date.now() - told));
        for (const node of nodes) node.signal("SIGTERM");
        const times = (await Promise.all(ends)).sort((a, b) => a - b);
        // One alone closes its last after 3 s.
        assert.ok(times.at(-1) > 3_900, `closed after ${times} ms`);
        for (const node of nodes) assert.deepEqual(await node.ended, { code: 0, signal: null });
        assert.ok(Date.now() - told < 8_000, "they ended late");
      } finally {
        await Promise.all(nodes.map((node) => node.kill()));
      }
    });
  }

  story("`token` prints a token that works, and nothing else", async (scene) => {
    const env = { SWITCHBOARD__AUTH__SECRET: scene.cluster.secret };
    const { code, stdout } = await inEmptyFolder((cwd) =>
      run(["token", "--sub", scene.id("alice"), "--org", scene.org], { cwd, env }),
    );
    assert.equal(code, 0);
    assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const client = scene.keep(await connect({ url: scene.url(), token: stdout.trim() }));
    const { userId, organizationId } = client.session;
    assert.deepEqual([userId, organizationId], [scene.id("alice"), scene.org]);
    const claims = JSON.parse(Buffer.from(stdout.split(".")[1], "base64url"));
    assert.ok(Math.abs(claims.exp - Date.now() / 1000 - 3600) < 60, "an hour by default");
  });

  story("`token` takes roles and a time to live, and refuses nonsense", async (scene) =>
    inEmptyFolder(async (cwd) => {
      const env = { SWITCHBOARD__AUTH__SECRET: scene.cluster.secret };
      const token = (...args) => run(["token", "--sub", "alice", "--org", "acme", ...args], { cwd, env });
      const { stdout } = await token("--role", "operator", "--role", "service", "--ttl", "5m");
      const claims = JSON.parse(Buffer.from(stdout.split(".")[1], "base64url"));
      assert.deepEqual(claims.roles, ["operator", "service"]);
      assert.ok(Math.abs(claims.exp - Date.now() / 1000 - 300) < 60);
      for (const args of [["--ttl", "soon"], ["--color", "red"]]) {
        const refused = await token(...args);
        assert.equal(refused.code, 2, refused.stderr);
        assert.equal(refused.stdout, "");
      }
      assert.equal((await run(["token", "--org", "acme"], { cwd, env })).code, 2);
    }),
  );

  story("every mistake in the configuration is listed, with exit code 78", async () =>
    inEmptyFolder(async (cwd) => {
      const env = {
        SWITCHBOARD__HTTP__LISTEN: "somewhere",
        SWITCHBOARD__PRESENCE__OFFLINE_GRACE: "soon",
        SWITCHBOARD__RATE_LIMITS__PRESET: "generous",
        SWITCHBOARD__REALTIME__MAX_PAKCET: "1MiB",
      };
      for (const args of [["serve"], ["config", "check"]]) {
        const { code, stdout, stderr } = await run(args, { cwd, env });
        assert.equal(code, 78, `${args}: ${stdout}${stderr}`);
        for (const name of Object.keys(env)) {
          const key = name.replace("SWITCHBOARD__", "").replace("__", ".").toLowerCase();
          const said = stdout + stderr;
          assert.ok(said.includes(name) || said.includes(key), `${args}: ${name} is not in: ${said}`);
        }
        assert.match(stdout + stderr, /max_packet/i, "the nearest key that is known");
      }
    }),
  );

  story("a database that cannot be reached ends the start with exit code 69", async () =>
    inEmptyFolder(async (cwd) => {
      const env = {
        SWITCHBOARD__DATABASE__URL: `postgres://nobody:secretword@127.0.0.1:${await freePort()}/none`,
        SWITCHBOARD__STARTUP_TIMEOUT: "2s",
        SWITCHBOARD__AUTH__SECRET: "x".repeat(32),
        SWITCHBOARD__HTTP__LISTEN: `127.0.0.1:${await freePort()}`,
        SWITCHBOARD__ADMIN__LISTEN: `127.0.0.1:${await freePort()}`,
      };
      const began = Date.now();
      const { code, stdout, stderr } = await run(["serve"], { cwd, env });
      const took = Date.now() - began;
      assert.equal(code, 69, stdout + stderr);
      assert.ok(took >= 1_000 && took < 6_000, `${took} ms`);
      assert.ok(!(stdout + stderr).includes("secretword"));
      const migrated = await run(["migrate"], { cwd, env });
      assert.equal(migrated.code, 69, migrated.stdout + migrated.stderr);
    }),
  );

  story("a Redis that cannot be reached ends the start with exit code 69", async () =>
    inEmptyFolder(async (cwd) => {
      const env = {
        SWITCHBOARD__REDIS__URL: `redis://127.0.0.1:${await freePort()}`,
        SWITCHBOARD__STARTUP_TIMEOUT: "2s",
        SWITCHBOARD__AUTH__SECRET: "x".repeat(32),
        SWITCHBOARD__HTTP__LISTEN: `127.0.0.1:${await freePort()}`,
        SWITCHBOARD__ADMIN__LISTEN: `127.0.0.1:${await freePort()}`,
      };
      const { code, stdout, stderr } = await run(["serve"], { cwd, env });
      assert.equal(code, 69, stdout + stderr);
    }),
  );

  story("production has no playground, and refuses development keys and any origin", async (scene) => {
    const production = { SWITCHBOARD__ENVIRONMENT: "production" };
    const [developing] = scene.cluster.nodes;
    assert.equal((await fetch(`${developing.url}/`)).status, 200);
    const node = await scene.anotherNode("production", production);
    try {
      for (const path of ["/", "/dev/token", "/index.html"]) {
        for (const method of ["GET", "POST"]) {
          assert.equal((await fetch(node.url + path, { method })).status, 404, `${method} ${path}`);
        }
      }
      await scene.connect("alice", { url: node.url });
    } finally {
      await node.kill();
    }
    await inEmptyFolder(async (cwd) => {
      const keyless = await run(["config", "check"], { cwd, env: production });
      assert.equal(keyless.code, 78, keyless.stdout + keyless.stderr);
      const env = { ...production, SWITCHBOARD__AUTH__SECRET: "x".repeat(32), SWITCHBOARD__HTTP__ALLOWED_ORIGINS: "*" };
      const open = await run(["config", "check"], { cwd, env });
      assert.equal(open.code, 78, open.stdout + open.stderr);
    });
  });

  story("the metrics have the names of the contract", async (scene) => {
    const { alice, bob, conversationId } = await scene.aliceAndBob();
    await send(alice, conversationId, "counted");
    await hears(bob, "counted");
    await alice.refused("VALIDATION_FAILED", "message:send", {});
    const typing = { conversationId, isTyping: true };
    const answers = await Promise.all(Array.from({ length: 6 }, () => alice.call("message:typing", typing)));
    assert.equal(answers.filter(({ ok }) => ok).length, 5);
    await assert.rejects(connect({ url: scene.url(), token: "bad" }), { message: "UNAUTHENTICATED" });
    const { status, body } = await scene.cluster.nodes[0].adminPage("/metrics");
    assert.equal(status, 200);
    const needed = [
      "connections", "connects_total", "events_received_total", "event_duration_seconds", "messages_stored_total",
      "store_batch_size", "store_duration_seconds", "publishes_total", "fanout_deliveries_total", "fanout_latency_seconds",
      "presence_users", "rate_limited_total", "auth_failures_total", "disconnects_total", "slow_consumers_total", "degraded", "build_info", ...(MODE === "cluster" ? ["redis_up", "postgres_up"] : []),
    ];
    for (const name of needed) assert.match(body, new RegExp(`^switchboard_${name}(_bucket|_count|\\{| )`, "m"), name);
    const own = body.split("\n").filter((line) => line.startsWith("switchboard_"));
    for (const line of own) {
      assert.ok(!line.includes(scene.org) && !line.includes(alice.user), `names somebody: ${line}`);
    }
    const value = (name) => Number(body.match(new RegExp(`^switchboard_${name}(?:\\{[^}]*\\})? (\\S+)$`, "m"))?.[1]);
    assert.ok(value("messages_stored_total") >= 1);
    assert.equal(value("degraded"), 0);
  });

  story("`config show` shows what is in effect, but no secret", async () =>
    inEmptyFolder(async (cwd) => {
      const env = {
        SWITCHBOARD__AUTH__SECRET: "the-signing-secret-of-this-test-0123456789",
        SWITCHBOARD__DATABASE__URL: "postgres://app:databaseword@127.0.0.1:5432/app",
        SWITCHBOARD__REDIS__URL: "redis://:redisurlword@127.0.0.1:6379/0",
        SWITCHBOARD__REDIS__PASSWORD: "redisword",
        SWITCHBOARD__REDIS__KEY_PREFIX: "shown",
      };
      const { code, stdout, stderr } = await run(["config", "show"], { cwd, env });
      assert.equal(code, 0, stderr);
      for (const secret of ["signing-secret", "databaseword", "redisurlword", "redisword"]) {
        assert.ok(!(stdout + stderr).includes(secret), secret);
      }
      assert.match(stdout, /shown/);
      assert.match(stdout, /127\.0\.0\.1:5432/);
    }),
  );

  story("usage mistakes exit with 2, `version` and `--help` with 0", async () =>
    inEmptyFolder(async (cwd) => {
      for (const args of [["dance"], ["serve", "--port", "1"], ["config", "sing"]]) {
        assert.equal((await run(args, { cwd })).code, 2, args.join(" "));
      }
      for (const args of [["version"], ["--help"], ["serve", "--help"]]) {
        const { code, stdout } = await run(args, { cwd });
        assert.equal(code, 0, args.join(" "));
        assert.ok(stdout.length > 0);
      }
    }),
  );

  story("with no configuration at all it serves, and says where and with what token to try", async (scene) => {
    const { node, client } = await withDefaults(scene);
    try {
      assert.equal(client.session.userId.length > 0, true);
      await client.ok("conversation:list", {});
    } finally {
      client.close();
      await node.kill();
    }
  });
});

/** Every acked message is in the history, as another node or the next process has it. */
async function ackedAreStored(scene, node, { conversationId, acked }) {
  const { cluster } = scene;
  const again = cluster.mode === "cluster" ? undefined : await cluster.startNode("again", node.env);
  try {
    const reader = await scene.connect("bob", { url: again?.url ?? scene.url(0) });
    const stored = [];
    for (let more = true; more; ) {
      const call = { conversationId, afterSeq: stored.at(-1)?.seq ?? 0, limit: 100 };
      const { messages, hasMore } = await reader.ok("message:history", call);
      stored.push(...messages);
      more = hasMore;
    }
    assert.deepEqual(stored.slice(0, acked.length), acked);
    assert.ok(stored.length <= acked.length + 1, "at most the one that was under way");
  } finally {
    await again?.kill();
  }
}

/** A node of whose settings only the addresses are chosen, and a client with the token that it printed. */
async function withDefaults(scene) {
  const cwd = await mkdtemp(join(scene.cluster.folder, "defaults-"));
  const node = await Gateway.start({ env: {}, cwd, log: join(scene.cluster.folder, "defaults.log") });
  try {
    // It is ready before it says so.
    const token = await node.says(/\beyJ[\w-]+\.[\w-]+\.[\w-]+/);
    assert.ok(node.output.includes(`${node.port}`), node.output);
    return { node, client: await connect({ url: node.url, token }) };
  } catch (error) {
    await node.kill();
    throw error;
  }
}
