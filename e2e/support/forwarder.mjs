// A stand-in for a load balancer: one address, whatever node is behind it.
import { connect, createServer } from "node:net";

/**
 * Forwards TCP connections to the port that `target` has, or gives when called; `{url, target, freeze, stop}`.
 */
export async function startForwarder(target) {
  const open = new Set();
  const pairs = new Set();
  const forwarder = { target };
  const server = createServer((client) => {
    const { target: to } = forwarder;
    const node = connect(typeof to === "function" ? to() : to, "127.0.0.1");
    const pair = { client, node, isFrozen: false };
    pairs.add(pair);
    for (const [one, other] of [[client, node], [node, client]]) {
      open.add(one);
      one.setNoDelay(true);
      const pass = () => pair.isFrozen || other.destroy();
      one.on("error", pass);
      one.on("close", () => {
        open.delete(one);
        pass();
      });
      one.pipe(other);
    }
  });
  /** From here on nothing passes on the connections that there are, not even their end. */
  forwarder.freeze = () => {
    for (const pair of pairs) {
      pair.isFrozen = true;
      pair.client.unpipe(pair.node);
      pair.node.unpipe(pair.client);
      pair.client.resume();
      pair.node.pause();
    }
    pairs.clear();
  };
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  forwarder.url = `http://127.0.0.1:${server.address().port}`;
  forwarder.stop = () => {
    for (const socket of open) socket.destroy();
    server.close();
  };
  return forwarder;
}
