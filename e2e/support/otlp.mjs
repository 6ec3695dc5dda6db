// A receiver of traces by OTLP, protobuf over HTTP, as a collector is one.
import { createServer } from "node:http";

/** The fields of a protobuf message: by number, each a list of BigInts and Buffers. */
function fields(buffer) {
  const found = {};
  let at = 0;
  const varint = () => {
    let [value, shift, byte] = [0n, 0n, 0];
    do {
      byte = buffer[at++];
      value |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
    } while (byte & 0x80);
    return value;
  };
  const bytes = (length) => buffer.subarray(at, (at += length));
  while (at < buffer.length) {
    const key = Number(varint());
    const read = {
      0: varint,
      1: () => bytes(8).readBigUInt64LE(),
      2: () => bytes(Number(varint())),
      5: () => BigInt(bytes(4).readUInt32LE()),
    }[key & 7];
    if (!read) throw new Error(`wire type ${key & 7}`);
    (found[key >> 3] ??= []).push(read());
  }
  return (number) => found[number] ?? [];
}

const text = (values) => values[0]?.toString() ?? "";
const hex = (values) => values[0]?.toString("hex") ?? "";

function attributes(list) {
  const pairs = list.map((bytes) => {
    const pair = fields(bytes);
    const value = fields(pair(2)[0]);
    return [text(pair(1)), value(1).length ? text(value(1)) : Number(value(3)[0])];
  });
  return Object.fromEntries(pairs);
}

function span(bytes, resource) {
  const field = fields(bytes);
  const links = field(13).map(fields);
  const [status] = field(15).map(fields);
  return {
    trace: hex(field(1)),
    id: hex(field(2)),
    parent: hex(field(4)),
    name: text(field(5)),
    kind: ["unspecified", "internal", "server", "client", "producer", "consumer"][Number(field(6)[0] ?? 0n)],
    began: field(7)[0],
    ended: field(8)[0],
    attributes: attributes(field(9)),
    links: links.map((link) => ({ trace: hex(link(1)), id: hex(link(2)) })),
    failed: Number(status?.(3)[0] ?? 0n) === 2,
    resource,
  };
}

/** The spans of an `ExportTraceServiceRequest`, each with the attributes of its resource. */
function spans(body) {
  return fields(body)(1).flatMap((bytes) => {
    const ofResource = fields(bytes);
    const resource = attributes(fields(ofResource(1)[0])(1));
    return ofResource(2).flatMap((scope) => fields(scope)(2).map((one) => span(one, resource)));
  });
}

export class TraceReceiver {
  static async start() {
    const receiver = new TraceReceiver();
    receiver.server = createServer((request, response) => receiver.#take(request, response));
    await new Promise((resolve) => receiver.server.listen(0, "127.0.0.1", resolve));
    receiver.url = `http://127.0.0.1:${receiver.server.address().port}`;
    return receiver;
  }

  /** Everything that came. */
  spans = [];
  /** As it came. */
  raw = Buffer.alloc(0);
  #waiting = new Set();

  async #take(request, response) {
    const chunks = await request.toArray();
    const isRight = request.url === "/v1/traces" && request.headers["content-type"] === "application/x-protobuf";
    if (isRight) {
      const body = Buffer.concat(chunks);
      this.raw = Buffer.concat([this.raw, body]);
      this.spans.push(...spans(body));
      for (const look of this.#waiting) look();
    }
    response.writeHead(isRight ? 200 : 404, { "content-type": "application/x-protobuf" }).end();
  }

  /** Waits until the spans of which `is` is true have all of these names; resolves to them. */
  async until(is, names, patience = 15_000) {
    let look;
    let late;
    const waiting = new Promise((resolve, reject) => {
      look = () => {
        const found = this.spans.filter(is);
        const left = [...names];
        for (const { name } of found) {
          if (left.includes(name)) left.splice(left.indexOf(name), 1);
        }
        if (left.length === 0) resolve(found);
        return left;
      };
      late = setTimeout(() => reject(new Error(`these spans did not come: ${look()}`)), patience);
    });
    this.#waiting.add(look);
    look();
    try {
      return await waiting;
    } finally {
      clearTimeout(late);
      this.#waiting.delete(look);
    }
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
