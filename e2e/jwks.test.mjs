// Keys that an issuer publishes and rotates, with no restart of a node.
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";
import { connect } from "./support/clients.mjs";
import { run } from "./support/process.mjs";
import { stories } from "./support/story.mjs";

const kinds = {
  RS256: { pair: ["rsa", { modulusLength: 2048 }], how: ["sha256", (key) => key] },
  ES256: { pair: ["ec", { namedCurve: "P-256" }], how: ["sha256", (key) => ({ key, dsaEncoding: "ieee-p1363" })] },
  EdDSA: { pair: ["ed25519", {}], how: [null, (key) => key] },
};
const part = (object) => Buffer.from(JSON.stringify(object)).toString("base64url");

/** A key of an issuer: `jwk` is published, `token` signs. */
function issue(alg, kid) {
  const { pair, how } = kinds[alg];
  const { privateKey, publicKey } = generateKeyPairSync(...pair);
  const jwk = { ...publicKey.export({ format: "jwk" }), kid, alg, use: "sig" };
  const token = (sub, org) => {
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const signed = `${part({ alg, typ: "JWT", kid })}.${part({ sub, org, exp })}`;
    return `${signed}.${sign(how[0], Buffer.from(signed), how[1](privateKey)).toString("base64url")}`;
  };
  return { jwk, token };
}

/** An issuer's server: `{url, publish, asked, stop}`. */
async function startIssuer() {
  let keys = [];
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ keys }));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/jwks.json`,
    publish: (...issued) => (keys = issued.map(({ jwk }) => jwk)),
    asked: () => asked,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}

stories("jwks", {}, (story) => {
  story("keys of every kind are believed, rotate, and outlive their issuer", async (scene) => {
    const issuer = await startIssuer();
    const first = Object.keys(kinds).map((alg) => issue(alg, `${alg}-1`));
    issuer.publish(...first);
    const env = {
      SWITCHBOARD__AUTH__SECRET: "",
      SWITCHBOARD__AUTH__JWKS_URL: issuer.url,
      SWITCHBOARD__ENVIRONMENT: "production",
      SWITCHBOARD__HTTP__ALLOWED_ORIGINS: "https://chat.example",
      SWITCHBOARD__ADMIN__CLUSTER_SECRET: scene.cluster.secret,
    };
    const node = await scene.anotherNode("published", env);
    try {
      const comesIn = async ({ token }) => {
        const client = await connect({ url: node.url, token: token(scene.id("alice"), scene.org) });
        client.close();
      };
      for (const key of first) await comesIn(key);
      const before = issuer.asked();
      const second = Object.keys(kinds).map((alg) => issue(alg, `${alg}-2`));
      issuer.publish(...second);
      // The first unknown key makes the node ask; those who come meanwhile wait for the answer.
      await Promise.all(second.map(comesIn));
      assert.equal(issuer.asked(), before + 1);
      await assert.rejects(comesIn(first[0]), { message: "UNAUTHENTICATED" });
      // A key that nobody published, under a known name.
      await assert.rejects(comesIn(issue("ES256", "ES256-2")), { message: "UNAUTHENTICATED" });
      assert.equal(issuer.asked(), before + 1, "not asked again so soon");
      await issuer.stop();
      for (const key of second) await comesIn(key);
    } finally {
      await node.kill();
    }
  });

  story("without its issuer a node does not start, and says why", async (scene) => {
    const issuer = await startIssuer();
    await issuer.stop();
    const env = {
      ...scene.cluster.env,
      SWITCHBOARD__AUTH__SECRET: "",
      SWITCHBOARD__AUTH__JWKS_URL: issuer.url,
      SWITCHBOARD__STARTUP_TIMEOUT: "1s",
      SWITCHBOARD__HTTP__LISTEN: "127.0.0.1:0",
      SWITCHBOARD__ADMIN__LISTEN: "127.0.0.1:0",
    };
    const { code, stderr } = await run(["serve"], { cwd: scene.cluster.folder, env });
    assert.equal(code, 69);
    assert.match(stderr, /the key set at http:\/\/127\.0\.0\.1:\d+\/jwks\.json \(auth\.jwks_url\) could not be reached within 1s/);
  });
});
