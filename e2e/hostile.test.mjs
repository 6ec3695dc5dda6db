// Garbage from the network: whatever comes in, the node serves its good clients as before.
import assert from "node:assert/strict";
import { createConnection } from "node:net";
import WebSocket from "ws";
import { SEED, numbers } from "./support/random.mjs";
import { hears, pause, send, stories } from "./support/story.mjs";

const FUZZ_MS = 6_000;

const nested = (depth, open, close) => open.repeat(depth) + close.repeat(depth);

/** Frames that a broken or a hostile client may send, as text or bytes. */
const ODD_FRAMES = [
  "", "9", "4", "42", "42[", "42[]", "42{}", "42null", "42[null]", "42[7]", "42[[]]", '42["', '42["a"', '42["a",]',
  '42["a",{]', "421", '421["a"', '42-1["conversation:list",{}]', '4299999999999999999999["conversation:list",{}]',
  '42["conversation:list",{"limit":1e999}]', '42["conversation:list",{"limit":-1e999}]',
  '421["conversation:sync",{"conversationId":"x","afterRev":99999999999999999999999999}]',
  `421["message:send",${nested(20_000, "[", "]")}]`, `421["message:send",${nested(9_000, '{"a":', "}").replace("}", "1}")}]`,
  `42${nested(40_000, "[", "]")}`, `421["message:send",{"metadata":${nested(500, '{"a":', "}").replace("}", "1}")}}]`,
  "40", "40{}", "40/nowhere,", "40/nowhere,{}", "40/messaging,", "40//,", "40/" + "x".repeat(5_000) + ",", "41", "41/nowhere,",
  '42/nowhere,["a",{}]', '42/nowhere,1["a",{}]', "43[]", "430[]", '437["what"]', "43999999[]", '43/nowhere,1[]',
  "44", '44{"message":"no"}', "45", "450", "451", '451-["a",{"_placeholder":true,"num":0}]',
  '459999999999-["a",{"_placeholder":true,"num":0}]', '451-["a",{"_placeholder":true,"num":7}]',
  '45-1-["a"]', '452-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]', '461-1["x"]', "46", "49", "4\u0000",
  "0", '0{"sid":"x"}', "1", "2probe", "2", "3probe", "3", "5", "6", "b", "bAAAA", "b!!!", "\u0000", "\u001e", "\u001e\u001e42",
  "2\u001e2\u001e2", "42\ud800", '42["\\ud800",{}]', '42["a\\u0000b",{}]', `42["${"e".repeat(50_000)}",{}]`,
  '42["connect",{}]', '42["disconnect",{}]', '42["connect_error",{}]', '421["error",{}]', '42["newListener",{}]',
  "40/,", "42/,", '42/,["conversation:list",{}]', '42?a=b,["x"]', '40/chat?token=x,{"token":"y"}',
  Buffer.alloc(0), Buffer.from([0]), Buffer.from([4, 2]), Buffer.from([0xff, 0xfe, 0xfd]), randomlessBytes(70_000),
];

function randomlessBytes(length) {
  return Buffer.from(Array.from({ length }, (_, n) => (n * 31) % 256));
}

/** A frame made of good ones: cut, spliced, with bytes changed. */
function mutated(random) {
  const good = [
    '421["message:send",{"conversationId":"0198c0de-0000-7000-8000-000000000000","content":"hello","metadata":{"a":[1,2,{"b":null}]}}]',
    '42["message:typing",{"conversationId":"0198c0de-0000-7000-8000-000000000000","isTyping":true}]',
    '4212["conversation:sync",{"conversationId":"0198c0de-0000-7000-8000-000000000000","afterRev":0,"limit":100}]',
    '452-3["file",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
    '40/chat,{"token":"x"}',
    "431[]",
  ];
  const pick = () => good[Math.floor(random() * good.length)];
  let bytes = Buffer.from(pick());
  const times = 1 + Math.floor(random() * 4);
  for (let n = 0; n < times; n += 1) {
    const at = Math.floor(random() * (bytes.length + 1));
    const kind = Math.floor(random() * 5);
    if (kind === 0) bytes = bytes.subarray(0, at);
    if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(pick()).subarray(at)]);
    if (kind === 2 && bytes.length) bytes[at % bytes.length] = Math.floor(random() * 256);
    if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([Math.floor(random() * 256)]), bytes.subarray(at)]);
    if (kind === 4) bytes = Buffer.concat([bytes, bytes.subarray(at)]);
  }
  return random() < 0.8 ? bytes.toString() : bytes;
}

const socketUrl = (url, eio) => `${url.replace("http", "ws")}/socket.io/?EIO=${eio}&transport=websocket`;

/** An open WebSocket that swallows whatever comes; `gone` resolves when it is closed. */
async function rawSocket(url, { token, eio = 4 } = {}) {
  const query = eio === 3 && token ? `&token=${token}` : "";
  const socket = new WebSocket(socketUrl(url, eio) + query);
  socket.on("error", () => undefined);
  const gone = new Promise((resolve) => socket.once("close", resolve));
  const open = new Promise((resolve) => {
    socket.on("message", (data) => {
      const text = data.toString();
      if (/^4[04]/.test(text) || (!token && text.startsWith("0"))) resolve();
      if (text === "2" && socket.readyState === WebSocket.OPEN) socket.send("3");
    });
  });
  if (eio === 4 && token) socket.once("open", () => socket.send(`40${JSON.stringify({ token })}`));
  await Promise.race([open, gone]);
  return { socket, gone };
}

async function sendFrame({ socket, gone }, frame, options) {
  if (socket.readyState !== WebSocket.OPEN) return;
  await Promise.race([gone, new Promise((resolve) => socket.send(frame, options, resolve))]);
}

/** The two in `scene` still talk, and the node says that it lives. */
async function serves(scene, { alice, bob, conversationId }) {
  const content = `still here ${Math.random()}`;
  await send(alice, conversationId, content);
  await hears(bob, content);
  const newcomer = await scene.connect("newcomer");
  await newcomer.ok("conversation:list", {});
  for (const node of new Set(scene.cluster.nodes)) {
    assert.equal((await node.adminPage("/livez")).status, 200);
    assert.equal(node.isRunning, true);
    assert.doesNotMatch(node.output, /panicked/);
  }
}

stories("hostile", { timeout: 120_000, concurrency: 4 }, (story) => {
  story("odd frames over WebSocket, before and after the connect, in both protocols", async (scene) => {
    const good = await scene.aliceAndBob();
    for (const eio of [4, 3]) {
      for (const token of [undefined, scene.token("mallory")]) {
        let connection = await rawSocket(scene.url(), { token, eio });
        for (const frame of ODD_FRAMES) {
          await sendFrame(connection, frame);
          await Promise.race([connection.gone, pause(2)]);
          if (connection.socket.readyState !== WebSocket.OPEN) {
            connection = await rawSocket(scene.url(), { token, eio });
          }
        }
        connection.socket.terminate();
      }
    }
    await serves(scene, good);
  });

  story("invalid UTF-8, fragments and floods of control frames", async (scene) => {
    const good = await scene.aliceAndBob();
    const token = scene.token("mallory");
    const abuses = [
      ({ socket }) => socket._sender.sendFrame([Buffer.from([0x81, 0x84, 0, 0, 0, 0, 0xff, 0xfe, 0xc0, 0x80])], () => undefined),
      ({ socket }) => socket._socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
      ({ socket }) => socket._socket.write(Buffer.from([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
      ({ socket }) => socket._socket.write(Buffer.from([0x81, 0x05, 0x34, 0x32])),
      ({ socket }) => {
        for (let n = 0; n < 500; n += 1) socket.ping("x".repeat(100));
      },
      ({ socket }) => {
        for (let n = 0; n < 500; n += 1) socket.send("4", { fin: false });
      },
      ({ socket }) => {
        for (let n = 0; n < 2_000; n += 1) socket.send('42["conversation:list",{}]');
      },
      ({ socket }) => {
        for (let n = 0; n < 2_000; n += 1) socket.send('451-["a",{"_placeholder":true,"num":0}]');
      },
      ({ socket }) => socket.close(4999, "bye"),
    ];
    for (const abuse of abuses) {
      const connection = await rawSocket(scene.url(), { token });
      abuse(connection);
      await Promise.race([connection.gone, pause(100)]);
      connection.socket.terminate();
    }
    await serves(scene, good);
  });

  story(`random frames for ${FUZZ_MS / 1000} s (seed ${SEED})`, async (scene) => {
    const good = await scene.aliceAndBob();
    const random = numbers(SEED);
    const token = scene.token("mallory");
    const until = Date.now() + FUZZ_MS;
    let sent = 0;
    const attack = async (eio) => {
      while (Date.now() < until) {
        const connection = await rawSocket(scene.url(sent % 2), { token, eio });
        for (let n = 0; n < 50 && connection.socket.readyState === WebSocket.OPEN; n += 1) {
          await sendFrame(connection, mutated(random));
          sent += 1;
        }
        connection.socket.terminate();
      }
    };
    await Promise.all([attack(4), attack(4), attack(3)]);
    console.log(`${scene.cluster.mode}: ${sent} random frames, seed ${SEED}`);
    assert.ok(sent > 100);
    await serves(scene, good);
  });

  story("garbage over polling is refused with a status, not with silence", async (scene) => {
    const good = await scene.aliceAndBob();
    const base = `${scene.url()}/socket.io/`;
    const requests = [
      ["GET", ""], ["GET", "?EIO=4"], ["GET", "?EIO=5"], ["POST", "?EIO=5&transport=polling", "42[]"],
      ["GET", "?EIO=4&transport=carrier-pigeon"], ["GET", "?EIO=4&transport=polling&sid=nobody"],
      ["GET", "?EIO=4&transport=polling&sid=" + "x".repeat(4_000)], ["GET", "?EIO=4&transport=polling&sid=%00%ff"],
      ["GET", "?EIO=4&transport=websocket"], ["POST", "?EIO=4&transport=polling", "42[]"],
      ["POST", "?EIO=4&transport=polling&sid=nobody", "42[]"], ["PUT", "?EIO=4&transport=polling"],
      ["DELETE", "?EIO=4&transport=polling"], ["GET", "../../../../etc/passwd?EIO=4&transport=polling"],
    ];
    for (const [method, query, body] of requests) {
      const response = await fetch(base + query, { method, body, signal: AbortSignal.timeout(10_000) });
      const text = await response.text();
      assert.ok(response.status >= 400 && response.status < 500, `${method} ${query.slice(0, 60)}: ${response.status} ${text}`);
    }
    for (const eio of [4, 3]) {
      for (const frame of ODD_FRAMES) {
        const address = `${base}?EIO=${eio}&transport=polling`;
        const opened = await (await fetch(address)).text();
        const { sid } = JSON.parse(opened.slice(opened.indexOf("{"), opened.indexOf("}") + 1));
        const type = typeof frame === "string" ? "text/plain;charset=UTF-8" : "application/octet-stream";
        const post = { method: "POST", headers: { "content-type": type }, body: frame, signal: AbortSignal.timeout(10_000) };
        const { status } = await fetch(`${address}&sid=${sid}`, post);
        assert.ok(status === 200 || (status >= 400 && status < 500), `${frame.slice(0, 60)}: ${status}`);
      }
    }
    await serves(scene, good);
  });

  story("connections that say nothing, half a request, or no HTTP at all", async (scene) => {
    const good = await scene.aliceAndBob();
    const { port } = scene.cluster.nodes[0];
    const words = [
      "", "GET", "GET / HTTP/1.1\r\n", "POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\ncontent-length: 100\r\n\r\n42",
      "\u0016\u0003\u0001\u0002\u0000", randomlessBytes(10_000), "GET / HTTP/9.9\r\n\r\n",
      `GET /${"a".repeat(100_000)} HTTP/1.1\r\n\r\n`, `GET / HTTP/1.1\r\n${"x: y\r\n".repeat(5_000)}\r\n`,
      "POST /socket.io/ HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    ];
    const silent = words.map((word) => {
      const socket = createConnection(port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.write(word);
      return socket;
    });
    await serves(scene, good);
    for (const socket of silent) socket.destroy();
  });
});
