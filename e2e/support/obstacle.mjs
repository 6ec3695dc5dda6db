// A proxy on the way to a server: it breaks connections, or lets no WebSockets through.
import { connect, createServer } from "node:net";

const REFUSAL = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const PROBED = Buffer.from("3probe");

/**
 * What becomes of a request for a WebSocket:
 * `refuse`     it is answered with an error;
 * `swallow`    it is never answered;
 * `cut probed` the connection breaks when the server answers the probe;
 * `cut later`  it breaks when the client has got that answer;
 * `pass`       nothing.
 */
export async function startObstacle(port, mode) {
  const open = new Set();
  const obstacle = { mode, met: 0 };
  const server = createServer((client) => {
    const upstream = connect(port, "localhost");
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      open.add(one);
      one.setNoDelay(true);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
    forward(obstacle, client, upstream);
  });
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  obstacle.url = `http://localhost:${server.address().port}`;
  /** Breaks all connections. */
  obstacle.cut = () => {
    for (const socket of open) socket.destroy();
  };
  obstacle.close = () => {
    obstacle.cut();
    server.close();
  };
  return obstacle;
}

function forward(obstacle, client, upstream) {
  let hindered = false;
  client.on("data", (bytes) => {
    if (!hindered && obstacle.mode !== "pass" && /^upgrade: websocket\r$/im.test(bytes.toString("latin1"))) {
      hindered = true;
      obstacle.met += 1;
    }
    if (hindered && obstacle.mode === "refuse") client.end(REFUSAL);
    else if (!hindered || obstacle.mode !== "swallow") upstream.write(bytes);
  });
  upstream.on("data", (bytes) => {
    const probed = hindered && bytes.includes(PROBED);
    if (probed && obstacle.mode === "cut probed") client.destroy();
    else client.write(bytes, () => probed && obstacle.mode === "cut later" && client.destroy());
  });
}
