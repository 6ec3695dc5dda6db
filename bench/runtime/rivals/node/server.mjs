// Socket.IO on Node, with settings in its favour: nothing is served but Socket.IO, and the request that
// opened a connection is let go, as its documentation advises for memory.
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server } from "socket.io";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    threads: { type: "string", default: "1" }, // taken and ignored: it has one
    "ping-interval": { type: "string", default: "25000" },
    "ping-timeout": { type: "string", default: "20000" },
  },
});

const http = createServer();
const io = new Server(http, {
  serveClient: false,
  pingInterval: Number(values["ping-interval"]),
  pingTimeout: Number(values["ping-timeout"]),
});
io.engine.on("connection", (connection) => {
  connection.request = null;
});

io.on("connection", (socket) => {
  socket.on("join", (room) => socket.join(room));
  socket.on("publish", (room, payload) => io.to(room).emit("message", payload));
  socket.on("echo", (value, ack) => ack(value));
  socket.on("stats", (room, ack) => {
    const { rooms, sids } = io.of("/").adapter;
    const members = rooms.get(room)?.size ?? 0;
    // Every socket is in a room of its own, named by its id.
    ack({ sockets: sids.size, members, rooms: rooms.size - sids.size, tasks: null });
  });
});

http.listen(Number(values.port), "127.0.0.1", () => {
  console.log(JSON.stringify({ pid: process.pid, port: http.address().port }));
});
