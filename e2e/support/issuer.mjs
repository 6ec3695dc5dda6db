// An issuer of tokens that publishes its keys.
import { generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";

export const kinds = {
  RS256: { pair: ["rsa", { modulusLength: 2048 }], how: ["sha256", (key) => key] },
  ES256: { pair: ["ec", { namedCurve: "P-256" }], how: ["sha256", (key) => ({ key, dsaEncoding: "ieee-p1363" })] },
  EdDSA: { pair: ["ed25519", {}], how: [null, (key) => key] },
};
const part = (object) => Buffer.from(JSON.stringify(object)).toString("base64url");

/** A key of an issuer: `jwk` is published, `token` signs. */
export function issue(alg, kid) {
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

/** An issuer's server: `{url, publish, asked, stop, isDown}`; while `isDown` it answers everybody with an error. */
export async function startIssuer() {
  const issuer = { isDown: false };
  let keys = [];
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    if (issuer.isDown) response.statusCode = 503;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ keys }));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  Object.assign(issuer, {
    url: `http://127.0.0.1:${server.address().port}/jwks.json`,
    publish: (...issued) => (keys = issued.map(({ jwk }) => jwk)),
    asked: () => asked,
    stop: () => new Promise((resolve) => server.close(resolve)),
  });
  return issuer;
}
