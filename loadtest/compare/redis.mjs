// The few words that Redis is told, without a library.
import { connect } from "node:net";

/** The answer to a command without arguments with spaces, as text. */
export function ask(url, command) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port || 6379), hostname);
    let said = "";
    socket.setTimeout(10_000, () => socket.destroy(new Error(`${url} does not answer`)));
    socket.setEncoding("utf8").on("data", (text) => (said += text));
    socket.once("error", reject);
    socket.once("close", () => (said.startsWith("-") ? reject(new Error(said.trim())) : resolve(said)));
    // It answers what it was asked before it closes.
    socket.write(`${command}\r\nQUIT\r\n`);
  });
}

/** `name` of `INFO`. */
export async function info(url, name) {
  return (await ask(url, "INFO server")).match(new RegExp(`^${name}:(.*?)\r?$`, "m"))?.[1];
}
