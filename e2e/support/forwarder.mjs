// A stand-in for a load balancer: one address, whatever node is behind it.
import { connect, createServer } from "node:net";

/** Forwards TCP connections to the port that `target` has; `{url, target, stop}`. */
export async function startForwarder(target) {
  const open = new Set();
  const forwarder = { target };
  const server = createServer((client) => {
    const node = connect(forwarder.target, "127.0.0.1");
    for (const [one, other] of [[client, node], [node, client]]) {
      open.add(one);
      one.setNoDelay(true);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  forwarder.url = `http://127.0.0.1:${server.address().port}`;
  forwarder.stop = () => {
    for (const socket of open) socket.destroy();
    server.close();
  };
  return forwarder;
}
