// Redis as a node speaks to it: one connection on which much is sent, and little of what is answered is read.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";

/** A command on the wire. */
export function encode(words) {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`).join("")}`;
}

/** A script of the hub: `{text, sha}`. */
export function script(name) {
  const text = readFileSync(new URL(`../../crates/hub/src/redis/${name}.lua`, import.meta.url), "utf8");
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

/** A connection that counts what it hears. */
export class Wire {
  heard = 0;
  error;

  static async open(url) {
    const { hostname, port } = new URL(url);
    const wire = new Wire();
    wire.socket = connect(Number(port || 6379), hostname).setNoDelay(true);
    wire.socket.on("data", (data) => wire.#hear(data));
    await once(wire.socket, "connect");
    return wire;
  }

  send(...words) {
    this.socket.write(encode(words));
  }

  close() {
    this.socket.destroy();
  }

  #hear(data) {
    this.heard += data.length;
    // A piece of an answer may begin with a hyphen, too; an error goes on with its name.
    const error = data[0] === 0x2d && String(data.subarray(0, 200)).match(/^-[A-Z]+ .*/);
    if (error) this.error = error[0];
  }
}

/** What one command answers, as lists of text. */
export async function call(url, ...words) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port || 6379), hostname);
  let said = "";
  socket.setEncoding("utf8").on("data", (text) => (said += text));
  socket.write(encode(words) + encode(["QUIT"]));
  await once(socket, "close");
  if (said.startsWith("-")) throw new Error(said.split("\r\n")[0]);
  return said.split("\r\n").filter((line) => line !== "" && !/^[*$]\d/.test(line)).slice(0, -1);
}

/** How many keys there are of each kind, and their bytes: the word after the organization names the kind. */
export async function census(url, prefix) {
  const text = `local counts, sizes, out = {}, {}, {}
    for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
      local kind = string.match(key, '}:([a-z-]+)') or 'other'
      counts[kind] = (counts[kind] or 0) + 1
      sizes[kind] = (sizes[kind] or 0) + redis.call('MEMORY', 'USAGE', key)
    end
    for kind, count in pairs(counts) do table.insert(out, kind .. ' ' .. count .. ' ' .. sizes[kind]) end
    return out`;
  const lines = await call(url, "EVAL", text, "0", `${prefix}*`);
  return Object.fromEntries(lines.map((line) => line.split(" ")).map(([kind, count, bytes]) => [kind, { count: Number(count), bytes: Number(bytes) }]));
}
