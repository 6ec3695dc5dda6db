// The client library that the server itself hands out, in Node and in a browser.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, before } from "node:test";
import vm from "node:vm";
import WebSocket from "ws";
import { launch } from "../playground-page.mjs";
import { next, runtimeStories } from "../support/stock-clients.mjs";

/** The same files as `client-dist` of the server's npm package. */
const DIST = join(dirname(createRequire(import.meta.url).resolve("c4/package.json")), "dist");
const FILES = ["socket.io.js", "socket.io.min.js", "socket.io.msgpack.min.js"];

runtimeStories("client bundle", ["--client-dist", DIST, "--compression"], (story) => {
  let browser;
  before(async () => (browser = await launch()));
  after(async () => browser?.close());

  for (const file of FILES) {
    story(`${file} runs and connects`, async (stage) => {
      const response = await fetch(`${stage.server.url}/socket.io/${file}`);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("content-type"), "application/javascript; charset=utf-8");
      const { io } = loaded(await response.text());
      const socket = stage.keep(io(stage.server.url, { transports: ["websocket"] }));
      await next(socket, "connect");
      socket.emit("echo", "hello", { n: 1 });
      assert.equal(JSON.stringify(await next(socket, "echo")), '["hello",{"n":1}]');
    });

    story(`${file} is not sent again to who has it, nor anything that is not there`, async (stage) => {
      const url = `${stage.server.url}/socket.io/${file}`;
      const etag = (await fetch(url)).headers.get("etag");
      const again = await fetch(url, { headers: { "if-none-match": etag } });
      assert.deepEqual([again.status, await again.text()], [304, ""]);
      assert.equal((await fetch(`${url}.nothing`)).status, 400);
    });
  }

  for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
    for (const file of FILES.slice(1)) {
      story(`in a browser: ${file} over ${transports.join(", then ")}`, async (stage) => {
        const page = stage.keep(await browser.newPage());
        await page.goto(`${stage.server.url}/socket.io/socket.io.min.js.map`);
        await page.addScriptTag({ url: `${stage.server.url}/socket.io/${file}` });
        const told = await page.evaluate(inPage, { transports, large: "large and the same ".repeat(4_000) });
        assert.deepEqual(told, {
          transport: transports.at(-1),
          echoed: true,
          bytes: [1, 2, 255],
          ticks: true,
        });
      });
    }
  }
});

/** What a script leaves in an otherwise empty window. */
function loaded(script) {
  const globals = { WebSocket, URL, ArrayBuffer, Uint8Array, setTimeout, clearTimeout, console, queueMicrotask };
  const context = vm.createContext({ ...globals, addEventListener: () => undefined });
  context.self = context;
  context.window = context;
  vm.runInContext(script, context);
  return context;
}

/** Runs in the page: connects, and tells what came back. */
async function inPage({ transports, large }) {
  const heard = (emitter, name) => new Promise((done) => emitter.once(name, (...args) => done(args)));
  const socket = window.io({ transports });
  const connected = heard(socket, "connect");
  // From the start: the poll that answers CONNECT may be the last one, and then `upgrade` comes before `connect`.
  const upgraded = transports.length > 1 ? heard(socket.io.engine, "upgrade") : connected;
  const ticks = [];
  const all = new Promise((done) => socket.on("tick", (n) => ticks.push(n) === 500 && done()));
  await connected;
  socket.emit("count", 500);
  await all;
  await upgraded;
  const text = await socket.emitWithAck("echo", large);
  // The msgpack parser of browsers takes any other view of bytes for an object.
  const bytes = await socket.emitWithAck("echo", new Uint8Array([1, 2, 255]).buffer);
  const told = {
    transport: socket.io.engine.transport.name,
    echoed: text === large,
    bytes: [...new Uint8Array(bytes)],
    ticks: ticks.every((n, index) => n === index),
  };
  socket.close();
  return told;
}
