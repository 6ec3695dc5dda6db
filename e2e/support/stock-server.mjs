// The socketio crate's example server with its suite `stock`: the runtime alone, without a gateway.
import { once } from "node:events";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { BINARY, start } from "./process.mjs";

const EXAMPLE = join(dirname(BINARY), "examples", "conformance");

export class StockServer {
  /**
   * Starts it and waits until it listens.
   * @param args more arguments, see `crates/socketio/examples/conformance/main.rs`
   * @param port 0 for one that the system chooses
   */
  static async start(args = [], port = 0) {
    const server = new StockServer();
    server.child = start(EXAMPLE, ["--suite", "stock", "--port", `${port}`, ...args], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    server.output = "";
    server.child.stderr.setEncoding("utf8").on("data", (text) => (server.output += text));
    server.ended = once(server.child, "exit");
    const line = once(createInterface({ input: server.child.stderr }), "line");
    const first = await Promise.race([line, server.ended.then(() => undefined)]);
    const told = first?.[0].match(/^stock: listening on port (\d+)$/);
    if (!told) throw new Error(`the server did not start: ${server.output}`);
    server.port = Number(told[1]);
    server.url = `http://localhost:${server.port}`;
    return server;
  }

  signal(name) {
    this.child.kill(name);
  }

  /** Ends it without a word. */
  async stop() {
    this.child.kill("SIGKILL");
    await this.ended;
  }
}
