// The same work in Node.js: socket.io 4, its Redis adapter, a token bucket in Redis before every call,
// a row in PostgreSQL before every broadcast. Settings are environment variables: see README.md.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import jwt from "jsonwebtoken";
import pg from "pg";
import { createClient } from "redis";
import { Server } from "socket.io";

const { REDIS_URL, DATABASE_URL, SECRET, PORT = "8080", CALLS_PER_MINUTE = "1000000" } = process.env;
if (!REDIS_URL || !DATABASE_URL || !SECRET) throw new Error("needs REDIS_URL, DATABASE_URL and SECRET");

const database = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });
await database.query(`
  CREATE TABLE IF NOT EXISTS peer_conversations (id uuid PRIMARY KEY, org text NOT NULL, seq bigint NOT NULL DEFAULT 0);
  CREATE TABLE IF NOT EXISTS peer_members (
    conversation uuid NOT NULL REFERENCES peer_conversations, user_id text NOT NULL, read_seq bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation, user_id));
  CREATE TABLE IF NOT EXISTS peer_messages (
    conversation uuid NOT NULL REFERENCES peer_conversations, seq bigint NOT NULL, id uuid NOT NULL, sender text NOT NULL,
    content text NOT NULL, client_message_id text, created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (conversation, seq), UNIQUE (conversation, sender, client_message_id));`);

const redis = createClient({ url: REDIS_URL });
const subscriber = redis.duplicate();
await Promise.all([redis.connect(), subscriber.connect()]);

// A full bucket fills evenly within a minute. Redis's clock, so that all nodes agree.
const BUCKET = `
  local rate, now = tonumber(ARGV[1]), redis.call('TIME')
  now = now[1] + now[2] / 1e6
  local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
  local tokens = math.min(rate, (tonumber(bucket[1]) or rate) + (now - (tonumber(bucket[2]) or now)) * rate / 60)
  local ok = tokens >= 1 and 1 or 0
  redis.call('HSET', KEYS[1], 'tokens', tostring(tokens - ok), 'at', tostring(now))
  redis.call('EXPIRE', KEYS[1], 60)
  return ok`;
const bucket = await redis.scriptLoad(BUCKET);

const http = createServer();
const io = new Server(http, { adapter: createAdapter(redis, subscriber), perMessageDeflate: false });

class Refusal extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/** Runs tasks of one key one after the other. */
function lanes() {
  const last = new Map();
  return (key, task) => {
    const next = (last.get(key) ?? Promise.resolve()).then(task);
    const settled = next.catch(() => {}).then(() => last.get(key) === settled && last.delete(key));
    last.set(key, settled);
    return next;
  };
}
// Without it, answers of two connections to the database may be read in another order than they were given.
const inRoom = lanes();

async function member(user, conversation) {
  const found = await database.query("SELECT 1 FROM peer_members WHERE conversation = $1 AND user_id = $2", [conversation, user]);
  if (!found.rowCount) throw new Refusal("FORBIDDEN");
}

const calls = {
  async "conversation:create"(socket, { participantIds }) {
    const { user, org } = socket.data;
    const conversation = { id: randomUUID(), organizationId: org };
    const members = [...new Set([user, ...participantIds])];
    await database.query(
      `WITH made AS (INSERT INTO peer_conversations (id, org) VALUES ($1, $2) RETURNING id)
       INSERT INTO peer_members (conversation, user_id) SELECT made.id, unnest($3::text[]) FROM made`,
      [conversation.id, org, members],
    );
    const rooms = members.map((id) => `user:${org}:${id}`);
    io.in(rooms).socketsJoin(conversation.id);
    io.to(rooms).emit("conversation:created", { conversation });
    return { conversation, created: true };
  },

  "message:send"(socket, { conversationId, content, clientMessageId = null }) {
    const { user } = socket.data;
    return inRoom(conversationId, async () => {
      const id = randomUUID();
      const stored = await database.query({
        name: "send",
        text: `WITH place AS (
            UPDATE peer_conversations SET seq = seq + 1
            WHERE id = $1 AND EXISTS (SELECT 1 FROM peer_members WHERE conversation = $1 AND user_id = $2) RETURNING seq)
          INSERT INTO peer_messages (conversation, seq, id, sender, content, client_message_id)
          SELECT $1, seq, $3, $2, $4, $5 FROM place RETURNING seq, created_at`,
        values: [conversationId, user, id, content, clientMessageId],
      });
      if (!stored.rowCount) throw new Refusal("FORBIDDEN");
      const [{ seq, created_at: createdAt }] = stored.rows;
      const message = { id, conversationId, seq: Number(seq), senderId: user, type: "text", content, clientMessageId, createdAt };
      socket.to(conversationId).emit("message:new", { message });
      return { message };
    });
  },

  async "message:read"(socket, { conversationId, upToSeq }) {
    const { user } = socket.data;
    const moved = await database.query({
      name: "read",
      text: "UPDATE peer_members SET read_seq = $3 WHERE conversation = $1 AND user_id = $2 AND read_seq < $3",
      values: [conversationId, user, upToSeq],
    });
    if (moved.rowCount) {
      socket.to(conversationId).emit("message:read", { conversationId, userId: user, upToSeq, at: new Date() });
    } else {
      await member(user, conversationId);
    }
    return { readSeq: upToSeq };
  },

  async "message:typing"(socket, { conversationId, isTyping }) {
    const { user } = socket.data;
    await member(user, conversationId);
    socket.volatile.to(conversationId).emit("message:typing", { conversationId, userId: user, isTyping });
    return {};
  },
};

async function carryOut(socket, event, payload) {
  const { user, org } = socket.data;
  const key = `peer:bucket:${org}:${user}:${event}`;
  const allowed = await redis.evalSha(bucket, { keys: [key], arguments: [CALLS_PER_MINUTE] });
  if (!allowed) throw new Refusal("RATE_LIMITED");
  if (!Object.hasOwn(calls, event)) throw new Refusal("NOT_FOUND");
  return calls[event](socket, payload);
}

io.use((socket, next) => {
  try {
    const { sub, org } = jwt.verify(socket.handshake.auth.token, SECRET, { algorithms: ["HS256"] });
    socket.data = { user: sub, org };
    next();
  } catch {
    next(new Error("UNAUTHENTICATED"));
  }
});

io.on("connection", async (socket) => {
  // Calls of one socket are carried out in the order in which they were sent.
  const inTurn = lanes();
  socket.onAny((event, payload, ack) => {
    inTurn("", () => carryOut(socket, event, payload ?? {})).then(
      (data) => ack?.({ ok: true, data }),
      (error) => {
        const isRefusal = error instanceof Refusal;
        if (!isRefusal) console.error(event, error);
        ack?.({ ok: false, error: { code: isRefusal ? error.code : "INTERNAL" } });
      },
    );
  });
  const { user, org } = socket.data;
  await socket.join(`user:${org}:${user}`);
  const rooms = await database.query("SELECT conversation FROM peer_members WHERE user_id = $1", [user]);
  await socket.join(rooms.rows.map((row) => row.conversation));
  socket.emit("session:ready", { userId: user, organizationId: org });
});

http.listen(Number(PORT), "127.0.0.1", () => console.log(`listening on ${http.address().port}`));
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(0));
