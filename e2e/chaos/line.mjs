// A bad line to a server: slow, or cut.
import { connect, createServer } from "node:net";

/**
 * A way to `port` of this machine. Until told otherwise it is a good one.
 * `delay(from, to)` makes every piece take so many milliseconds, in order; `cut()` lets nothing through, not
 * even the end of a connection, and `mend()` ends that.
 */
export async function startLine(port) {
  const open = new Set();
  const line = { isCut: false, from: 0, to: 0 };
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      open.add(one);
      one.setNoDelay(true);
      one.on("error", () => undefined);
      one.on("close", () => {
        open.delete(one);
        // Who has hung up is not noticed at the other end either.
        if (!line.isCut) other.destroy();
      });
      pass(line, one, other);
      if (line.isCut) one.pause();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  line.port = server.address().port;
  line.delay = (from, to) => Object.assign(line, { from, to });
  line.cut = () => {
    line.isCut = true;
    for (const socket of open) socket.pause();
  };
  line.mend = () => {
    line.isCut = false;
    for (const socket of open) socket.resume();
  };
  line.stop = () => {
    for (const socket of open) socket.destroy();
    server.close();
  };
  return line;
}

/** What comes later arrives later, however long its own delay is: timers alone would not keep the order. */
function pass(line, one, other) {
  const queue = [];
  let waiting;
  const deliver = () => {
    waiting = undefined;
    while (queue.length && queue[0].at <= performance.now()) {
      const { bytes } = queue.shift();
      if (!other.destroyed) other.write(bytes);
    }
    if (queue.length) waiting = setTimeout(deliver, Math.max(1, queue[0].at - performance.now()));
  };
  one.on("data", (bytes) => {
    const delay = line.from + Math.random() * (line.to - line.from);
    queue.push({ bytes, at: performance.now() + delay });
    if (!waiting) deliver();
  });
}
