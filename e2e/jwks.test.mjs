// Keys that an issuer publishes and rotates, with no restart of a node.
import assert from "node:assert/strict";
import { connect } from "./support/clients.mjs";
import { issue, kinds, startIssuer } from "./support/issuer.mjs";
import { run } from "./support/process.mjs";
import { stories } from "./support/story.mjs";

stories("jwks", {}, (story) => {
  story("keys of every kind are believed, rotate, and outlive their issuer", async (scene) => {
    const issuer = await startIssuer();
    scene.keep({ close: issuer.stop });
    const first = Object.keys(kinds).map((alg) => issue(alg, `${alg}-1`));
    issuer.publish(...first);
    const env = {
      SWITCHBOARD__AUTH__SECRET: "",
      SWITCHBOARD__AUTH__JWKS_URL: issuer.url,
      // Plain HTTP needs none of the machine's certificates.
      SSL_CERT_FILE: "/nonexistent",
      SSL_CERT_DIR: "/nonexistent",
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
