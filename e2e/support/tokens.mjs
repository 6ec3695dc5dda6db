// JSON Web Tokens, good and bad.
import { createHmac, createSign, generateKeyPairSync } from "node:crypto";

const part = (object) => Buffer.from(JSON.stringify(object)).toString("base64url");
const now = () => Math.floor(Date.now() / 1000);

/** `header.payload.` and the signature that `sign` makes of what is before it. */
function token(header, claims, sign) {
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${sign(signed)}`;
}

const hmac = (secret) => (signed) => createHmac("sha256", secret).update(signed).digest("base64url");

/** Signed with `secret`; `claims` may remove one (`exp: undefined`) or replace it. */
export function sign(secret, sub, org, claims = {}) {
  return token(
    { alg: "HS256", typ: "JWT" },
    { sub, org, iat: now(), exp: now() + 3600, ...claims },
    hmac(secret),
  );
}

/** Tokens of `sub` that must be refused: `[what is wrong, token, code]`. */
export function badTokens(secret, sub, org) {
  const claims = { sub, org, iat: now(), exp: now() + 3600 };
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = publicKey.export({ type: "spki", format: "pem" });
  const good = sign(secret, sub, org);
  const [header, payload, signature] = good.split(".");
  const rsa = (signed) => createSign("sha256").update(signed).sign(privateKey, "base64url");
  const bad = [
    ["no token at all", undefined],
    ["an empty token", ""],
    ["words", "let me in"],
    ["a number", 42],
    ["the wrong key", sign(`${secret}x`, sub, org)],
    ["no signature", `${header}.${payload}.`],
    ["a signature of something else", `${header}.${part({ ...claims, sub: "root" })}.${signature}`],
    ["the algorithm none", token({ alg: "none", typ: "JWT" }, claims, () => "")],
    ["the algorithm None, with a signature", token({ alg: "None", typ: "JWT" }, claims, hmac(secret))],
    ["RS256, signed with an unknown key", token({ alg: "RS256", typ: "JWT" }, claims, rsa)],
    ["RS256, signed with the secret", token({ alg: "RS256", typ: "JWT" }, claims, hmac(secret))],
    ["HS256, signed with a public key", token({ alg: "HS256", typ: "JWT" }, claims, hmac(pem))],
    ["no exp", sign(secret, sub, org, { exp: undefined })],
    ["an exp that is no number", sign(secret, sub, org, { exp: "tomorrow" })],
    ["an nbf in the future", sign(secret, sub, org, { nbf: now() + 3600 })],
    ["no sub", sign(secret, undefined, org)],
    ["an empty sub", sign(secret, "", org)],
    ["a sub with a space", sign(secret, "two words", org)],
    ["a sub of 129 characters", sign(secret, "x".repeat(129), org)],
    ["no organization", sign(secret, sub, undefined)],
    ["an organization with a slash", sign(secret, sub, "../acme")],
    ["an organization of 129 characters", sign(secret, sub, "o".repeat(129))],
  ];
  return [
    ...bad.map(([title, value]) => [title, value, "UNAUTHENTICATED"]),
    ["an exp in the past", sign(secret, sub, org, { exp: now() - 300 }), "TOKEN_EXPIRED"],
  ];
}
