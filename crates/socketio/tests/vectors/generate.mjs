// Writes vectors.json: what the JavaScript packages make of packets, for src/wire/vectors_tests.rs.
//
// In an empty directory (the versions that were used are in vectors.json):
//   npm install socket.io-parser@4 socket.io-msgpack-parser@3 notepack.io-v3@npm:notepack.io@3 \
//     engine.io-parser@5 engine.io-parser-v3@npm:engine.io-parser@2 engine.io@6
//   cp <repository>/crates/socketio/tests/vectors/generate.mjs . && node generate.mjs > vectors.json
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(import.meta.url);
const parser = require("socket.io-parser");
const msgpackParser = require("socket.io-msgpack-parser");
const notepack = require("notepack.io"); // the one of socket.io-msgpack-parser: version 2
const notepackV3 = require("notepack.io-v3");
const v4 = require("engine.io-parser");
const v3 = require("engine.io-parser-v3");
// The copy of the version 3 parser that the server uses, and its JSONP transport.
const v3server = require("./node_modules/engine.io/build/parser-v3/index.js");
const { JSONP } = require("./node_modules/engine.io/build/transports/polling-jsonp.js");

const hex = (data) => Buffer.from(data).toString("hex");
const bin = (text) => Buffer.from(text, "hex");

// Binary values as {"$binary": "<hex>"}; the rest as JSON.stringify writes it.
function portable(value) {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return { $binary: hex(value) };
  if (Array.isArray(value)) return value.map(portable);
  if (value && typeof value === "object" && !(value instanceof Date)) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, portable(inner)]));
  }
  return value;
}

function portablePacket({ type, nsp, id, data }) {
  const event = type === 2 && Array.isArray(data);
  return {
    type,
    nsp,
    id,
    data: portable(event ? [String(data[0]), ...data.slice(1)] : data),
  };
}

function decodeWith(decoder, messages) {
  const packets = [];
  decoder.on("decoded", (packet) => packets.push(portablePacket(packet)));
  try {
    for (const message of messages) {
      decoder.add(typeof message === "string" ? message : bin(message.hex));
    }
    return { messages, packets };
  } catch {
    return { messages, packets, error: true };
  }
}

// Messages that JavaScript takes; what it makes of them does not matter.
function takenBy(decoder, messages) {
  if (decodeWith(decoder, messages).error) throw messages;
  return { messages };
}

// ---------------------------------------------------------------- Socket.IO, both parsers: writing

const clone = (value) => {
  if (Buffer.isBuffer(value)) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(clone);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, clone(inner)]));
  }
  return value;
};

// Keys of objects are sorted: the Rust side may sort them.
const outgoing = [
  { type: 0, nsp: "/" },
  { type: 0, nsp: "/admin" },
  { type: 0, nsp: "/", data: { sid: "oSO0OpakMV_3jnilAAAA" } },
  { type: 0, nsp: "/admin", data: { pid: "x".repeat(31), sid: "y".repeat(32) } },
  { type: 1, nsp: "/" },
  { type: 1, nsp: "/admin" },
  { type: 2, nsp: "/", data: ["foo"] },
  { type: 2, nsp: "/admin", data: ["bar", 1, "two", [3], { four: null }, true, false], id: 13 },
  { type: 2, nsp: "/é", data: ["grüße", "€", "😀", "\u2028\u0000\u001e\"\\/"], id: 0 },
  { type: 2, nsp: "/", data: ["baz", bin("01020304")] },
  { type: 2, nsp: "/admin", data: ["baz", { a: bin("0102"), b: [bin("0304"), bin("")] }], id: 7 },
  { type: 2, nsp: "/", data: ["many", ...Array.from({ length: 10 }, (_, i) => Buffer.of(i))] },
  { type: 3, nsp: "/", data: [], id: 12 },
  { type: 3, nsp: "/admin", data: ["bar", bin("ff")], id: Number.MAX_SAFE_INTEGER },
  { type: 4, nsp: "/", data: { message: "Not authorized" } },
  { type: 4, nsp: "/deny", data: { data: { code: 1 }, message: "no" } },
  // Every width of a number. Not those from 2^64 on: notepack writes them as other numbers.
  {
    type: 2,
    nsp: "/",
    data: [
      "numbers",
      ...[7, 8, 15, 16, 31, 32, 53].flatMap((bits) =>
        [-1, 0, 1].flatMap((d) => [2 ** bits + d, -(2 ** bits) + d]),
      ).filter(Number.isSafeInteger),
      ...[-31, -32, -33, 0, 1, -1, 0.5, -0.1, 5e-324],
    ],
  },
].map((packet) => {
  const [text, ...attachments] = new parser.Encoder().encode(clone(packet));
  const { type, nsp, data, id } = packet;
  const ordered = { type, nsp, ...(data && { data }), ...(id !== undefined && { id }) };
  return {
    packet: { ...portable(ordered) },
    text: [text, ...attachments.map((content) => ({ hex: hex(content) }))],
    msgpack: hex(new msgpackParser.Encoder().encode(ordered)[0]),
  };
});

// Every width of a length: the first 8 bytes of such a value. Map keys are "k<number>", padded to
// 6 digits; all other content is zeros.
const widths = [0, 15, 16, 31, 32, 255, 256, 65535, 65536].flatMap((length) => {
  const keys = Array.from({ length }, (_, i) => ["k" + String(i).padStart(6, "0"), 0]);
  return Object.entries({
    text: "0".repeat(length),
    bin: Buffer.alloc(length),
    array: Array(length).fill(0),
    map: Object.fromEntries(keys),
  }).map(([kind, value]) => {
    const bytes = notepackV3.encode(value);
    if (!bytes.equals(notepack.encode(value))) throw kind;
    return { kind, length, head: hex(bytes.subarray(0, 8)), total: bytes.length };
  });
});

// ------------------------------------------------------------------- Socket.IO, text form: reading

const placeholder = (num) => ({ _placeholder: true, num });
const event = (...args) => JSON.stringify(args);
const incomingText = [
  ["0"], ["0/chat"], ["0/chat,"], ['0{"token":"x"}'], ['0/chat,{"token":"x"}'], ["0null"], ["0[]"],
  ['0"x"'], ["01"], ["1"], ["1/chat"], ["1/chat,"], ["1{}"], ["1null"],
  ['2["foo"]'], ['2/admin,["foo"]'], ['2/admin,13["foo",1.5,{"a":[null]}]'], ["2[7,true]"],
  ["2[7.0]"], ["2[-1]"], ["2[1e3]"], ['20["a"]'], ['2007["a"]'], ['2["\\ud83d\\ude00"]'],
  ["2[]"], ["2{}"], ["2[null]"], ["2[[1]]"], ["2[{}]"], ["2[true]"], ['2["a"'], ['2["a"]x'],
  ['2/a["a"]'], ["2null"], ['2"a"'], ["2[\"a\u0000\"]"],
  ["7[]"], ["9"], ["x"], ["é"], ["-1"], ["NaN"], ['["a"]'],
  ["3[]"], ['31["a"]'], ["31{}"], ["31null"], ["3/chat,7[]"],
  ["4"], ['4{"message":"x"}'], ['4"x"'], ["4[]"], ["41"], ["4null"],
  ['5["a"]'], ["51"], ["5x-[]"], ["5-1-[]"], ["51.5-[]"], ['511-["a"]'],
  ['599999999999999999999999-["a"]'],
  ['50-["a"]'], ['50-["a",{"_placeholder":true,"num":0}]'], ['60-1["a"]'],
  ["51-" + event("a", placeholder(0)), { hex: "0102" }],
  ["51-/chat,3" + event("a", placeholder(0)), { hex: "" }],
  ["61-/chat,3" + event(placeholder(0)), { hex: "0102" }],
  ["52-" + event("a", placeholder(1), placeholder(0)), { hex: "01" }, { hex: "02" }],
  ["51-" + event("a"), { hex: "01" }],
  ["51-" + event("a", { b: { c: [placeholder(0)] } }), { hex: "01" }],
  ["51-" + event("a", { x: placeholder(7), ...placeholder(0) }), { hex: "01" }],
  ['51-["a",{"_placeholder":true,"num":0.0}]', { hex: "01" }],
  ['51-["a",{"_placeholder":1,"num":0}]', { hex: "01" }],
  ["51-" + event("a", placeholder(1)), { hex: "01" }],
  ["51-" + event("a", placeholder(-1)), { hex: "01" }],
  ["51-" + event("a", placeholder("0")), { hex: "01" }],
  ["51-" + event("a", placeholder("splice")), { hex: "01" }],
  ["51-" + event("a", placeholder(null)), { hex: "01" }],
  ["51-" + event("a", { _placeholder: true }), { hex: "01" }],
  ["51-" + event("a", placeholder(0)), '2["b"]'],
  ["51-" + event("a", placeholder(0))],
  ["2" + event("a", placeholder(0))],
  ["2" + event("a", placeholder(99))],
  ['2["a"]', { hex: "01" }],
  ["51-" + event("a", placeholder(0)), { hex: "01" }, { hex: "02" }],
  ["51-" + event("a", placeholder(0)), { hex: "01" }, "2" + event("b")],
  ["510-" + event("a"), ...Array.from({ length: 10 }, (_, i) => ({ hex: hex([i]) }))],
  ...["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"].map(
    (name) => ["2" + event(name)],
  ),
  ["2" + event("error")],
  ['2[{"toString":"foo"}]'],
  ["51-" + event("connect", placeholder(0)), { hex: "01" }],
  ["5-" + event("a")], ["5+0-" + event("a")], ["50x0-" + event("a")],
].map((messages) => decodeWith(new parser.Decoder(), messages));

// What JavaScript takes and Rust refuses, knowingly.
const stricterText = [
  [" "], ["2"], ["2/chat"], ["31"],
  ...["51e0-", "50x1-", "51.0-"].map((head) => [head + event("a"), { hex: "01" }]),
  ["3" + event("a")], ["2" + "9".repeat(30) + event("a")],
  ["51-" + event("a", placeholder(0.5)), { hex: "01" }],
  ["51-" + event("a", placeholder(0), placeholder(0)), { hex: "01" }],
  ['2["a",' + "[".repeat(200) + "]".repeat(200) + "]"],
  ['2["a",1e999]'],
].map((messages) => takenBy(new parser.Decoder(), messages));

// ---------------------------------------------------------------- Socket.IO, msgpack form: reading

const packed = (packet) => ({ hex: hex(notepack.encode(packet)) });
// {type: 2, nsp: "/", data: ["a", <value>]} with the value written by hand.
const withValue = (value) => ({ hex: "83a47479706502a36e7370a12fa464617461" + "92a161" + value });
const incomingMsgpack = [
  packed({ type: 0, nsp: "/" }),
  packed({ type: 0, nsp: "/chat", data: { token: "x" } }),
  packed({ type: 0, nsp: "/", data: null }),
  packed({ type: 0, nsp: "/", data: [] }),
  packed({ type: 0, nsp: "/", data: "x" }),
  packed({ type: 1, nsp: "/" }),
  packed({ type: 1, nsp: "/", data: null }),
  packed({ type: 2, nsp: "/", data: ["a", 1, -1, 0.5, "é😀", null, true, { b: [] }] }),
  packed({ type: 2, nsp: "/", data: ["a"], id: 5, options: { compress: true } }),
  packed({ type: 2, nsp: "/", data: [7, bin("0102"), { b: bin("") }] }),
  packed({ type: 2, nsp: "/", data: ["a", new Date(0), new Date(1700000000123), new Date(-1)] }),
  packed({ type: 2, nsp: "/", data: ["a", new Date(8.64e15), new Date(-8.64e15)] }),
  packed({ type: 2, nsp: "/", data: ["a", NaN, Infinity, -Infinity, -0] }),
  packed({ type: 2, nsp: "/", data: ["a", Array(20).fill("x".repeat(40)), "y".repeat(300)] }),
  packed({ type: 2, nsp: "/", data: ["a", placeholder(0)] }),
  packed({ type: 2, nsp: "/", data: { 0: "a" } }),
  packed({ type: 2, nsp: "/" }),
  packed({ type: 2, nsp: 1, data: ["a"] }),
  packed({ type: 2, data: ["a"] }),
  packed({ type: 2, nsp: "/", data: ["a"], id: "5" }),
  packed({ type: 2, nsp: "/", data: ["a"], id: 0.5 }),
  packed({ type: 2, nsp: "/", data: ["a"], id: null }),
  packed({ type: 5, nsp: "/", data: ["a"] }),
  packed({ type: -1, nsp: "/", data: ["a"] }),
  packed({ type: "2", nsp: "/", data: ["a"] }),
  packed({ type: 0.5, nsp: "/", data: ["a"] }),
  packed({ nsp: "/", data: ["a"] }),
  packed({ type: 3, nsp: "/chat", data: [], id: 7 }),
  packed({ type: 3, nsp: "/", data: ["x", bin("ff")], id: 2 ** 40 }),
  packed({ type: 3, nsp: "/", id: 7 }),
  packed({ type: 4, nsp: "/", data: { message: "x" } }),
  packed({ type: 4, nsp: "/", data: "x" }),
  packed({ type: 4, nsp: "/", data: [] }),
  withValue("d50000"), packed([]), packed("x"), packed(1), { hex: "" }, { hex: "c1" },
  { hex: packed({ type: 0, nsp: "/" }).hex + "00" },
  withValue(""), withValue("c1"), withValue("c0"), withValue("c402ff"), withValue("a5616263"),
  withValue("ca3fc00000"), withValue("ca3f800000"), withValue("cb3ff0000000000000"),
  withValue("cc05"), withValue("cd0005"), withValue("ce00000005"), withValue("cf0000000000000005"),
  withValue("d0ff"), withValue("d1ffff"), withValue("d2ffffffff"), withValue("d3ffffffffffffffff"),
  withValue("cf0020000000000000"), withValue("e0"), withValue("7f"),
  withValue("d90161"), withValue("da000161"), withValue("db0000000161"),
  withValue("a2c328"), withValue("a4f0288cbc"), withValue("a3eda080"),
  withValue("c50001ff"), withValue("c600000001ff"), withValue("dc0001c0"), withValue("dd00000001c0"),
  withValue("de0001a16201"), withValue("df00000001a16201"),
  withValue("810501"), withValue("81ff01"), withValue("82a16201a16202"), withValue("81cc0501"),
  // What notepack.io before version 3 wrote: undefined in an array, Date, ArrayBuffer.
  withValue("d40000"), withValue("d7000000018bcfe5687b"), withValue("d7007fffffffffffffff"),
  withValue("c70200abcd"), withValue("c8000100ab"), withValue("c90000000100ab"),
  // {type: 0, nsp: "/", data: undefined} and an id that is undefined, of the same age.
  { hex: "83a47479706500a36e7370a12fa464617461d40000" },
  { hex: "84a47479706502a36e7370a12fa46461746191a161a26964d40000" },
].map((message) => decodeWith(new msgpackParser.Decoder(), [message]));

// Version 3 of notepack.io, which later versions of the parser may use, knows timestamps.
const timestamps = [
  "d6ff00000000", "d6ffffffffff", "d7ff1dcd6500655407ff", "d7ffee6b27fc655407ff",
  "c70cff3b9ac9ffffffffffffffffff", "c70cff000000007fffffffffffffff", "c70cff00000000fffffff1886e0900",
  ...[0, 1, -1, 1700000000123, 2 ** 34 * 1000, 8.64e15, -8.64e15].map((ms) =>
    hex(notepackV3.encode(new Date(ms))),
  ),
].map((bytes) => ({ hex: bytes, date: notepackV3.decode(bin(bytes)) }));

const stricterMsgpack = [
  packed({ type: 2, nsp: "/", data: [] }),
  packed({ type: 2, nsp: "/", data: [null] }),
  packed({ type: 2, nsp: "/", data: ["connect"] }),
  packed({ type: 2, nsp: "chat", data: ["a"] }),
  packed({ type: 2, nsp: "/", data: ["a"], id: -1 }),
  packed({ type: 3, nsp: "/", data: [] }),
  packed({ type: 0, nsp: "/", data: { token: bin("01") } }),
  packed({ type: 2, nsp: "/", data: ["a", bin("01"), placeholder(0)] }),
  packed({ type: 2, nsp: "/", data: ["a", ...Array(11).fill(bin("01"))] }),
  withValue("81c001"), withValue("81c301"), withValue("819001"), withValue("81cb3fe000000000000001"),
  withValue("d40100"), withValue("d80000000000000000000000000000000000"),
  withValue("c70105ab"), withValue("91".repeat(200) + "c0"),
].map((message) => takenBy(new msgpackParser.Decoder(), [message]));

// ---------------------------------------------------------------------------------------- Engine.IO

const portableEngine = ({ type, data }) =>
  Buffer.isBuffer(data)
    ? { type, binary: hex(data) }
    : type === "error"
      ? { type }
      : { type, text: ["ping", "pong", "message"].includes(type) ? data || "" : undefined };

const decodeV3 = (parser3) => (body) => {
  const packets = [];
  parser3.decodePayload(body, (packet) => void packets.push(portableEngine(packet)));
  return packets;
};

// Both copies of the version 3 parser must agree.
function decodeBothV3(body) {
  const packets = decodeV3(v3)(body);
  if (JSON.stringify(packets) !== JSON.stringify(decodeV3(v3server)(body))) throw body;
  return packets;
}

const v4Bodies = [
  "", "4", "4hello", "4hello\x1e4wörld", "2\x1e3\x1e5\x1e6\x1e1", "2probe", "3probe", "bAQIDBA==",
  "bAQIDBA", "b", "4a\x1ebAQ==\x1e4b", "4a\x1e", "\x1e4a", "4a\x1e\x1e4b", "4a\x1e7\x1e4b", "x", "é",
  "4é😀", "7", "-", "40{\"a\":1}",
].map((body) => ({ body, packets: v4.decodePayload(body).map(portableEngine) }));

const v3Texts = [
  "", "0:", "1:2", "6:4hello", "6:2probe", "3:4é1:3", "3:4😀", "3:4😀2:4a", "10:b4AQIDBA==",
  "10:b4AQIDBA==2:4a", "0:0:2:4a", "002:4a", "2:4", "3:4a", "1:4a", ":4a", "4a", "2:", "2", "x:4a",
  "2:4a2", "2:4a2:", "2:xa", "2:é", "1:é", "99999999999999999999999:4a", "-1:4a", "2:4a-1:4",
].map((body) => ({ body, packets: decodeBothV3(body) }));

const v3Binaries = [
  "", "0001ff32", "0006ff343132333435", "000100ff34616263646566676869", "0106ff040102030405",
  "0101ff04", "0001ff320102ff04ff", "0003ff34c3a9", "0005ff34f09f9880", "000100ff6234415149444241" + "3d3d",
  "0003ff34c328", "0001ff37", "00000001ff32",
].map((body) => ({ body, packets: decodeBothV3(bin(body)) }));

const parts = [
  [],
  [{ text: "4hello" }],
  [{ text: "2" }, { text: "4wörld €" }, { text: "4😀\x1f" }],
  [{ binary: "01020304" }],
  [{ text: "4a" }, { binary: "" }, { text: "6" }, { binary: "ff" }, { binary: "0a".repeat(100) }],
];
const names = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];
const toPacket = ({ text, binary }) =>
  text === undefined
    ? { type: "message", data: bin(binary) }
    : { type: names[text[0]], data: text.slice(1) || undefined };
const encoded = (encode) => {
  let out;
  encode((body) => (out = body));
  return out;
};
const payloads = parts.map((list) => ({
  parts: list,
  v4: list.length ? encoded((done) => v4.encodePayload(list.map(toPacket), done)) : "",
  v3Text: encoded((done) => v3server.encodePayload(list.map(toPacket), false, done)),
  v3Binary: hex(encoded((done) => v3server.encodePayloadAsBinary(list.map(toPacket), done))),
}));

function jsonpWrap(j, payload) {
  const transport = new JSONP({ _query: { j }, headers: {} });
  let out;
  transport.req = { headers: {}, cleanup() {} };
  transport.res = { writeHead() {}, end: (data) => (out = data) };
  transport.doWrite(payload, {}, () => {});
  return { j, payload, wrapped: out };
}

function jsonpUnwrap(form) {
  const transport = new JSONP({ _query: {}, headers: {} });
  let payload = null;
  transport.protocol = 3;
  transport.parser = { decodePayload: (data) => (payload = data) };
  transport.onData(form);
  return { form, payload };
}

const jsonp = {
  wrap: [
    ["0", "6:4hello"], ["12", "\u2028\u2029\"\\\n\u0000\u001e\u007f</script>é😀"], ["1];alert(1)//", "1:2"],
    ["", "1:2"], ["x", ""],
  ].map(([j, payload]) => jsonpWrap(j, payload)),
  unwrap: [
    "d=6%3A4hello", "d=3%3A4+a", "d=1:2", "d=%5Cn", "d=%5C%5Cn", "d=%5C%5C%5Cn", "d=%5C%5C%5C%5Cn",
    "d=a%5Cnb%5C%5Cnc%5Cd%5C", "d=", "x=1&d=1%3A2&y=2", "x=1", "", "d=1&d=2", "d=%E2%82%AC%F0%9F%98%80",
    "d=%zz%", "d=%ff", "d", "D=1", "d=a=b",
  ].map(jsonpUnwrap),
};

const version = (name) =>
  JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")).version;
const packages = [
  "socket.io-parser", "socket.io-msgpack-parser", "notepack.io", "notepack.io-v3", "engine.io-parser",
  "engine.io-parser-v3", "engine.io",
];
const lines = (list) => "[\n" + list.map((item) => "    " + JSON.stringify(item)).join(",\n") + "\n  ]";
const sections = {
  outgoing, widths, incomingText, stricterText, incomingMsgpack, timestamps, stricterMsgpack, v4Bodies,
  v3Texts, v3Binaries, payloads, jsonpWrap: jsonp.wrap, jsonpUnwrap: jsonp.unwrap,
};
process.stdout.write(
  "{\n" +
    [
      `  "made": ${JSON.stringify("by generate.mjs, with node " + process.version)}`,
      `  "versions": ${JSON.stringify(Object.fromEntries(packages.map((name) => [name, version(name)])))}`,
      ...Object.entries(sections).map(([name, list]) => `  "${name}": ${lines(list)}`),
    ].join(",\n") +
    "\n}\n",
);
