// The JavaScript server that the official protocol suites are measured on: the settings and events
// which the "Test suite" chapters of the protocol documents ask for.
//
//   node reference.mjs sio5|eio4|eio3 PORT
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

// socket.io and engine.io are installed in the folder from which this is started.
const require = createRequire(pathToFileURL(join(process.cwd(), "package.json")));

const [suite, port] = process.argv.slice(2);
const timings = { pingInterval: 300, pingTimeout: 200, cors: { origin: "*" } };
const limit = { maxHttpBufferSize: 1e6 };
const http = createServer();

if (suite === "sio5") {
  const { Server } = require("socket.io");
  const io = new Server(http, { ...timings, ...limit, connectTimeout: 1000 });
  const sendAuth = (socket) => socket.emit("auth", socket.handshake.auth);
  io.of("/custom").on("connection", sendAuth);
  io.on("connection", (socket) => {
    sendAuth(socket);
    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => args.pop()(...args));
  });
} else if (suite === "eio4" || suite === "eio3") {
  const { attach } = require("engine.io");
  const engine = attach(http, { ...timings, ...limit, allowEIO3: suite === "eio3" });
  engine.on("connection", (socket) => socket.on("data", (data) => socket.send(data)));
} else {
  console.error(`there is no suite ${suite}`);
  process.exit(2);
}
http.listen(Number(port), "127.0.0.1");
