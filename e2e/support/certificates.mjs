// An authority of a test, and certificates of it, made by openssl.
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const HOUR_MS = 3_600_000;

const openssl = (...args) => promisify(execFile)("openssl", args);
const key = (file) => ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", file];

/** As `openssl ca` wants it. */
const moment = (hours) => new Date(Date.now() + hours * HOUR_MS).toISOString().replace(/[-:T]|\.\d+/g, "");

/**
 * Makes an authority that keeps everything below `folder`: `{ca, caFile, issue}`.
 */
export async function createAuthority(folder) {
  await mkdir(folder, { recursive: true });
  const file = (name) => join(folder, name);
  const [caFile, caKey, config] = [file("ca.crt"), file("ca.key"), file("ca.conf")];
  const subject = ["-subj", "/CN=Switchboard test authority"];
  await openssl("req", "-x509", ...key(caKey), "-out", caFile, "-days", "1", ...subject);
  await writeFile(file("issued"), "");
  const settings = {
    database: file("issued"), new_certs_dir: folder, rand_serial: "yes", unique_subject: "no", certificate: caFile,
    private_key: caKey, default_md: "sha256", policy: "any", x509_extensions: "server",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  const sections = ["[ca]", "default_ca = own", "[own]", ...lines, "[any]", "commonName = supplied", "[server]"];
  await writeFile(config, [...sections, "subjectAltName = DNS:localhost,IP:127.0.0.1", ""].join("\n"));

  async function make(name, { hours = 24 * 365 } = {}) {
    const [cert, keyFile, request] = [file(`${name}.crt`), file(`${name}.key`), file(`${name}.csr`)];
    await openssl("req", ...key(keyFile), "-out", request, "-subj", "/CN=127.0.0.1");
    const times = ["-startdate", moment(-2), "-enddate", moment(hours)];
    await openssl("ca", "-batch", "-notext", "-config", config, ...times, "-in", request, "-out", cert);
    const env = { SWITCHBOARD__HTTP__TLS_CERT_FILE: cert, SWITCHBOARD__HTTP__TLS_KEY_FILE: keyFile };
    return { cert, key: keyFile, env };
  }

  let last = Promise.resolve();
  /**
   * Writes a new certificate of 127.0.0.1 and its key, over what was there: `{cert, key, env}`, where `env` are the
   * settings of a node that serves with it. It has begun, and ends in `hours`.
   */
  const issue = (...one) => (last = last.then(() => make(...one)));
  return { ca: await readFile(caFile, "utf8"), caFile, issue };
}
