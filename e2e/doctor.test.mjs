// `switchboard doctor` finds what was planted, names the mend, and complains of nothing else; `switchboard health`.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { Clock } from "./chaos/clock.mjs";
import { createAuthority } from "./support/certificates.mjs";
import { connect } from "./support/clients.mjs";
import { Cluster } from "./support/cluster.mjs";
import { freePort, run } from "./support/process.mjs";
import { createDatabase, execute, startRedis, startServers } from "./support/servers.mjs";
import { pause } from "./support/story.mjs";
import { sign } from "./support/tokens.mjs";

const TEST = { timeout: 60_000 };

/** The report of `doctor`, and its exit code. No secret of `env` is in anything that it says. */
async function doctor(env, options = {}) {
  const port = async () => `127.0.0.1:${await freePort()}`;
  const listen = { SWITCHBOARD__HTTP__LISTEN: await port(), SWITCHBOARD__ADMIN__LISTEN: await port() };
  const { code, stdout, stderr } = await run(["doctor", "--json"], { ...options, env: { ...listen, ...env } });
  for (const secret of secrets(env)) assert.ok(!(stdout + stderr).includes(secret), `${secret} is in ${stdout}${stderr}`);
  return { code, ...JSON.parse(stdout) };
}

function secrets(env) {
  const passwords = Object.values(env).map((value) => /:\/\/[^@/]*:([^@]+)@/.exec(value)?.[1]);
  const whole = Object.entries(env).filter(([name]) => /SECRET|PASSWORD/.test(name)).map(([, value]) => value);
  return [...passwords, ...whole].filter(Boolean);
}

const failed = ({ checks }) => checks.filter(({ status }) => status === "fail").map(({ check }) => check);

/** Nothing but `check` fails, what was found and the mend are as said, and exit code 1 says so. */
async function fails(check, { found, mend }, env, options) {
  const report = await doctor(env, options);
  assert.deepEqual(failed(report), [check], JSON.stringify(report, null, 1));
  const finding = report.checks.find((one) => one.check === check);
  assert.match(finding.found, found);
  assert.match(finding.mend, mend);
  assert.deepEqual([report.code, report.ok], [1, false]);
}

async function isWell(env, options) {
  const report = await doctor(env, options);
  assert.deepEqual(failed(report), [], JSON.stringify(report, null, 1));
  assert.deepEqual([report.code, report.ok], [0, true]);
  return report;
}

const found = (report, check) => report.checks.find((one) => one.check === check)?.found;

describe("doctor", { concurrency: 4 }, () => {
  let cluster, servers, redis, database, folder;
  /** A set-up that is well, and that no node is in. */
  let well;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "switchboard-e2e-"));
    servers = await startServers();
    [cluster, redis, database] = await Promise.all([
      Cluster.start("doctor", { mode: "cluster" }),
      startRedis("standalone"),
      createDatabase(servers.postgres),
    ]);
    well = {
      SWITCHBOARD__AUTH__SECRET: randomBytes(32).toString("hex"),
      SWITCHBOARD__DATABASE__URL: database.url,
      SWITCHBOARD__DATABASE__MIGRATE_ON_START: "false",
      SWITCHBOARD__REDIS__URL: redis.url,
    };
    const { code, stderr } = await run(["migrate"], { env: well });
    assert.equal(code, 0, stderr);
  });

  after(async () => {
    await cluster?.stop();
    await database?.drop();
    await redis?.stop();
    await servers?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("has no complaint of a node with its embedded defaults, before it starts, and makes no file", TEST, async () => {
    const cwd = await mkdtemp(join(folder, "embedded-"));
    const report = await isWell({}, { cwd });
    assert.match(found(report, "sqlite"), /is made when a node starts/);
    assert.deepEqual(await readdir(cwd), []);
  });

  it("has none while it runs, and knows that it has the ports", TEST, async () => {
    const embedded = await Cluster.start("doctor-embedded", { mode: "embedded" });
    try {
      const [{ env, port, adminPort }] = embedded.nodes;
      const listen = { SWITCHBOARD__HTTP__LISTEN: `127.0.0.1:${port}`, SWITCHBOARD__ADMIN__LISTEN: `127.0.0.1:${adminPort}` };
      const report = await isWell({ ...env, ...listen }, { cwd: embedded.folder });
      for (const key of ["http.listen", "admin.listen"]) assert.match(found(report, key), /by node one, which runs here/);
      assert.match(found(report, "files"), /^node one may have/);
      assert.match(found(report, "sqlite.schema"), /all \d+ migrations/);
    } finally {
      await embedded.stop();
    }
  });

  it("has none of two nodes with Redis and PostgreSQL, and asks each of them", TEST, async () => {
    const report = await isWell(cluster.env);
    for (const node of ["one", "two"]) assert.match(found(report, `peer ${node}`), /takes what is forwarded/);
    assert.match(found(report, "postgres.connections"), /for \d nodes of 10 each/);
    assert.match(found(report, "clock"), /Redis is \d+ ms from this host, PostgreSQL/);
  });

  for (const shape of ["sentinel", "cluster"]) {
    it(`has none of a Redis ${shape}, and counts its replicas`, TEST, async () => {
      const other = await startRedis(shape, "--password");
      try {
        const report = await isWell({ ...well, SWITCHBOARD__REDIS__URL: other.url });
        assert.match(found(report, "redis.replicas"), /every primary has one/);
        if (shape === "sentinel") assert.match(found(report, "redis.sentinels"), /all 3 know the primary `main`/);
        else assert.match(found(report, "redis.slots"), /all 16384/);
      } finally {
        await other.stop();
      }
    });
  }

  it("finds a wrong password of Redis", TEST, async () => {
    const locked = await startRedis("standalone", "--password");
    try {
      const url = locked.url.replace(/:[^:@/]+@/, ":not-the-password@");
      const expected = { found: /WRONGPASS/, mend: /redis\.password/ };
      await fails("redis", expected, { ...well, SWITCHBOARD__REDIS__URL: url });
    } finally {
      await locked.stop();
    }
  });

  it("finds a user that PostgreSQL does not know", TEST, async () => {
    const url = new URL(database.url);
    [url.username, url.password] = ["nobody-here", "not-the-password"];
    const expected = { found: /role "nobody-here" does not exist/, mend: /password in database\.url/ };
    await fails("postgres", expected, { ...well, SWITCHBOARD__DATABASE__URL: url.href });
  });

  it("finds a closed port of PostgreSQL, and of Redis", TEST, async () => {
    const closed = async (text) => Object.assign(new URL(text), { port: await freePort() }).href;
    const postgres = { ...well, SWITCHBOARD__DATABASE__URL: await closed(database.url) };
    await fails("postgres", { found: /[Cc]onnection refused/, mend: /start PostgreSQL/ }, postgres);
    const other = { ...well, SWITCHBOARD__REDIS__URL: await closed(redis.url) };
    await fails("redis", { found: /[Cc]onnection refused/, mend: /start Redis/ }, other);
  });

  it("waits no longer than it is told for a server that takes connections and says nothing", TEST, async () => {
    const silent = createServer((socket) => socket.on("error", () => undefined));
    await new Promise((resolve) => silent.listen(0, "127.0.0.1", resolve));
    try {
      const url = `postgres://somebody@127.0.0.1:${silent.address().port}/x`;
      const env = { ...well, SWITCHBOARD__DATABASE__URL: url };
      const began = Date.now();
      const { code, stdout } = await run(["doctor", "--json", "--timeout", "1s"], { env });
      assert.ok(Date.now() - began < 8_000, `${Date.now() - began} ms`);
      assert.equal(code, 1);
      assert.match(found(JSON.parse(stdout), "postgres"), /no answer within 1s/);
    } finally {
      silent.close();
    }
  });

  it("finds a schema that is too old, and one that is newer is worth a word", TEST, async () => {
    const other = await createDatabase(servers.postgres);
    try {
      const env = { ...well, SWITCHBOARD__DATABASE__URL: other.url };
      const expected = { found: /\d+ of \d+ migrations are not applied/, mend: /switchboard migrate/ };
      await fails("postgres.schema", expected, env);
      assert.equal((await run(["migrate"], { env })).code, 0);
      await isWell(env);
      const insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'from tomorrow', true, '', 0)";
      await execute(other.url, insert);
      assert.match(found(await isWell(env), "postgres.schema"), /newer than this binary.*9999_from_tomorrow/);
    } finally {
      await other.drop();
    }
  });

  it("finds commits that do not wait for the disk", TEST, async () => {
    const other = await createDatabase(servers.postgres);
    try {
      const env = { ...well, SWITCHBOARD__DATABASE__URL: other.url };
      assert.equal((await run(["migrate"], { env })).code, 0);
      await execute(other.url, `ALTER DATABASE ${new URL(other.url).pathname.slice(1)} SET synchronous_commit = off`);
      await fails("postgres.durability", { found: /synchronous_commit is off/, mend: /synchronous_commit = on/ }, env);
    } finally {
      await other.drop();
    }
  });

  it("finds more nodes than PostgreSQL has connections for", TEST, async () => {
    const env = { ...cluster.env, SWITCHBOARD__DATABASE__MAX_CONNECTIONS: "1000" };
    await fails("postgres.connections", { found: /for \d nodes of 1000 each/, mend: /max_connections/ }, env);
  });

  it("finds a Redis that evicts", TEST, async () => {
    const other = await startRedis("standalone");
    try {
      const { port } = new URL(other.url);
      const set = (name, value) => promisify(execFile)("redis-cli", ["-p", port, "config", "set", name, value]);
      await set("maxmemory", "100mb");
      await set("maxmemory-policy", "allkeys-lru");
      const expected = { found: /allkeys-lru, \S+ MiB of 100\.0 MiB used/, mend: /maxmemory-policy noeviction/ };
      await fails("redis.memory", expected, { ...well, SWITCHBOARD__REDIS__URL: other.url });
    } finally {
      await other.stop();
    }
  });

  it("finds a clock that is an hour ahead", TEST, async () => {
    const clock = await Clock.start(await mkdtemp(join(folder, "clock-")));
    await clock.set(1);
    const expected = { found: /this host is \d+ min ahead of Redis, this host is \d+ min ahead of PostgreSQL/, mend: /NTP/ };
    await fails("clock", expected, { ...well, ...clock.env });
  });

  it("finds a low limit of files", TEST, async () => {
    const through = ["sh", "-c", 'ulimit -n 512 && exec "$0" "$@"'];
    await fails("files", { found: /may have 512 descriptors/, mend: /LimitNOFILE=65536/ }, well, { through });
  });

  it("finds nodes that cannot be reached, or have another secret", TEST, async () => {
    // In a cluster of their own, so that the tests beside this one do not meet them.
    const env = { ...cluster.env, SWITCHBOARD__REDIS__KEY_PREFIX: `e2e-${randomBytes(6).toString("hex")}` };
    const advertise = `http://127.0.0.1:${await freePort()}`;
    const node = await cluster.startNode("astray", { ...env, SWITCHBOARD__ADMIN__ADVERTISE: advertise });
    try {
      await fails("peer astray", { found: /cannot be reached/, mend: /admin\.advertise/ }, env);
    } finally {
      await node.kill();
    }
    const report = await doctor({ ...cluster.env, SWITCHBOARD__ADMIN__CLUSTER_SECRET: randomBytes(32).toString("hex") });
    assert.deepEqual(failed(report), ["peer one", "peer two"]);
    assert.match(found(report, "peer one"), /its cluster secret is another/);
  });

  it("finds a file that is no key, and a key set that is not there", TEST, async () => {
    const key = join(folder, "jwt.pem");
    await writeFile(key, "-----BEGIN PUBLIC KEY-----\nbm8ga2V5\n-----END PUBLIC KEY-----\n");
    const expected = { found: /public key/i, mend: /auth\.public_key_file.*openssl pkey/ };
    await fails("auth", expected, { ...well, SWITCHBOARD__AUTH__PUBLIC_KEY_FILE: key });
    const url = `http://127.0.0.1:${await freePort()}/keys`;
    await fails("auth.jwks_url", { found: /refused/, mend: /curl/ }, { ...well, SWITCHBOARD__AUTH__JWKS_URL: url });
  });

  it("finds a certificate that ended or has another's key, and tells when a good one ends", TEST, async () => {
    const authority = await createAuthority(join(folder, "authority"));
    const [good, soon, ended] = [
      await authority.issue("good", { hours: 24 * 15 }),
      await authority.issue("soon", { hours: 24 * 13 }),
      await authority.issue("ended", { hours: -1 }),
    ];
    const [cert, key] = ["http.tls_cert_file", "http.tls_key_file"];
    assert.match(found(await isWell({ ...well, ...good.env }), cert), /^for localhost, 127\.0\.0\.1, until \S+ \(14 days from now\); the key fits/);
    const { checks } = await isWell({ ...well, ...soon.env });
    assert.deepEqual(checks.filter(({ status }) => status === "warn").map(({ check }) => check).filter((check) => check === cert), [cert]);
    await fails(cert, { found: /the certificate ended at .* it is for localhost/, mend: /put a new certificate into .*ended\.crt/ }, { ...well, ...ended.env });
    const stranger = { ...well, ...good.env, SWITCHBOARD__HTTP__TLS_KEY_FILE: soon.key };
    await fails(key, { found: /not the key of the first certificate/, mend: /openssl pkey -in .*soon\.key -pubout/ }, stranger);
    const missing = await doctor({ ...well, ...good.env, SWITCHBOARD__HTTP__TLS_CERT_FILE: join(folder, "missing.crt") });
    assert.deepEqual([missing.code, ...failed(missing)], [78, "configuration"]);
    assert.match(found(missing, "configuration"), /http\.tls_cert_file: cannot read `.*missing\.crt`/);
  });

  it("finds a path for attachments that cannot be written to, and a mail server that is not there", TEST, async () => {
    const file = join(folder, "a-file");
    await writeFile(file, "");
    const store = { ...well, SWITCHBOARD__ATTACHMENTS__STORE: `file://${file}/attachments` };
    await fails("attachments.store", { found: /is a file.*no effect in this version/, mend: /attachments\.store/ }, store);
    const smtp = { ...well, SWITCHBOARD__NOTIFICATIONS__SMTP_URL: `smtp://me:secret-of-mail@127.0.0.1:${await freePort()}` };
    await fails("notifications.smtp_url", { found: /refused/, mend: /smtp_url/ }, smtp);
  });

  it("finds a wrong name of the primary, and names the right one", TEST, async () => {
    const watched = await startRedis("sentinel");
    try {
      const url = watched.url.replace("sentinelServiceName=main", "sentinelServiceName=mian");
      const expected = { found: /none of 3 sentinels knows a primary called `mian`; they know: main/, mend: /sentinelServiceName=main in redis\.url/ };
      await fails("redis.sentinels", expected, { ...well, SWITCHBOARD__REDIS__URL: url });
    } finally {
      await watched.stop();
    }
  });

  it("finds a host that has no address", TEST, async () => {
    const smtp = "smtp://no-such-host.invalid:25";
    const report = await doctor({ ...well, SWITCHBOARD__NOTIFICATIONS__SMTP_URL: smtp });
    assert.deepEqual(failed(report), ["dns", "notifications.smtp_url"]);
    assert.match(found(report, "dns"), /no-such-host\.invalid \(notifications\.smtp_url\)/);
  });

  it("lists every mistake of a configuration that cannot be used, with exit code 78", TEST, async () => {
    const report = await doctor({ ...well, SWITCHBOARD__REDIS__COMMAND_TIMEOUT: "soon", SWITCHBOARD__REDS__URL: "x" });
    assert.equal(report.code, 78);
    assert.deepEqual(failed(report), ["configuration", "configuration"]);
  });

  it("says the same to people, a line each, with the mend below", TEST, async () => {
    const { code, stdout, stderr } = await run(["doctor"], { env: { ...well, SWITCHBOARD__REDIS__URL: "redis://127.0.0.1:1" } });
    assert.equal(code, 1);
    assert.match(stdout, /^ok {4}postgres {14}connected in \d+ ms to PostgreSQL/m);
    assert.match(stdout, /^fail {2}redis .*\n +→ start Redis/m);
    assert.match(stdout, /^\d+ checks: \d+ ok, \d+ to look at, 1 failed$/m);
    assert.match(stderr, /one check failed/);
  });
});

describe("health", () => {
  it("is 0 of a node that is ready, and 1 of one that drains or is not there", TEST, async () => {
    const cluster = await Cluster.start("health", { mode: "cluster", env: { SWITCHBOARD__SHUTDOWN__DRAIN: "20s" } });
    try {
      const [node] = cluster.nodes;
      const health = (...args) => run(["health", "--url", node.admin, ...args]);
      const ready = await health();
      assert.deepEqual([ready.code, ready.stderr], [0, ""]);
      assert.match(ready.stdout, /^ready: node one, version \S+\n$/);
      const configured = await run(["health"], { env: { SWITCHBOARD__ADMIN__LISTEN: `0.0.0.0:${node.adminPort}` } });
      assert.equal(configured.stdout, ready.stdout);
      const bare = { SSL_CERT_FILE: "/nonexistent", SSL_CERT_DIR: "/nonexistent" };
      assert.equal((await run(["health", "--url", node.admin], { env: bare })).stdout, ready.stdout);

      const people = Array.from({ length: 5 }, (_, n) => connect({ url: node.url, token: sign(cluster.secret, `p${n}`, "acme") }));
      const clients = await Promise.all(people);
      node.signal("SIGTERM");
      let answer = await health();
      for (const patience = Date.now() + 10_000; answer.code === 0 && Date.now() < patience; answer = await health()) await pause(20);
      assert.equal(answer.code, 1);
      assert.match(answer.stderr, /\/readyz says that it is draining\n$/);
      assert.deepEqual(await health("--live").then(({ code, stdout }) => [code, stdout]), [0, "alive\n"]);
      for (const client of clients) client.close();
      await node.kill();

      const gone = await health();
      assert.equal(gone.code, 1);
      assert.match(gone.stderr, /^switchboard: \S+\/readyz does not answer: .*refused.*\n$/);
    } finally {
      await cluster.stop();
    }
  });

  it("is 1 in time when nothing is answered, and when the configuration is wrong", TEST, async () => {
    const silent = createServer((socket) => socket.on("error", () => undefined));
    await new Promise((resolve) => silent.listen(0, "127.0.0.1", resolve));
    try {
      const began = Date.now();
      const url = `http://127.0.0.1:${silent.address().port}`;
      const answer = await run(["health", "--url", url, "--timeout", "1s"]);
      assert.equal(answer.code, 1);
      assert.match(answer.stderr, /nothing came in time/);
      assert.ok(Date.now() - began < 5_000);
    } finally {
      silent.close();
    }
    const wrong = await run(["health"], { env: { SWITCHBOARD__ADMIN__LISTEN: "here" } });
    assert.equal(wrong.code, 1);
  });
});
