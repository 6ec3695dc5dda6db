// A rollout: while old nodes run, the next release's migrations are applied to their database.
import assert from "node:assert/strict";
import { run } from "./support/process.mjs";
import { execute } from "./support/servers.mjs";
import { hears, send, stories } from "./support/story.mjs";

const TABLES = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'";

/** A migration that the next release has applied, as it is remembered. */
const applied = (version, description) =>
  `INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (${version}, '${description}', true, '', 0)`;

/** Of everything that migrations/README.md lets a migration do, one on each table. */
async function expand(database) {
  for (const { name } of await execute(database, TABLES)) {
    await execute(database, `ALTER TABLE ${name} ADD COLUMN next_note text`);
    await execute(database, `ALTER TABLE ${name} ADD COLUMN next_kind text NOT NULL DEFAULT 'plain'`);
    await execute(database, `CREATE INDEX CONCURRENTLY ${name}_next ON ${name} (next_kind, next_note)`);
  }
  await execute(database, "CREATE TABLE next_things (organization_id text NOT NULL, id uuid PRIMARY KEY)");
  await execute(database, applied(9998, "next things"));
}

/** Says something every now and then until told to stop; resolves to how often. */
function talk(alice, conversationId) {
  let isOver = false;
  const talking = (async () => {
    let said = 0;
    for (; !isOver; said += 1) await send(alice, conversationId, `word ${said}`);
    return said;
  })();
  return () => {
    isOver = true;
    return talking;
  };
}

/** A little of everything that reads and writes the database. */
async function useAll(alice, bob, conversationId) {
  const sent = await send(alice, conversationId, "a heron at noon");
  await hears(bob, "a heron at noon");
  const messageId = sent.id;
  await alice.ok("message:edit", { messageId, content: "a heron at dusk" });
  await bob.ok("message:react", { messageId, emoji: "👍" });
  const reply = await bob.ok("message:send", { conversationId, content: "where?", replyTo: messageId });
  await bob.ok("message:read", { conversationId, upToSeq: sent.seq });
  await alice.ok("message:delete", { messageId: (await send(alice, conversationId, "oh")).id });
  const found = await bob.ok("message:search", { query: "heron", conversationId });
  assert.equal(found.results.length, 1, JSON.stringify(found));
  const thread = await alice.ok("message:thread", { messageId });
  assert.deepEqual(thread.replies.map(({ id }) => id), [reply.message.id]);
  const list = await alice.ok("conversation:list", {});
  assert.equal(list.conversations[0].id, conversationId);
  await alice.ok("conversation:sync", { conversationId, afterRev: 0 });
}

stories("upgrade", { mode: "cluster", timeout: 120_000, concurrency: 1 }, (story) => {
  story("old nodes go on while a schema expands under them, and others start on it", async (scene) => {
    const { cluster } = scene;
    const [alice, bob] = await Promise.all([scene.connect("alice"), scene.connect("bob", { node: 1 })]);
    const talk1 = await scene.group(alice, ["bob"]);
    await bob.next("conversation:created");
    const stop = talk(alice, talk1.id);
    await expand(cluster.database);
    const said = await stop();
    assert.ok(said > 0);
    await bob.until(() => bob.collected("message:new").length === said, () => `${said} messages`);
    await useAll(alice, bob, talk1.id);

    const node = await cluster.startNode("later-upgrade");
    try {
      assert.match(node.output, /schema is newer than this binary.*9998_next_things/);
      const carol = await scene.connect("carol", { url: node.url });
      const talk2 = await scene.group(carol, ["bob"]);
      await bob.next("conversation:created", ({ conversation }) => conversation.id === talk2.id);
      await useAll(carol, bob, talk2.id);
    } finally {
      await node.kill();
    }
  });

  story("what a newer release took away is a reason not to start, and not to migrate", async (scene) => {
    const { cluster } = scene;
    await execute(cluster.database, applied(9999, "contract old titles"));
    const expected = /too new for this binary.*9999_contract_old_titles.*run the release that knows/s;
    const options = { cwd: cluster.folder, env: cluster.env };
    for (const command of [["serve"], ["migrate"], ["migrate", "--dry-run"]]) {
      const { code, stdout, stderr } = await run(command, options);
      assert.equal(code, 1, `${command}: ${stdout}${stderr}`);
      assert.match(stderr, expected);
    }
    const starting = { ...cluster.env, SWITCHBOARD__DATABASE__MIGRATE_ON_START: "true" };
    assert.match((await run(["serve"], { ...options, env: starting })).stderr, expected);
    // Those that run may have needed nothing of it.
    const [alice, bob] = await Promise.all([scene.connect("alice"), scene.connect("bob", { node: 1 })]);
    const talk1 = await scene.group(alice, ["bob"]);
    await bob.next("conversation:created");
    await send(alice, talk1.id, "still here");
    await hears(bob, "still here");
  });
});
