/** The objects and events of the realtime contract, as far as the playground uses them. */

export type Status = "online" | "away" | "busy" | "offline";
export type ChosenStatus = Status | "auto";

export interface Conversation {
  id: string;
  organizationId: string;
  kind: "direct" | "group";
  title: string | null;
  status: "active" | "archived" | "auto_archived";
  createdBy: string;
  createdAt: string;
  lastMessageAt: string | null;
  lastSeq: number;
  rev: number;
  memberCount: number;
  messageCount: number;
  /** Only in acks, which have one viewer. */
  unreadCount?: number;
}

export interface Member {
  userId: string;
  role: "owner" | "admin" | "member" | "readonly";
  deliveredSeq: number;
  readSeq: number;
  /** Set in sync answers on members who are gone. */
  leftAt?: string | null;
}

export interface Message {
  id: string;
  conversationId: string;
  seq: number;
  rev: number;
  version: number;
  senderId: string;
  type: "text" | "image" | "file" | "system";
  content: string;
  reactions?: { emoji: string; count: number }[];
  clientMessageId: string | null;
  createdAt: string;
  editedAt: string | null;
  deletedAt: string | null;
}

export interface Presence {
  userId: string;
  status: Status;
  customStatus?: string | null;
  lastSeenAt?: string | null;
}

export interface Receipt {
  userId: string;
  deliveredSeq: number;
  readSeq: number;
}

export interface WireError {
  code: string;
  message: string;
  event?: string;
  retryAfterMs?: number;
  details?: { path: string; message: string }[];
  current?: { message?: Message; conversation?: Conversation };
}

export type Ack<T> = { ok: true; data: T } | { ok: false; error: WireError };

export interface SyncAnswer {
  conversation: Conversation;
  messages: Message[];
  members: Member[];
  receipts: Receipt[];
  rev: number;
  hasMore: boolean;
}

interface UpTo {
  conversationId: string;
  upToSeq: number;
}

/** Client events: what goes in, and the `data` of a good ack. */
export interface Calls {
  "conversation:create": {
    in: {
      kind: "direct" | "group";
      participantIds: string[];
      title?: string;
      clientConversationId?: string;
    };
    out: { conversation: Conversation; created: boolean };
  };
  "conversation:list": {
    in: { cursor?: string; limit?: number };
    out: { conversations: Conversation[]; nextCursor: string | null };
  };
  "conversation:get": {
    in: { conversationId: string };
    out: { conversation: Conversation; members: Member[] };
  };
  "conversation:join": {
    in: { conversationId: string };
    out: { conversation: Conversation; members: Member[] };
  };
  "conversation:sync": {
    in: { conversationId: string; afterRev: number; limit?: number };
    out: SyncAnswer;
  };
  "message:history": {
    in: { conversationId: string; beforeSeq?: number; limit?: number };
    out: { messages: Message[]; hasMore: boolean };
  };
  "message:send": {
    in: { conversationId: string; content: string; clientMessageId: string };
    out: { message: Message; duplicate?: boolean };
  };
  "message:edit": {
    in: { messageId: string; content: string; expectedVersion?: number };
    out: { message: Message };
  };
  "message:delete": { in: { messageId: string }; out: { message: Message } };
  "message:delivered": { in: UpTo; out: { deliveredSeq: number } };
  "message:read": { in: UpTo; out: { readSeq: number; unreadCount: number } };
  "message:typing": { in: { conversationId: string; isTyping: boolean }; out: object };
  "presence:update": { in: { status: ChosenStatus }; out: { presence: Presence } };
  "presence:user-status": { in: { userId: string }; out: { presence: Presence } };
}

export interface SessionReady {
  sessionId: string;
  userId: string;
  organizationId: string;
  nodeId: string;
  recovered: boolean;
  recoveryFailure: string | null;
  rooms: string[];
  unread: { total: number };
}

interface ReceiptEvent {
  conversationId: string;
  userId: string;
  upToSeq: number;
  at: string;
}

export interface MemberEvent {
  conversationId: string;
  member: Member;
  rev: number;
}

/** Server events that the playground acts on; all others only show in the developer log. */
export interface ServerEvents {
  "session:ready": (event: SessionReady) => void;
  "message:new": (event: { message: Message }) => void;
  "message:edited": (event: { message: Message }) => void;
  "message:deleted": (event: { message: Message }) => void;
  "message:reaction": (event: { message: Message }) => void;
  "message:delivered": (event: ReceiptEvent) => void;
  "message:read": (event: ReceiptEvent) => void;
  "message:typing": (event: { conversationId: string; userId: string; isTyping: boolean }) => void;
  "conversation:created": (event: { conversation: Conversation }) => void;
  "conversation:updated": (event: { conversation: Conversation }) => void;
  "conversation:archived": (event: { conversation: Conversation }) => void;
  "conversation:reopened": (event: { conversation: Conversation }) => void;
  "conversation:member-added": (event: MemberEvent) => void;
  "conversation:member-removed": (event: MemberEvent) => void;
  "conversation:member-role": (event: MemberEvent) => void;
  "presence:changed": (event: { changes: Presence[] }) => void;
  "server:draining": (event: { reconnectInMs: number }) => void;
  "rate-limit-exceeded": (event: WireError) => void;
  "validation-error": (event: WireError) => void;
  error: (event: WireError) => void;
}
