// Alerts of the shipped rules fire in the fault that they are for, made for real, and end with it (but for lost events
// and wrong badges, which are told of for an hour); none fires while all is well.
//
// Prometheus gets the rules with windows that are 60 times shorter (an hour is a minute) and looks every second; the
// thresholds are the shipped ones. Each story has nodes and a Prometheus of its own, which sees these nodes alone.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { during, eventually, fires, silent, watched } from "./support/alerts.mjs";
import { connect } from "./support/clients.mjs";
import { issue, startIssuer } from "./support/issuer.mjs";
import { BINARY, run } from "./support/process.mjs";
import { redis } from "./support/redis.mjs";
import { execute } from "./support/servers.mjs";
import { Backend } from "./support/service.mjs";
import { startStallable } from "./support/stall.mjs";
import { pause, send, stories } from "./support/story.mjs";

const HURRY = { hurry: 60 };
const QUEUE = {
  SWITCHBOARD__QUEUE__MAX_EVENTS: "2",
  SWITCHBOARD__QUEUE__RETRY_AFTER: "100ms",
  SWITCHBOARD__QUEUE__ATTEMPTS: "1",
};

/** For how long people talk without any alert. */
const TALK_S = 8;
const webSocket = { transports: ["websocket"] };
const names = (count, prefix) => Array.from({ length: count }, (_, n) => `${prefix}-${n}`);

/** Nodes of the story's own, which end with it. */
async function withNodes(starting, tell) {
  const started = await Promise.allSettled(starting);
  const nodes = started.filter(({ status }) => status === "fulfilled").map(({ value }) => value);
  try {
    const failed = started.find(({ status }) => status === "rejected");
    if (failed) throw failed.reason;
    await tell(...nodes);
  } finally {
    await Promise.all(nodes.map((node) => node.kill()));
  }
}

/** People on these nodes by turns, all in one group. */
async function groupOn(scene, nodes, count) {
  const all = names(count, "person");
  const people = await Promise.all(all.map((name, n) => scene.connect(name, { url: nodes[n % nodes.length].url, ...webSocket })));
  const { id } = await scene.group(people[0], all.slice(1));
  await Promise.all(people.slice(1).map((person) => person.next("conversation:created")));
  return { people, id };
}

const asks = (person, event, payload) => person.call(event, payload).catch(() => undefined);

/** A copy of the binary that says it was built of another commit; its text has the same length. */
async function anotherVersion(folder) {
  const { stdout } = await run(["version"]);
  const [, commit] = stdout.match(/\((.+)\)/);
  const bytes = await readFile(BINARY);
  const other = Buffer.from([...commit].reverse().join(""));
  let found = 0;
  for (let at = bytes.indexOf(commit); at >= 0; at = bytes.indexOf(commit, at + 1), found += 1) other.copy(bytes, at);
  assert.ok(found > 0, `${commit} is not in the binary`);
  const path = join(folder, "another-version");
  await writeFile(path, bytes, { mode: 0o755 });
  return path;
}

/** Opens an Engine.IO session by polling; `poll` asks for it, at that node or at another one. */
async function openPolling(node) {
  const at = (url, sid = "") => `${url}/socket.io/?EIO=4&transport=polling${sid}`;
  const open = await (await fetch(at(node.url))).text();
  const sid = `&sid=${JSON.parse(open.slice(1)).sid}`;
  return {
    post: async (body) => (await fetch(at(node.url, sid), { method: "POST", body })).text(),
    poll: async (url = node.url) => (await fetch(at(url, sid))).text(),
  };
}

/** A device that comes in by polling, and then asks for nothing any more. */
async function stopsReading(node, token) {
  const session = await openPolling(node);
  await session.post(`40${JSON.stringify({ token })}`);
  assert.match(await session.poll(), /^40/);
}

/** Redis has it that users with this name have not read a conversation that there is not; of how many. */
function falsify({ env }, name) {
  const script = `
    local users = redis.call('KEYS', ARGV[1])
    for _, user in ipairs(users) do redis.call('HSET', user, ARGV[2], '7:1:0') end
    return #users`;
  const keys = `${env.SWITCHBOARD__REDIS__KEY_PREFIX}*unread:${name}-*`;
  return redis(env.SWITCHBOARD__REDIS__URL, "EVAL", script, "0", keys, "01890000-0000-7000-8000-000000000000");
}

/** Fills a node with clients until it refuses one, and leaves it hardly any descriptors; resolves to the clients. */
async function fill(node, comes) {
  const inside = [];
  for (let client = await comes(); client; client = await comes()) inside.push(client);
  const [, open] = (await node.adminPage("/metrics")).body.match(/^process_open_fds (\d+)$/m);
  const limit = Math.ceil(open / 0.9);
  await promisify(execFile)("prlimit", ["--pid", String(node.child.pid), `--nofile=${limit}:${limit}`]);
  return inside;
}

stories("alerts", { mode: "cluster", timeout: 150_000, concurrency: 4, env: QUEUE }, (story) => {
  story("nothing is told of people who talk; lost events and wrong badges are", async (scene) => {
    const { nodes } = scene.cluster;
    await watched(scene, nodes, async (prometheus) => {
      const { people, id } = await groupOn(scene, nodes, 6);
      const round = async () => {
        for (const person of people) {
          const { seq } = await send(person, id, "hello");
          await person.ok("message:typing", { conversationId: id, isTyping: true });
          await person.ok("message:read", { conversationId: id, upToSeq: seq });
        }
        for (const node of nodes) (await scene.connect("guest", { url: node.url })).close();
      };
      const quiet = async () => {
        await pause(TALK_S * 1_000);
        // Alerts do not wait here: where the machine stood still for a second, it counts from then on.
        await eventually(() => prometheus.fired(TALK_S));
      };
      await during(round, quiet, { every: 2_000 });

      const crowd = names(60, "crowd");
      const backend = new Backend(scene);
      for (let n = 0; n < 4; n += 1) await backend.post({ userIds: crowd.map((name) => scene.id(name)) }, "offer", n);
      await fires(prometheus, "SwitchboardQueueOverflows");
      // None of them acknowledges what waited.
      await Promise.all(crowd.map((name, n) => scene.connect(name, { node: n % 2, ...webSocket })));
      await fires(prometheus, "SwitchboardDeadLetters");
      // The nodes look once a minute.
      assert.equal(await falsify(scene.cluster, "crowd"), "60");
      await fires(prometheus, "SwitchboardUnreadDrift");
    }, HURRY);
  });

  story("nodes that end, come back, and are of two versions", async (scene) => {
    const { cluster } = scene;
    const other = await anotherVersion(cluster.folder);
    await withNodes(["left", "right"].map((id) => cluster.startNode(id)), async (left, right) => {
      const back = [];
      const start = async (node, more = {}) => {
        back.push(await cluster.startNode(node.env.SWITCHBOARD__NODE_ID, {}, { at: node, ...more }));
        return back.at(-1);
      };
      try {
        await watched(scene, [left, right], async (prometheus) => {
          await left.kill();
          await fires(prometheus, "SwitchboardNodeDown");
          assert.ok(!(await prometheus.firing()).includes("SwitchboardAllNodesDown"));
          await right.kill();
          await fires(prometheus, "SwitchboardAllNodesDown");
          let [restless] = await Promise.all([start(left, { binary: other }), start(right)]);
          await fires(prometheus, "SwitchboardVersionsDiffer");
          await silent(prometheus, "SwitchboardNodeDown", "SwitchboardAllNodesDown");
          for (let starts = 1; starts <= 3; starts += 1) {
            // A start is known by its second.
            await pause(1_000);
            await restless.kill();
            restless = await start(left);
            const begun = `process_start_time_seconds{instance="127.0.0.1:${left.adminPort}"}`;
            const isSeen = async () => (await prometheus.query(`changes(${begun}[1m]) > ${starts}`)).length > 0;
            await eventually(async () => ((await isSeen()) ? [] : [`start ${starts} is not seen`]));
          }
          await fires(prometheus, "SwitchboardRestarts");
          await silent(prometheus, "SwitchboardVersionsDiffer", "SwitchboardRestarts");
        }, HURRY);
      } finally {
        await Promise.all(back.map((node) => node.kill()));
      }
    });
  });

  story("a database that waits, stands still, is slow, and refuses", async (scene) => {
    const { cluster } = scene;
    const database = await startStallable(cluster.database);
    scene.keep({ close: database.stop });
    const env = { SWITCHBOARD__DATABASE__URL: database.url, SWITCHBOARD__DATABASE__STATEMENT_TIMEOUT: "3s" };
    await withNodes(["stored-1", "stored-2"].map((id) => cluster.startNode(id, env)), async (...nodes) => {
      await watched(scene, nodes, async (prometheus) => {
        const { people, id } = await groupOn(scene, nodes, 8);
        const talking = (until, speakers = people) => {
          const speak = (person) => asks(person, "message:send", { conversationId: id, content: "hello" });
          return during(() => Promise.all(speakers.map(speak)), until, { every: 200 });
        };

        const lock = new pg.Client({ connectionString: cluster.database });
        await lock.connect();
        try {
          await lock.query("begin");
          await lock.query("select 1 from conversations where id = $1 for update", [id]);
          await talking(() => fires(prometheus, "SwitchboardShedsLoad"));
        } finally {
          await lock.end();
        }

        database.stall();
        const down = () =>
          fires(
            prometheus,
            "SwitchboardPostgresDown",
            "SwitchboardDependencyFlaps",
            "SwitchboardErrorBudgetBurnsFast",
            "SwitchboardErrorBudgetBurnsSlowly",
          );
        await talking(down);
        database.resume();
        await silent(prometheus, "SwitchboardPostgresDown", "SwitchboardShedsLoad");

        database.slow(300);
        const slow = () => fires(prometheus, "SwitchboardCommitsSlow", "SwitchboardSendsSlow", "SwitchboardFanoutSlow");
        // On one node, or they would wait for each other's locks.
        await talking(slow, people.filter((_, n) => n % 2 === 0));
        database.resume();

        const full = `alter table presence_changes add constraint disk_full check (organization_id <> '${scene.org}') not valid`;
        await execute(cluster.database, full);
        let turn = 0;
        const change = () => {
          const status = (turn += 1) % 2 ? "busy" : "online";
          return Promise.all(people.map((person) => asks(person, "presence:update", { status })));
        };
        await during(change, () => fires(prometheus, "SwitchboardPresenceLost"), { every: 500 });
        await execute(cluster.database, "alter table presence_changes drop constraint disk_full");

        await silent(prometheus, "SwitchboardCommitsSlow", "SwitchboardSendsSlow", "SwitchboardFanoutSlow");
        await silent(prometheus, "SwitchboardErrorBudgetBurnsFast", "SwitchboardErrorBudgetBurnsSlowly");
        await silent(prometheus, "SwitchboardPresenceLost", "SwitchboardDependencyFlaps");
      }, HURRY);
    });
  });

  story("a Redis that stands still, and one that takes no events", async (scene) => {
    const { cluster } = scene;
    const direct = cluster.env.SWITCHBOARD__REDIS__URL;
    const user = `gateway-${scene.org}`;
    await redis(direct, "ACL", "SETUSER", user, "on", ">secret", "~*", "&*", "+@all");
    const way = await startStallable(direct);
    scene.keep({ close: way.stop });
    const env = { SWITCHBOARD__REDIS__URL: way.url, SWITCHBOARD__REDIS__USERNAME: user, SWITCHBOARD__REDIS__PASSWORD: "secret" };
    await withNodes(["heard-1", "heard-2"].map((id) => cluster.startNode(id, env)), async (...nodes) => {
      await watched(scene, nodes, async (prometheus) => {
        const { people, id } = await groupOn(scene, nodes, 4);
        way.stall();
        await fires(prometheus, "SwitchboardRedisDown");
        way.resume();
        await silent(prometheus, "SwitchboardRedisDown");

        const talk = () => Promise.all(people.map((person) => asks(person, "message:send", { conversationId: id, content: "hello" })));
        await redis(direct, "ACL", "SETUSER", user, "-publish", "-spublish");
        await during(talk, () => fires(prometheus, "SwitchboardPublishesFail", "SwitchboardGaps"), { every: 300 });
        await redis(direct, "ACL", "SETUSER", user, "+publish", "+spublish");
        await during(talk, () => silent(prometheus, "SwitchboardPublishesFail", "SwitchboardGaps"), { every: 500 });
      }, HURRY);
    });
  });

  story("a full node, an issuer that does not answer, clients that call too often or do not read, a peer out of reach", async (scene) => {
    const { cluster } = scene;
    const issuer = await startIssuer();
    scene.keep({ close: issuer.stop });
    const [old, fresh] = [issue("ES256", "old"), issue("ES256", "fresh")];
    issuer.publish(old);
    const door = {
      SWITCHBOARD__AUTH__JWKS_URL: issuer.url,
      SWITCHBOARD__ADMIN__CLUSTER_SECRET: "another secret than all others have",
      SWITCHBOARD__LIMITS__FAILED_CONNECTS: "0",
      SWITCHBOARD__RATE_LIMITS__EVENTS: '{"presence:stats":"5/1h"}',
      SWITCHBOARD__REALTIME__SEND_QUEUE: "16KiB",
    };
    const narrow = { SWITCHBOARD__HTTP__MAX_CONNECTIONS: "20", SWITCHBOARD__ADMIN__ADVERTISE: "http://127.0.0.1:1" };
    const starting = [cluster.startNode("door", door), cluster.startNode("narrow", narrow)];
    await withNodes(starting, async (door, narrow) => {
      await watched(scene, [door, narrow], async (prometheus) => {
        const elsewhere = await Promise.all([cluster.nodes[0], narrow].map(openPolling));
        const backend = new Backend(scene, { url: door.url });
        const overrun = async () => {
          await stopsReading(door, scene.token("mute"));
          for (let n = 0; n < 3; n += 1) await backend.post({ userIds: [scene.id("mute")] }, "news", "x".repeat(8_000));
        };
        const eager = await scene.connect("eager", { url: door.url });
        issuer.publish(fresh);
        issuer.isDown = true;
        const comes = async (url, token) => {
          const client = await connect({ url, token, ...webSocket }).catch(() => undefined);
          return client && scene.keep(client);
        };
        const guest = async () => (await comes(door.url, fresh.token(scene.id("guest"), scene.org)))?.close();
        const another = () => comes(narrow.url, scene.token("inside"));
        const inside = await fill(narrow, another);
        const trouble = () => {
          const polls = elsewhere.map(({ poll }) => poll(door.url));
          return Promise.all([another(), guest(), guest(), guest(), overrun(), asks(eager, "presence:stats", {}), ...polls]);
        };
        const told = () =>
          fires(
            prometheus,
            "SwitchboardConnectsFail",
            "SwitchboardFileDescriptors",
            "SwitchboardForwardingFails",
            "SwitchboardJwksStale",
            "SwitchboardNodeFull",
            "SwitchboardRateLimits",
            "SwitchboardSlowConsumers",
          );
        const all = await during(trouble, told, { every: 300 });
        const failing = await prometheus.query('ALERTS{alertname="SwitchboardForwardingFails", alertstate="firing"}');
        assert.deepEqual(failing.map(({ metric }) => metric.result).sort(), ["refused", "unreachable"]);

        issuer.isDown = false;
        for (const client of inside) client.close();
        await during(guest, () => silent(prometheus, ...all), { every: 300 });
      }, HURRY);
    });
  });
});
