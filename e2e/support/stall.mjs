// A server that can be made to stand still: connections stay open, new ones are taken, and nothing
// comes of either, as when the machine hangs.
import { connect, createServer } from "node:net";

/** A way to the server of `url`; `{url, stall(), resume(), stop()}`. */
export async function startStallable(url) {
  const target = new URL(url);
  const open = new Set();
  let stalled = false;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      open.add(one);
      one.setNoDelay(true);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        // Somebody who has hung up is not noticed either while it stands still.
        if (!stalled) other.destroy();
      });
      one.on("data", (bytes) => other.write(bytes));
      if (stalled) one.pause();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const way = new URL(url);
  [way.hostname, way.port] = ["127.0.0.1", server.address().port];
  return {
    url: way.href,
    stall() {
      stalled = true;
      for (const socket of open) socket.pause();
    },
    resume() {
      stalled = false;
      for (const socket of open) socket.resume();
    },
    stop() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
