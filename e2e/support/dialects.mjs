// Front ends of other systems: what each may get, as their tables promise it, and nothing else.
import assert from "node:assert/strict";
import { Client, PATIENCE_MS, Refused, generations } from "./clients.mjs";

const MESSAGE = [
  "content", "conversationId", "createdAt", "deliveredAt", "id", "imageUrl", "messageType", "metadata", "readAt", "senderId",
];
const ROOM_MESSAGE = ["authorId", "content", "createdAt", "id", "roomId", "seq"];

/** The fields of each event of each namespace; of an object in a field, `{field: its fields}`. */
const TABLES = {
  "/messaging": {
    authenticated: ["userId"],
    message_sent: ["message", "tempId", { message: MESSAGE }],
    message_received: ["message", { message: MESSAGE }],
    message_delivered: ["conversationId", "deliveredAt", "messageId", "userId"],
    message_read: ["conversationId", "messageId", "readAt", "userId"],
    unread_count: ["conversationId", "count", "total"],
    user_online: ["userId"],
    user_offline: ["lastSeen", "userId"],
    user_typing: ["conversationId", "isTyping", "userId"],
    error: ["code", "message"],
  },
  "/chat": {
    receiveMessage: ROOM_MESSAGE,
    messageUpdated: ROOM_MESSAGE,
    messageDeleted: ["id", "roomId"],
    userTyping: ["isTyping", "roomId", "userId"],
    userStatus: ["lastSeen", "status", "userId"],
    "message:received": ["data", "event"],
    error: ["code", "message"],
  },
};

/** A socket of a stock client in a namespace; ready once it is connected. */
export class Speaker extends Client {
  constructor(socket, namespace, generation = "c4") {
    super(socket, generation, { native: false });
    this.namespace = namespace;
  }

  async connected() {
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`not connected to ${this.namespace}`)), PATIENCE_MS);
      const refused = (error) => {
        clearTimeout(late);
        reject(new Refused(error));
      };
      this.socket.once("connect", () => {
        clearTimeout(late);
        this.socket.off("connect_error", refused);
        resolve();
      });
      this.socket.once("connect_error", refused);
    });
    return this;
  }

  /** Holds that every event so far is of the namespace's table, with its fields and no others. */
  keepsToItsTable() {
    const table = TABLES[this.namespace];
    for (const { event, data } of this.events) {
      const fields = table[event];
      assert.ok(fields, `${this.namespace} knows no ${event}: ${JSON.stringify(data)}`);
      const names = fields.filter((field) => typeof field === "string");
      assert.deepEqual(Object.keys(data).sort(), names, event);
      for (const inner of fields.filter((field) => typeof field === "object")) {
        for (const [field, within] of Object.entries(inner)) {
          assert.deepEqual(Object.keys(data[field]).sort(), within, `${event}.${field}`);
        }
      }
    }
  }
}

/** Somebody of a scene in a namespace, by a stock client. */
export async function speak(scene, namespace, name, { node = 0, url, client = "c4", options = {}, token } = {}) {
  const bearer = token === undefined ? scene.token(name) : token;
  const credentials = client === "c2" ? { query: { token: bearer } } : { auth: bearer ? { token: bearer } : {} };
  const socket = generations[client](`${url ?? scene.url(node)}${namespace}`, {
    forceNew: true,
    reconnection: false,
    timeout: PATIENCE_MS,
    ...credentials,
    ...options,
  });
  const speaker = new Speaker(socket, namespace, client);
  speaker.user = scene.id(name);
  scene.keep(speaker);
  return speaker.connected();
}
