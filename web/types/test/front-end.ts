// A front end as one would write it: it is only compiled, with `tsc --strict`.
import { io, type Socket } from "socket.io-client";
import type { Answer, ClientToServerEvents, ErrorCode, Message, SentMessage, ServerToClientEvents } from "switchboard-types";

const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io("http://localhost:8080", { auth: { token: "…" } });

const messages = new Map<string, Message>();

socket.on("session:ready", ({ userId, rooms, recovered }) => {
  const followed: string[] = rooms;
  console.log(userId.toUpperCase(), followed.length, recovered ? "again" : "anew");
});
socket.on("message:new", ({ message }) => messages.set(message.id, message));
socket.on("conversation:member-removed", ({ member, rev }) => console.log(member.leftAt, rev + 1));
socket.on("presence:changed", ({ changes }) => changes.forEach(({ userId, status }) => console.log(userId, status === "busy")));
socket.on("queue:events", async ({ events }) => {
  await socket.emitWithAck("queue:ack", { eventIds: events.map((event) => event.id) });
});
socket.on("error", ({ code, retryAfterMs }) => console.error(code, retryAfterMs ?? 0));

export async function send(conversationId: string, content: string): Promise<Message> {
  const answer: Answer<SentMessage> = await socket.timeout(5000).emitWithAck("message:send", { conversationId, content });
  if (answer.ok) return answer.data.message;
  const code: ErrorCode = answer.error.code;
  throw new Error(`${code}: ${answer.error.details?.map((detail) => detail.path).join()}`);
}

export function type(conversationId: string): void {
  // Whoever does not care for the answer leaves it out.
  socket.emit("message:typing", { conversationId, isTyping: true });
  socket.emit("message:typing", { conversationId, isTyping: true }, (answer) => console.log(answer.ok));
}

// What the compiler must refuse; each line is an error, or the test fails.
// @ts-expect-error: no such event
socket.emit("message:sent", {});
// @ts-expect-error: content is missing
socket.emit("message:send", { conversationId: "c" });
// @ts-expect-error: no such field
socket.emit("message:send", { conversationId: "c", content: "hi", contents: "hi" });
// @ts-expect-error: no such word
socket.emit("presence:update", { status: "sleeping" });
// @ts-expect-error: no such server event
socket.on("message:gone", () => {});
// @ts-expect-error: no such field in the payload
socket.on("message:new", ({ text }) => console.log(text));
// @ts-expect-error: the data is only there when it is ok
void socket.emitWithAck("message:delete", { messageId: "m" }).then((answer) => answer.data.message);
