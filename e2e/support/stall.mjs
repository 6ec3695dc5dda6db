// A server that can be made to stand still: connections stay open, new ones are taken, and nothing
// comes of either, as when the machine hangs. Or to be slow: everything that it says comes later.
import { connect, createServer } from "node:net";

/** A way to the server of `url`; `{url, stall(), slow(ms), resume(), stop()}`. */
export async function startStallable(url) {
  const target = new URL(url);
  const open = new Set();
  let stalled = false;
  let delay = 0;
  /** `pass`, after the delay; what came before is before it also when that was longer. */
  const later = (pass) => {
    let last = 0;
    return (bytes) => {
      const now = Date.now();
      const wait = last < now ? delay : Math.max(delay, last - now + 1);
      last = now + wait;
      if (wait) setTimeout(() => pass(bytes), wait);
      else pass(bytes);
    };
  };
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
      one.on("data", one === upstream ? later((bytes) => client.write(bytes)) : (bytes) => other.write(bytes));
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
    slow(ms) {
      delay = ms;
    },
    resume() {
      stalled = false;
      delay = 0;
      for (const socket of open) socket.resume();
    },
    stop() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
