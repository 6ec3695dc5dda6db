// TLS on the public listener: stock clients, what is not TLS, certificates that are exchanged or end, and mistakes.
import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, get } from "node:https";
import { connect as tcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { connect as tls } from "node:tls";
import { fires } from "./support/alerts.mjs";
import { createAuthority } from "./support/certificates.mjs";
import { startForwarder } from "./support/forwarder.mjs";
import { run } from "./support/process.mjs";
import { startPrometheus } from "./support/prometheus.mjs";
import { hears, pause, send, stories } from "./support/story.mjs";

const PATIENCE_MS = 20_000;
const TRANSPORTS = { polling: ["polling"], websocket: ["websocket"], "both transports": undefined };

const folder = await mkdtemp(join(tmpdir(), "switchboard-e2e-tls-"));
const authority = await createAuthority(folder);
const { ca, caFile } = authority;
const { env: certificate } = await authority.issue("nodes");
after(() => rm(folder, { recursive: true, force: true }));

const believing = { options: { ca, rejectUnauthorized: true } };
/** Stock clients that believe the authority of the tests. */
const secured = (client, transports) => ({ client, ...(transports && { transports }), ...believing });

/** Waits until `look` gives something. */
async function eventually(look, what) {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await pause(100)) {
    const found = await look();
    if (found) return found;
  }
  assert.fail(`no ${what}`);
}

/** One number of a node's metrics; undefined if it has none. */
async function metric(node, name) {
  const { body } = await node.adminPage("/metrics");
  const line = body.split("\n").find((text) => text.startsWith(`${name} `));
  return line && Number(line.split(" ").at(-1));
}

const handshakes = async (node, result) => (await metric(node, `switchboard_tls_handshakes_total{result="${result}"}`)) ?? 0;

/** A handshake with a node; resolves to the socket. */
async function shake(node, options = {}) {
  const socket = tls({ port: node.port, host: "127.0.0.1", ca, ...options });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  return socket;
}

/** What a new connection is shown. */
async function fingerprint(node) {
  const socket = await shake(node);
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

stories("tls", { mode: "cluster", env: { ...certificate, SWITCHBOARD__HTTP__TRUSTED_PROXIES: "127.0.0.99" } }, (story) => {
  for (const client of ["c2", "c4"]) {
    for (const [name, transports] of Object.entries(TRANSPORTS)) {
      story(`${client} talks across nodes by ${name}`, async (scene) => {
        const how = secured(client, transports);
        const { alice, bob, conversationId } = await scene.aliceAndBob({ alice: how, bob: how });
        await send(alice, conversationId, "hello");
        await hears(bob, "hello");
        await send(bob, conversationId, "x".repeat(5000));
        await hears(alice, "x".repeat(5000));
      });
    }
  }

  story("a balancer that passes TLS through needs no sticky sessions", async (scene) => {
    const { nodes } = scene.cluster;
    let turn = 0;
    const balancer = await startForwarder(() => nodes[(turn += 1) % 2].port);
    try {
      const url = balancer.url.replace("http:", "https:");
      const people = await Promise.all(["c2", "c4"].map((client) => scene.connect(client, { url, ...secured(client) })));
      const group = await scene.group(people[0], ["c4"]);
      await people[1].next("conversation:created");
      await send(people[1], group.id, "through both nodes");
      await hears(people[0], "through both nodes");
      const forwarded = await Promise.all(nodes.map((node) => metric(node, 'switchboard_forwarded_requests_total{kind="poll",result="ok"}')));
      assert.ok(forwarded.some((count) => count > 0), `${forwarded}`);
    } finally {
      scene.end();
      balancer.stop();
    }
  });

  story("a client that does not believe the certificate stays away", async (scene) => {
    const before = await handshakes(scene.cluster.nodes[0], "error");
    const strange = { options: { rejectUnauthorized: true }, transports: ["websocket"] };
    await assert.rejects(scene.connect("mallory", strange));
    await eventually(async () => (await handshakes(scene.cluster.nodes[0], "error")) > before, "failed handshake");
  });

  story("a connection speaks HTTP/1.1, in TLS 1.2 or 1.3 and nothing older", async (scene) => {
    const [node] = scene.cluster.nodes;
    for (const version of ["TLSv1.2", "TLSv1.3"]) {
      const ALPNProtocols = ["h2", "http/1.1"];
      const socket = await shake(node, { ALPNProtocols, minVersion: version, maxVersion: version });
      assert.deepEqual([socket.alpnProtocol, socket.getProtocol()], ["http/1.1", version]);
      socket.destroy();
    }
    await assert.rejects(shake(node, { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL@SECLEVEL=0" }));
    await assert.rejects(shake(node, { ALPNProtocols: ["h2"] }));
  });

  story("the address that a proxy tells is believed as without TLS", async (scene) => {
    const olga = await scene.connect("olga", { ...secured("c4"), claims: { roles: ["operator"] } });
    const agent = new Agent({ localAddress: "127.0.0.99", ca });
    const headers = { "x-forwarded-for": "203.0.113.7" };
    const options = { ...believing.options, agent, extraHeaders: headers };
    await scene.connect("bob", { client: "c4", transports: ["polling"], options });
    const seen = await eventually(async () => {
      const { events } = await olga.ok("monitoring:events", {});
      return events.find(({ userId, type }) => userId === scene.id("bob") && type === "connected");
    }, "event of the connect");
    assert.equal(seen.address, "203.0.113.7");
  });

  story("plain HTTP is closed and counted, and costs the others nothing", async (scene) => {
    const [node] = scene.cluster.nodes;
    const before = await handshakes(node, "error");
    const answer = await fetch(node.url.replace("https", "http")).catch((error) => error);
    assert.ok(answer instanceof Error, `${answer.status}`);
    await eventually(async () => (await handshakes(node, "error")) > before, "failed handshake");
    await scene.connect("alice", secured("c4"));
  });

  story("a client that opens a connection and says nothing is cut after ten seconds", async (scene) => {
    const [node] = scene.cluster.nodes;
    const before = await handshakes(node, "timeout");
    const began = Date.now();
    const silent = tcp(node.port, "127.0.0.1");
    await once(silent.resume(), "close");
    const took = Date.now() - began;
    assert.ok(took > 9_000 && took < 19_000, `${took} ms`);
    await eventually(async () => (await handshakes(node, "timeout")) > before, "timeout");
  });

  story("the node says where it is, and health asks the admin listener, which stays plain", async (scene) => {
    const [node] = scene.cluster.nodes;
    await node.says(new RegExp(`ready on ${node.url}`));
    await node.says(new RegExp(`io\\("${node.url}"`));
    const { code, stdout } = await run(["health"], { env: { ...certificate, SWITCHBOARD__ADMIN__LISTEN: `127.0.0.1:${node.adminPort}` } });
    assert.deepEqual([code, /^ready: node one/.test(stdout)], [0, true]);
  });

  story("the page, the HTTP API and the judge come in by TLS too", async (scene) => {
    const [one, two] = scene.cluster.nodes;
    for (const path of ["/", "/openapi.json"]) {
      const [answer] = await once(get(one.url + path, { ca, agent: false }), "response");
      assert.equal(answer.resume().statusCode, 200, path);
    }
    const secret = join(folder, "secret");
    await writeFile(secret, scene.cluster.secret);
    const args = ["--url", `${one.url},${two.url}`, "--secret-file", secret, "--duration", "3s"];
    const judged = await run(["verify", ...args], { env: { SSL_CERT_FILE: caFile }, timeout: 50_000 });
    assert.equal(judged.code, 0, judged.stdout + judged.stderr);
  });

  story("SIGHUP shows a new certificate to new connections, and old ones live on", async (scene) => {
    const { cert, key, env } = await authority.issue("exchanged");
    const node = await scene.anotherNode("exchanging", env);
    const reload = async (said) => {
      const before = node.output.length;
      node.signal("SIGHUP");
      await eventually(() => said.test(node.output.slice(before)), `${said} in ${node.output}`);
    };
    try {
      const alice = await scene.connect("alice", { url: node.url, ...secured("c4", ["websocket"]) });
      const paul = await scene.connect("paul", { url: node.url, ...secured("c2", ["polling"]) });
      const talk = await scene.direct(alice, "paul");
      const [first, ends] = [await fingerprint(node), await metric(node, "switchboard_tls_certificate_expiry_timestamp_seconds")];

      await copyFile(cert, `${cert}.good`);
      await writeFile(cert, "-----BEGIN CERTIFICATE-----\n");
      await reload(/not reloaded.*http\.tls_cert_file: cannot use/);
      assert.equal(await fingerprint(node), first);
      await copyFile(`${cert}.good`, cert);
      await copyFile(join(folder, "nodes.key"), key);
      await reload(/not reloaded.*http\.tls_key_file: cannot use .*not the key/);
      assert.equal(await fingerprint(node), first);

      await authority.issue("exchanged", { hours: 48 });
      await reload(/new certificate/);
      assert.notEqual(await fingerprint(node), first);
      const now = await metric(node, "switchboard_tls_certificate_expiry_timestamp_seconds");
      const hours = (now - Date.now() / 1000) / 3600;
      assert.ok(hours > 47 && hours <= 48 && now < ends, `${hours} h`);

      await send(alice, talk.id, "still here");
      await hears(paul, "still here");
      assert.deepEqual([alice.disconnected, paul.disconnected], [undefined, undefined]);
      node.signal("SIGTERM");
      await Promise.all([alice.next("server:draining"), paul.next("server:draining")]);
      assert.equal((await node.ended).code, 0);
    } finally {
      await node.kill();
    }
  });

  story("alerts tell of a certificate that ends, and of no other", async (scene) => {
    const [soon, later] = await Promise.all([
      authority.issue("soon", { hours: 1 }),
      authority.issue("later", { hours: 24 * 13 }),
    ]);
    const ends = (prometheus) => fires(prometheus, "SwitchboardCertificateEnds", "SwitchboardCertificateExpires");
    const expires = (prometheus) => fires(prometheus, "SwitchboardCertificateExpires");
    const nothing = () => [];
    const judge = async (name, env, told) => {
      const node = await scene.anotherNode(name, env);
      const prometheus = await startPrometheus(join(scene.cluster.folder, `prometheus-${name}`), [node]);
      try {
        await eventually(async () => (await prometheus.query("up == 1")).length === 1, "node that is up");
        const expected = await told(prometheus);
        // Long enough for one that should not to fire.
        await pause(4_000);
        assert.deepEqual((await prometheus.firing()).filter((alert) => /Certificate/.test(alert)), expected);
      } finally {
        await prometheus.stop();
        await node.kill();
      }
    };
    const plain = { SWITCHBOARD__HTTP__TLS_CERT_FILE: undefined, SWITCHBOARD__HTTP__TLS_KEY_FILE: undefined };
    const nodes = [["ends", soon.env, ends], ["expires", later.env, expires], ["lasts", {}, nothing], ["plain", plain, nothing]];
    await Promise.all(nodes.map((one) => judge(...one)));
  });
});

describe("mistakes in a certificate", () => {
  const [cert, key] = ["http.tls_cert_file", "http.tls_key_file"];

  /** `config check` and `serve` refuse it with these words, by the key's environment variable and name. */
  async function isRefused(env, ...lines) {
    for (const args of [["config", "check"], ["serve"]]) {
      const { code, stderr } = await run(args, { env, cwd: folder });
      assert.equal(code, 78, stderr);
      for (const [name, reason] of lines) {
        const variable = `SWITCHBOARD__${name.replace(".", "__").toUpperCase()}`;
        assert.match(stderr, new RegExp(`${variable}: ${name}: ${reason}`));
      }
      assert.equal(stderr.trim().split("\n").length, lines.length, stderr);
    }
  }

  it("are told with exit code 78 before anything is served", async () => {
    const good = await authority.issue("good");
    const [CERT, KEY] = ["SWITCHBOARD__HTTP__TLS_CERT_FILE", "SWITCHBOARD__HTTP__TLS_KEY_FILE"];
    await isRefused({ [CERT]: good.cert }, [cert, `needs ${key}`]);
    await isRefused({ [KEY]: good.key }, [key, `needs ${cert}`]);
    const missing = join(folder, "missing.pem");
    await isRefused({ ...good.env, [CERT]: missing }, [cert, "cannot read `.*missing.pem`: No such file"]);
    await isRefused({ ...good.env, [KEY]: folder }, [key, "cannot read `.*`: Is a directory"]);
    await isRefused({ [CERT]: good.key, [KEY]: good.cert }, [cert, "cannot use `.*: no certificate in it"], [key, "cannot use `.*: no private key in it"]);
    await isRefused({ ...good.env, [KEY]: join(folder, "nodes.key") }, [key, "cannot use `.*nodes.key`: not the key of the first certificate in `.*good.crt`"]);
    const { code, stdout, stderr } = await run(["config", "check"], { env: good.env });
    assert.deepEqual([code, stdout, stderr], [0, "the configuration is valid\n", ""]);
  });

  it("is a warning when it ended", async () => {
    const { env } = await authority.issue("ended", { hours: -1 });
    const { code, stderr } = await run(["config", "check"], { env });
    assert.equal(code, 0);
    assert.match(stderr, /^switchboard: warning: SWITCHBOARD__HTTP__TLS_CERT_FILE: http\.tls_cert_file: the certificate ended at 20/);
  });
});
