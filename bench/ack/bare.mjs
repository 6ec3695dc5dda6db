// One row in a table like `messages`, with the same indexes, in a transaction of its own.
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { start } from "../../e2e/support/process.mjs";

/** Without foreign keys and triggers, which `like` leaves out. */
export const BARE_TABLE = "CREATE TABLE bare (LIKE messages INCLUDING ALL)";

/** Those that the gateway writes, as PostgreSQL types. */
export const BARE_COLUMNS = {
  id: "uuid",
  organization_id: "text",
  conversation_id: "uuid",
  seq: "bigint",
  rev: "bigint",
  created_rev: "bigint",
  sender_id: "text",
  type: "text",
  content: "text",
  metadata: "jsonb",
  client_message_id: "text",
  created_at: "timestamptz",
  sender_socket: "text",
  search: "tsvector",
};

const NAMES = Object.keys(BARE_COLUMNS);
const into = (values) => `INSERT INTO bare (${NAMES.join(", ")}) VALUES (${values.join(", ")})`;

export const BARE_INSERT = into(NAMES.map((name, at) => `$${at + 1}::${BARE_COLUMNS[name]}`));

/** Words at their places, as the gateway gives them to PostgreSQL. */
const vector = (content) => [...new Set(content.match(/\w+/g))].map((word, at) => `'${word}':${at + 1}`).join(" ");

export function bareValues(conversation, n, content) {
  return [randomUUID(), "acme", conversation, n, n, n, "alice", "text", content, "{}", `${n}`, new Date().toISOString(), "socket-of-alice", vector(content)];
}

export function hasPgbench() {
  try {
    execFileSync("pgbench", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Milliseconds of each of `count` transactions of pgbench: what a client without any weight of its own sees. */
export async function pgbench({ url, id, content, folder, count, perSecond }) {
  const quoted = (text) => `'${text.replaceAll("'", "''")}'`;
  const values = {
    id: "gen_random_uuid()",
    organization_id: "'acme'",
    conversation_id: quoted(id),
    seq: ":seq",
    rev: ":seq",
    created_rev: ":seq",
    sender_id: "'alice'",
    type: "'text'",
    content: quoted(content),
    metadata: "'{}'",
    client_message_id: "'p' || :seq",
    created_at: "now()",
    sender_socket: "'socket-of-alice'",
    search: quoted(vector(content)),
  };
  const file = join(folder, "insert.sql");
  writeFileSync(file, `\\set seq random(1000000, 9000000000000000)\n${into(NAMES.map((name) => `${values[name]}::${BARE_COLUMNS[name]}`))};\n`);
  const log = `pgbench-${randomUUID()}`;
  const args = ["-n", "-M", "prepared", "-f", file, "-c", "1", "-t", `${count}`, "-R", `${perSecond}`, "-l", `--log-prefix=${log}`, url];
  const child = start("pgbench", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`pgbench: ${said}`);
  const lines = readdirSync(folder).filter((name) => name.startsWith(log)).flatMap((name) => readFileSync(join(folder, name), "utf8").trim().split("\n"));
  // client, transaction, µs since it was due, script, time, µs, µs that it began late
  return lines.map((line) => line.split(" ").map(Number)).map((fields) => (fields[2] - fields[6]) / 1000);
}
