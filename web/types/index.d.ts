// Generated from docs/api/schemas.json by generate.mjs; do not edit.

/**
 * RFC 3339, UTC, with milliseconds.
 */
export type Timestamp = string;
/**
 * The `sub` claim: who it is, unique within an organization.
 */
export type UserId = string;
/**
 * A conversation's id (UUIDv7).
 */
export type ConversationId = string;
/**
 * Two people, or any number.
 */
export type Kind = "direct" | "group";
/**
 * What a member may do.
 */
export type Role = "owner" | "admin" | "member" | "readonly";
/**
 * The `org` claim: the tenant that everything belongs to.
 */
export type OrganizationId = string;
/**
 * Whether a conversation takes messages.
 */
export type ConversationStatus = "active" | "archived" | "auto_archived";
/**
 * A message's id (UUIDv7).
 */
export type MessageId = string;
/**
 * What a message is.
 */
export type MessageType = "text" | "image" | "file" | "system";
/**
 * What happened to a connection.
 */
export type ConnectionEventType = "connected" | "disconnected" | "refused";
/**
 * What the state is now, for whoever ran into a conflict.
 */
export type Current =
  | {
      message: Message;
    }
  | {
      conversation: ConversationView;
    };
/**
 * What went wrong, in a word that programs can depend on.
 */
export type ErrorCode =
  | "UNAUTHENTICATED"
  | "TOKEN_EXPIRED"
  | "FORBIDDEN"
  | "NOT_FOUND"
  | "VALIDATION_FAILED"
  | "RATE_LIMITED"
  | "CONFLICT"
  | "PAYLOAD_TOO_LARGE"
  | "UNAVAILABLE"
  | "INTERNAL";
/**
 * How bad it is.
 */
export type HealthStatus = "ok" | "warning" | "critical";
/**
 * A notification's id (UUIDv7).
 */
export type NotificationId = string;
/**
 * How present somebody is, weakest first.
 */
export type PresenceStatus = "offline" | "away" | "online" | "busy";
/**
 * How much an event in the offline queue matters: the least important goes first when there
 * are too many.
 */
export type Priority = "low" | "normal" | "critical";
/**
 * The id of an event in a user's offline queue (UUIDv7).
 */
export type QueuedEventId = string;

/**
 * When the token stops being good.
 */
export interface AuthExpiring {
  expiresAt: Timestamp;
}
/**
 * A page of what changed since a `rev`.
 */
export interface Changes {
  conversation: ConversationView;
  hasMore: boolean;
  /**
   * Those whose membership changed; who left carries `leftAt`.
   */
  members: Member[];
  /**
   * As they are now, ascending by `rev`.
   */
  messages: Message[];
  /**
   * Watermarks of all members, at most 1,000.
   */
  receipts: Receipt[];
  /**
   * How far this page is complete: the next `afterRev`.
   */
  rev: number;
}
/**
 * A conversation as one member sees it: only in acks and HTTP answers, never in events, which are
 * the same bytes for all.
 */
export interface ConversationView {
  archivedAt: Timestamp | null;
  archivedBy: UserId | null;
  context: Context | null;
  createdAt: Timestamp;
  createdBy: UserId;
  id: ConversationId;
  kind: Kind;
  lastMessageAt: Timestamp | null;
  /**
   * `seq` of the newest message; 0 when there is none.
   */
  lastSeq: number;
  /**
   * Active members.
   */
  memberCount: number;
  /**
   * Messages, tombstones included.
   */
  messageCount: number;
  metadata: {
    [k: string]: unknown;
  };
  myRole: Role;
  organizationId: OrganizationId;
  /**
   * Number of durable changes so far; creation is the first.
   */
  rev: number;
  status: ConversationStatus;
  title: string | null;
  /**
   * Messages of others after the viewer's read watermark, tombstones not counted.
   */
  unreadCount: number;
}
/**
 * What a conversation is about in the host application.
 */
export interface Context {
  /**
   * Which one.
   */
  id: string;
  /**
   * Kind of thing, such as `order`.
   */
  type: string;
}
/**
 * Somebody in a conversation.
 */
export interface Member {
  deliveredSeq: number;
  joinedAt: Timestamp;
  lastSeenAt: Timestamp | null;
  /**
   * Set for those who left: `conversation:sync` shows them, and what tells that they did.
   */
  leftAt?: Timestamp | null;
  readSeq: number;
  role: Role;
  userId: UserId;
}
/**
 * A message; a deleted one stays as a tombstone with `deletedAt` set and no content.
 */
export interface Message {
  attachments: unknown[];
  clientMessageId: string | null;
  content: string;
  conversationId: ConversationId;
  createdAt: Timestamp;
  deletedAt: Timestamp | null;
  editedAt: Timestamp | null;
  id: MessageId;
  metadata: {
    [k: string]: unknown;
  };
  reactions: Reaction[];
  replyTo: MessageId | null;
  /**
   * The conversation's `rev` of this message's last change.
   */
  rev: number;
  senderId: UserId;
  /**
   * Display order: 1, 2, 3 … with no gap.
   */
  seq: number;
  threadRootId: MessageId | null;
  type: MessageType;
  /**
   * 1 when sent, one more with each edit.
   */
  version: number;
}
/**
 * Who put an emoji on a message.
 */
export interface Reaction {
  count: number;
  emoji: string;
  userIds: UserId[];
}
/**
 * How far somebody got.
 */
export interface Receipt {
  deliveredSeq: number;
  readSeq: number;
  userId: UserId;
}
/**
 * Connection events of one address or kind of program.
 */
export interface ConnectionCounts {
  connected: number;
  disconnected: number;
  name: string;
  refused: number;
}
/**
 * Something that happened to a connection of somebody whose token was good.
 */
export interface ConnectionEvent {
  /**
   * The client's address; behind a proxy that is not trusted, the proxy's.
   */
  address: string | null;
  at: Timestamp;
  nodeId: string;
  /**
   * Why it was disconnected, or the code with which it was refused.
   */
  reason: string | null;
  type: ConnectionEventType;
  /**
   * What kind of program the client is, by its `User-Agent`: `Chrome`, `Node.js` … `other`, or `none`.
   */
  userAgent: string;
  userId: UserId;
}
/**
 * A conversation as everyone in it sees it.
 */
export interface Conversation {
  archivedAt: Timestamp | null;
  archivedBy: UserId | null;
  context: Context | null;
  createdAt: Timestamp;
  createdBy: UserId;
  id: ConversationId;
  kind: Kind;
  lastMessageAt: Timestamp | null;
  /**
   * `seq` of the newest message; 0 when there is none.
   */
  lastSeq: number;
  /**
   * Active members.
   */
  memberCount: number;
  /**
   * Messages, tombstones included.
   */
  messageCount: number;
  metadata: {
    [k: string]: unknown;
  };
  organizationId: OrganizationId;
  /**
   * Number of durable changes so far; creation is the first.
   */
  rev: number;
  status: ConversationStatus;
  title: string | null;
}
/**
 * A conversation as it is now.
 */
export interface ConversationChanged {
  conversation: Conversation;
}
/**
 * A conversation and who is in it.
 */
export interface ConversationDetails {
  conversation: ConversationView;
  /**
   * In the order of joining, at most 100.
   */
  members: Member[];
}
/**
 * A page of conversations.
 */
export interface Conversations {
  conversations: ConversationView[];
  /**
   * What to ask with for the next page; `null` after the last one.
   */
  nextCursor: string | null;
}
/**
 * A conversation that was made, or was there.
 */
export interface CreatedConversation {
  conversation: ConversationView;
  /**
   * `false` when it was there already.
   */
  created: boolean;
}
/**
 * The secret with which another connection can take a session over.
 */
export interface CreatedSession {
  /**
   * RFC 3339, UTC, with milliseconds.
   */
  expiresAt: string;
  sessionToken: string;
}
/**
 * How far messages reached the user's devices.
 */
export interface DeliveredUpTo {
  deliveredSeq: number;
}
/**
 * Of how many.
 */
export interface DeliveryCounts {
  delivered: number;
  read: number;
  /**
   * Members but the sender.
   */
  recipients: number;
}
/**
 * How far a message came.
 */
export interface DeliveryStatus {
  counts: DeliveryCounts;
  /**
   * Members, but its sender, on whose devices it is; at most 100, the latest first.
   */
  deliveredTo: ReceivedBy[];
  /**
   * Members, but its sender, who have read it; at most 100, the latest first.
   */
  readBy: ReceivedBy[];
  sentAt: Timestamp;
}
/**
 * Somebody whom a message has reached.
 */
export interface ReceivedBy {
  /**
   * RFC 3339, UTC, with milliseconds.
   */
  at: string;
  userId: UserId;
}
/**
 * One thing that is wrong with a payload.
 */
export interface Detail {
  /**
   * What is wrong, for people.
   */
  message: string;
  /**
   * Where, as `field` or `field[3].inner`; empty for the payload itself.
   */
  path: string;
}
/**
 * An error as clients get it: in an ack, a failure event or `connect_error.data`.
 */
export interface ErrorObject {
  /**
   * What went wrong, in a word that programs can depend on.
   */
  code:
    | "UNAUTHENTICATED"
    | "TOKEN_EXPIRED"
    | "FORBIDDEN"
    | "NOT_FOUND"
    | "VALIDATION_FAILED"
    | "RATE_LIMITED"
    | "CONFLICT"
    | "PAYLOAD_TOO_LARGE"
    | "UNAVAILABLE"
    | "INTERNAL";
  /**
   * With `CONFLICT`: what is there now.
   */
  current?: Current | null;
  /**
   * With `VALIDATION_FAILED`: every field that is wrong.
   */
  details?: Detail[];
  /**
   * The client event that failed.
   */
  event?: string | null;
  /**
   * The same for people; never internals.
   */
  message: string;
  /**
   * With `RATE_LIMITED` and `UNAVAILABLE`: when to try again, in milliseconds.
   */
  retryAfterMs?: number | null;
}
/**
 * What `conversation:exit` gives.
 */
export interface Exited {
  /**
   * The conversation's `rev` after it.
   */
  rev: number;
}
/**
 * What could not be done for one of several conversations.
 */
export interface Failed {
  conversationId: ConversationId;
  error: FailedBecause;
}
/**
 * Why.
 */
export interface FailedBecause {
  code: ErrorCode;
  message: string;
}
/**
 * What `conversation:join` gives.
 */
export interface JoinedConversation {
  /**
   * With `afterRev`: what changed since.
   */
  changes?: Changes | null;
  conversation: ConversationView;
  /**
   * In the order of joining, at most 100.
   */
  members: Member[];
}
/**
 * A membership as it is now.
 */
export interface MemberChanged {
  conversationId: ConversationId;
  member: Member1;
  /**
   * The conversation's, of this change.
   */
  rev: number;
}
/**
 * Somebody in a conversation.
 */
export interface Member1 {
  deliveredSeq: number;
  joinedAt: Timestamp;
  lastSeenAt: Timestamp | null;
  /**
   * Set for those who left: `conversation:sync` shows them, and what tells that they did.
   */
  leftAt?: Timestamp | null;
  readSeq: number;
  role: Role;
  userId: UserId;
}
/**
 * Members after a change of theirs.
 */
export interface MembersChanged {
  /**
   * Those whom the call named, and whoever else has another role by it, as they are now; who left
   * carries `leftAt`.
   */
  members: Member[];
  /**
   * The conversation's `rev` after it.
   */
  rev: number;
}
/**
 * A message as it is now.
 */
export interface MessageChanged {
  message: Message;
}
/**
 * Numbers about messages: of a conversation, or those that the user sent.
 */
export interface MessageStats {
  deleted: number;
  /**
   * Those of them that reached at least one other member.
   */
  delivered: number;
  edited: number;
  /**
   * Sent in the last hour, per minute.
   */
  perMinute: number;
  /**
   * Those of them that at least one other member read.
   */
  read: number;
  sent: number;
}
/**
 * Part of a history, ascending by `seq`.
 */
export interface Messages {
  hasMore: boolean;
  messages: Message[];
}
/**
 * The newest connection events.
 */
export interface MonitoringEvents {
  /**
   * Of the own organization, the newest first.
   */
  events: ConnectionEvent[];
}
/**
 * How the cluster is.
 */
export interface MonitoringHealth {
  /**
   * Live nodes.
   */
  nodes: number;
  /**
   * What to do, the worst first.
   */
  recommendations: Recommendation[];
  /**
   * How bad it is.
   */
  status: "ok" | "warning" | "critical";
}
/**
 * What to do about something.
 */
export interface Recommendation {
  /**
   * What was seen, and what helps.
   */
  message: string;
  /**
   * The node that it is about; `null` is all of them.
   */
  nodeId: string | null;
  /**
   * The setting to look at.
   */
  setting: string;
  status: HealthStatus;
}
/**
 * Figures of the whole cluster.
 */
export interface MonitoringMetrics {
  at: Timestamp;
  /**
   * By their ids.
   */
  nodes: NodeMetrics[];
  totals: NodeFigures1;
}
/**
 * A node, and its figures as it last told them, some seconds ago.
 */
export interface NodeMetrics {
  figures: NodeFigures;
  nodeId: string;
  startedAt: Timestamp;
  version: string;
}
/**
 * Figures of a node, or of all nodes together. What is *per minute* or *per second* is of the last minute.
 */
export interface NodeFigures {
  /**
   * Tokens that were refused.
   */
  authFailuresPerMinute: number;
  /**
   * Sockets.
   */
  connections: number;
  /**
   * Sockets that connected.
   */
  connectsPerMinute: number;
  /**
   * Events that were put into sockets' queues.
   */
  deliveriesPerSecond: number;
  /**
   * Calls of clients.
   */
  eventsPerSecond: number;
  /**
   * Calls that the pipeline has taken since the node started.
   */
  eventsTotal: number;
  /**
   * Connections that were refused for a limit.
   */
  limitedConnectionsPerMinute: number;
  /**
   * Most files that the process may have open; 0 is not known.
   */
  maxFiles: number;
  memoryBytes: number;
  /**
   * Messages that were stored.
   */
  messagesPerSecond: number;
  /**
   * Messages that were stored since the node started.
   */
  messagesTotal: number;
  openFiles: number;
  /**
   * Calls that were refused for their frequency.
   */
  rateLimitedPerMinute: number;
  /**
   * Clients that came back and got what they had.
   */
  recoveriesPerMinute: number;
  /**
   * Clients that came back and had to begin anew.
   */
  recoveryFailuresPerMinute: number;
  /**
   * Connects that were refused, for whatever reason.
   */
  refusedPerMinute: number;
  /**
   * What waits for clients to read.
   */
  sendQueueBytes: number;
  /**
   * Calls that were refused because too much waited.
   */
  shedPerMinute: number;
  /**
   * Sockets that were closed because their queue was full.
   */
  slowConsumersPerMinute: number;
  /**
   * How long the database took for an operation, on average, in milliseconds.
   */
  storeMs: number;
  /**
   * Users with a socket; one with sockets on two nodes counts on both.
   */
  users: number;
  /**
   * Nodes whose database does not answer: of one node 0 or 1.
   */
  withoutDatabase: number;
  /**
   * Nodes that did without Redis within the last minute: of one node 0 or 1.
   */
  withoutRedis: number;
}
/**
 * Figures of a node, or of all nodes together. What is *per minute* or *per second* is of the last minute.
 */
export interface NodeFigures1 {
  /**
   * Tokens that were refused.
   */
  authFailuresPerMinute: number;
  /**
   * Sockets.
   */
  connections: number;
  /**
   * Sockets that connected.
   */
  connectsPerMinute: number;
  /**
   * Events that were put into sockets' queues.
   */
  deliveriesPerSecond: number;
  /**
   * Calls of clients.
   */
  eventsPerSecond: number;
  /**
   * Calls that the pipeline has taken since the node started.
   */
  eventsTotal: number;
  /**
   * Connections that were refused for a limit.
   */
  limitedConnectionsPerMinute: number;
  /**
   * Most files that the process may have open; 0 is not known.
   */
  maxFiles: number;
  memoryBytes: number;
  /**
   * Messages that were stored.
   */
  messagesPerSecond: number;
  /**
   * Messages that were stored since the node started.
   */
  messagesTotal: number;
  openFiles: number;
  /**
   * Calls that were refused for their frequency.
   */
  rateLimitedPerMinute: number;
  /**
   * Clients that came back and got what they had.
   */
  recoveriesPerMinute: number;
  /**
   * Clients that came back and had to begin anew.
   */
  recoveryFailuresPerMinute: number;
  /**
   * Connects that were refused, for whatever reason.
   */
  refusedPerMinute: number;
  /**
   * What waits for clients to read.
   */
  sendQueueBytes: number;
  /**
   * Calls that were refused because too much waited.
   */
  shedPerMinute: number;
  /**
   * Sockets that were closed because their queue was full.
   */
  slowConsumersPerMinute: number;
  /**
   * How long the database took for an operation, on average, in milliseconds.
   */
  storeMs: number;
  /**
   * Users with a socket; one with sockets on two nodes counts on both.
   */
  users: number;
  /**
   * Nodes whose database does not answer: of one node 0 or 1.
   */
  withoutDatabase: number;
  /**
   * Nodes that did without Redis within the last minute: of one node 0 or 1.
   */
  withoutRedis: number;
}
/**
 * The newest connection events, counted.
 */
export interface MonitoringStats {
  /**
   * Those with most events first; after 20 the others together, as `other`.
   */
  byAddress: ConnectionCounts[];
  /**
   * As `byAddress`.
   */
  byUserAgent: ConnectionCounts[];
  events: number;
  /**
   * When the oldest of the events was that were counted; `null`: there are none.
   */
  since: Timestamp | null;
}
/**
 * Nothing but that it was done.
 */
export interface Nothing {}
/**
 * Something that a user should know.
 */
export interface Notification {
  body: string;
  conversationId: ConversationId | null;
  createdAt: Timestamp;
  data: {
    [k: string]: unknown;
  };
  id: NotificationId;
  messageId: MessageId | null;
  readAt: Timestamp | null;
  title: string;
  /**
   * What it is about, such as `message`.
   */
  type: string;
}
/**
 * A notification that is new.
 */
export interface NotificationNew {
  notification: Notification;
}
/**
 * A conversation as it is now.
 */
export interface OneConversation {
  conversation: ConversationView;
}
/**
 * A message as it is now.
 */
export interface OneMessage {
  message: Message;
}
/**
 * How present a user is.
 */
export interface OnePresence {
  /**
   * Only there, and `true`, when one node answered from what it alone knows.
   */
  degraded?: boolean;
  presence: Presence;
}
/**
 * How present a user is, over all devices and nodes.
 */
export interface Presence {
  customStatus: string | null;
  /**
   * When the last device went, or the last sign of life; `null` for somebody never seen.
   */
  lastSeenAt: Timestamp | null;
  status: PresenceStatus;
  userId: UserId;
}
/**
 * A page of who is there.
 */
export interface OnlineUsers {
  /**
   * Only there, and `true`, when one node answered from what it alone knows.
   */
  degraded?: boolean;
  /**
   * What to ask with for the next page; `null` after the last one.
   */
  nextCursor: string | null;
  /**
   * On all pages together.
   */
  total: number;
  users: Presence[];
}
/**
 * Who is how present now.
 */
export interface PresenceChanged {
  changes: Presence[];
}
/**
 * When a user was there.
 */
export interface PresenceHistory {
  /**
   * Ascending, within what was asked for.
   */
  sessions: PresenceSession[];
  totals: PresenceTotals;
}
/**
 * A time in which a user's status did not change.
 */
export interface PresenceSession {
  from: Timestamp;
  status: PresenceStatus;
  /**
   * `null`: it still lasts.
   */
  to: Timestamp | null;
}
/**
 * For how long in all, in milliseconds.
 */
export interface PresenceTotals {
  awayMs: number;
  busyMs: number;
  onlineMs: number;
}
/**
 * How many of an organization are there.
 */
export interface PresenceStats {
  /**
   * Users.
   */
  away: number;
  /**
   * Users.
   */
  busy: number;
  /**
   * Sockets.
   */
  connections: number;
  /**
   * Only there, and `true`, when one node answered from what it alone knows.
   */
  degraded?: boolean;
  /**
   * Devices that users' tokens name, or sockets of tokens that name none.
   */
  devices: number;
  /**
   * Users.
   */
  online: number;
}
/**
 * How present users are, in the order of the question.
 */
export interface Presences {
  /**
   * Only there, and `true`, when one node answered from what it alone knows.
   */
  degraded?: boolean;
  presences: Presence[];
}
/**
 * What `queue:ack` gives.
 */
export interface QueueAcked {
  /**
   * Events of the user that are not acknowledged.
   */
  remaining: number;
}
/**
 * Events that were kept for a user.
 */
export interface QueueEvents {
  /**
   * The most important first, then the oldest.
   */
  events: QueuedEvent[];
}
/**
 * An event that was kept for a user.
 */
export interface QueuedEvent {
  createdAt: Timestamp;
  /**
   * Its payload.
   */
  data: {
    [k: string]: unknown;
  };
  /**
   * Its name.
   */
  event: string;
  id: QueuedEventId;
  priority: Priority;
}
/**
 * An emoji that came or went.
 */
export interface ReactionChanged {
  /**
   * `false`: taken off.
   */
  added: boolean;
  emoji: string;
  message: Message;
  userId: UserId;
}
/**
 * How far the user has read.
 */
export interface ReadUpTo {
  readSeq: number;
  /**
   * Messages of others that are not read yet.
   */
  unreadCount: number;
}
/**
 * A watermark that moved.
 */
export interface ReceiptMoved {
  at: Timestamp;
  conversationId: ConversationId;
  upToSeq: number;
  userId: UserId;
}
/**
 * What `connection:recover` gives.
 */
export interface RecoveredSession {
  /**
   * What was missed, of each conversation that has something.
   */
  changes: Changes[];
  /**
   * Events in the offline queue, which come by `queue:events`.
   */
  queued: number;
  recovered: boolean;
  /**
   * Why not.
   */
  recoveryFailure?: string | null;
  /**
   * The conversations that the session followed; this socket follows them now.
   */
  rooms: ConversationId[];
}
/**
 * How often clients asked to be recovered.
 */
export interface RecoveryStats {
  attempts: number;
  /**
   * By reason.
   */
  failures: {
    [k: string]: number;
  };
  recovered: number;
}
/**
 * What `auth:refresh` gives.
 */
export interface Refreshed {
  /**
   * RFC 3339, UTC, with milliseconds.
   */
  expiresAt: string;
}
/**
 * Who of a conversation is there.
 */
export interface RoomOnline {
  /**
   * Only there, and `true`, when one node answered from what it alone knows.
   */
  degraded?: boolean;
  /**
   * Members that are not offline, of the first 1,000.
   */
  users: Presence[];
}
/**
 * A message that was found.
 */
export interface SearchResult {
  message: Message;
  /**
   * How well it fits; greater is better. Only comparable within one answer.
   */
  rank: number;
  /**
   * A part of the content with what was found between `<mark>` and `</mark>`; everything else in it is
   * safe as HTML.
   */
  snippet: string;
}
/**
 * A page of what was found, best first.
 */
export interface SearchResults {
  /**
   * What to ask with for the next page; `null` after the last one.
   */
  nextCursor: string | null;
  results: SearchResult[];
}
/**
 * A message that is stored.
 */
export interface SentMessage {
  /**
   * Only there, and `true`, when this is what an earlier call with the same `clientMessageId` stored.
   */
  duplicate?: boolean;
  message: Message;
}
/**
 * When a socket of a node that ends will be closed.
 */
export interface ServerDraining {
  reconnectInMs: number;
}
/**
 * What is known of a connection.
 */
export interface SessionInfo {
  /**
   * When the session would be over if the connection ended now.
   */
  expiresAt: Timestamp | null;
  nodeId: string;
  organizationId: OrganizationId;
  /**
   * Whether its client could come back to it.
   */
  recoverable: boolean;
  recovered: boolean;
  recoveryFailure: string | null;
  rooms: ConversationId[];
  socketId: string;
  tokenExpiresAt: Timestamp;
  transport: string;
  userId: UserId;
}
/**
 * Tells a socket that it is connected and follows its rooms.
 */
export interface SessionReady {
  nodeId: string;
  organizationId: OrganizationId;
  recovered: boolean;
  /**
   * Why it was not, if it asked: `unknown`, `expired`, `epoch`, `trimmed`, `identity` or `limit`.
   */
  recoveryFailure: string | null;
  /**
   * The conversations that it follows.
   */
  rooms: ConversationId[];
  serverTime: Timestamp;
  sessionId: string;
  /**
   * The secret of `connection:recover`; `null` when recovery is turned off.
   */
  sessionToken: string | null;
  unread: Unread;
  userId: UserId;
}
/**
 * Unread messages over all of a user's conversations.
 */
export interface Unread {
  total: number;
}
/**
 * What `room:subscribe-multiple` gives.
 */
export interface Subscribed {
  failed: Failed[];
  joined: ConversationId[];
}
/**
 * Whether and since when a socket follows a conversation.
 */
export interface Subscription {
  conversationId: ConversationId;
  /**
   * RFC 3339, UTC, with milliseconds.
   */
  joinedAt: string;
  lastSeq: number;
  subscribed: boolean;
  unreadCount: number;
}
/**
 * A conversation, and whether and since when a socket follows it.
 */
export interface SubscriptionDetail {
  conversation: ConversationView;
  conversationId: ConversationId;
  /**
   * RFC 3339, UTC, with milliseconds.
   */
  joinedAt: string;
  lastSeq: number;
  /**
   * How many of the first 100 members are not offline, over all nodes.
   */
  online: number;
  subscribed: boolean;
  unreadCount: number;
}
/**
 * What a socket follows, and what that is.
 */
export interface SubscriptionDetails {
  subscriptions: SubscriptionDetail[];
}
/**
 * Whether and since when a socket follows conversations.
 */
export interface Subscriptions {
  subscriptions: Subscription[];
}
/**
 * A page of a thread.
 */
export interface Thread {
  /**
   * What to ask with for the next page; `null` after the last one.
   */
  nextCursor: string | null;
  /**
   * Ascending by `seq`.
   */
  replies: Message[];
  root: Message;
}
/**
 * Somebody began or stopped typing.
 */
export interface Typing {
  conversationId: ConversationId;
  isTyping: boolean;
  userId: UserId;
}
/**
 * Somebody who types.
 */
export interface TypingUser {
  since: Timestamp;
  userId: UserId;
}
/**
 * Who types.
 */
export interface TypingUsers {
  users: TypingUser[];
}
/**
 * A user's unread messages.
 */
export interface UnreadCount {
  conversationId: ConversationId;
  /**
   * Over all conversations.
   */
  total: number;
  unreadCount: number;
}
/**
 * What `room:unsubscribe-multiple` gives.
 */
export interface Unsubscribed {
  failed: Failed[];
  left: ConversationId[];
}
/**
 * Payload of `auth:refresh`.
 */
export interface AuthRefreshPayload {
  token: string;
}
/**
 * Payload of `connection:create-session`.
 */
export interface ConnectionCreateSessionPayload {}
/**
 * Payload of `connection:recover`.
 */
export interface ConnectionRecoverPayload {
  positions?: {
    [k: string]: number;
  } | null;
  sessionToken: string;
}
/**
 * Payload of `connection:session-info`.
 */
export interface ConnectionSessionInfoPayload {}
/**
 * Payload of `connection:stats`.
 */
export interface ConnectionStatsPayload {}
/**
 * Payload of `conversation:add-members`.
 */
export interface ConversationAddMembersPayload {
  conversationId: string;
  role?: ("admin" | "member" | "readonly") | null;
  userId?: string | null;
  userIds?: string[] | null;
}
/**
 * Payload of `conversation:archive`.
 */
export interface ConversationArchivePayload {
  conversationId: string;
}
/**
 * Payload of `conversation:create`.
 */
export interface ConversationCreatePayload {
  clientConversationId?: string | null;
  context?: {
    id: string;
    type: string;
  } | null;
  kind: "direct" | "group";
  metadata?: {} | null;
  participantIds: string[];
  title?: string | null;
}
/**
 * Payload of `conversation:exit`.
 */
export interface ConversationExitPayload {
  conversationId: string;
}
/**
 * Payload of `conversation:get`.
 */
export interface ConversationGetPayload {
  conversationId: string;
}
/**
 * Payload of `conversation:join`.
 */
export interface ConversationJoinPayload {
  afterRev?: number | null;
  conversationId: string;
}
/**
 * Payload of `conversation:leave`.
 */
export interface ConversationLeavePayload {
  conversationId: string;
}
/**
 * Payload of `conversation:list`.
 */
export interface ConversationListPayload {
  cursor?: string | null;
  limit?: number | null;
  status?: ("active" | "archived" | "auto_archived") | null;
}
/**
 * Payload of `conversation:remove-member`.
 */
export interface ConversationRemoveMemberPayload {
  conversationId: string;
  userId?: string | null;
  userIds?: string[] | null;
}
/**
 * Payload of `conversation:reopen`.
 */
export interface ConversationReopenPayload {
  conversationId: string;
}
/**
 * Payload of `conversation:set-role`.
 */
export interface ConversationSetRolePayload {
  conversationId: string;
  role: "owner" | "admin" | "member" | "readonly";
  userId?: string | null;
  userIds?: string[] | null;
}
/**
 * Payload of `conversation:sync`.
 */
export interface ConversationSyncPayload {
  afterRev: number;
  conversationId: string;
  limit?: number | null;
}
/**
 * Payload of `conversation:update`.
 */
export interface ConversationUpdatePayload {
  conversationId: string;
  metadata?: {} | null;
  title?: string | null;
}
/**
 * Payload of `message:delete`.
 */
export interface MessageDeletePayload {
  messageId: string;
}
/**
 * Payload of `message:delivered`.
 */
export interface MessageDeliveredPayload {
  all?: boolean | null;
  conversationId?: string | null;
  messageId?: string | null;
  messageIds?: string[] | null;
  upToSeq?: number | null;
}
/**
 * Payload of `message:delivery-status`.
 */
export interface MessageDeliveryStatusPayload {
  messageId: string;
}
/**
 * Payload of `message:edit`.
 */
export interface MessageEditPayload {
  content: string;
  expectedVersion?: number | null;
  messageId: string;
}
/**
 * Payload of `message:history`.
 */
export interface MessageHistoryPayload {
  afterSeq?: number | null;
  beforeSeq?: number | null;
  conversationId: string;
  limit?: number | null;
}
/**
 * Payload of `message:react`.
 */
export interface MessageReactPayload {
  emoji: string;
  messageId: string;
}
/**
 * Payload of `message:read`.
 */
export interface MessageReadPayload {
  all?: boolean | null;
  conversationId?: string | null;
  messageId?: string | null;
  messageIds?: string[] | null;
  upToSeq?: number | null;
}
/**
 * Payload of `message:search`.
 */
export interface MessageSearchPayload {
  conversationId?: string | null;
  cursor?: string | null;
  limit?: number | null;
  query: string;
}
/**
 * Payload of `message:send`.
 */
export interface MessageSendPayload {
  attachmentIds?: string[] | null;
  clientMessageId?: string | null;
  content: string;
  conversationId: string;
  metadata?: {} | null;
  replyTo?: string | null;
  type?: ("text" | "image" | "file") | null;
}
/**
 * Payload of `message:stats`.
 */
export interface MessageStatsPayload {
  conversationId?: string | null;
}
/**
 * Payload of `message:thread`.
 */
export interface MessageThreadPayload {
  cursor?: string | null;
  limit?: number | null;
  messageId: string;
}
/**
 * Payload of `message:typing`.
 */
export interface MessageTypingPayload {
  conversationId: string;
  isTyping: boolean;
}
/**
 * Payload of `message:typing-users`.
 */
export interface MessageTypingUsersPayload {
  conversationId: string;
}
/**
 * Payload of `message:unreact`.
 */
export interface MessageUnreactPayload {
  emoji: string;
  messageId: string;
}
/**
 * Payload of `monitoring:events`.
 */
export interface MonitoringEventsPayload {
  limit?: number | null;
  type?: ("connected" | "disconnected" | "refused") | null;
}
/**
 * Payload of `monitoring:health`.
 */
export interface MonitoringHealthPayload {}
/**
 * Payload of `monitoring:metrics`.
 */
export interface MonitoringMetricsPayload {}
/**
 * Payload of `monitoring:stats`.
 */
export interface MonitoringStatsPayload {}
/**
 * Payload of `presence:activity`.
 */
export interface PresenceActivityPayload {
  activityType: "typing" | "reading" | "idle" | "active";
  conversationId?: string | null;
}
/**
 * Payload of `presence:bulk`.
 */
export interface PresenceBulkPayload {
  userIds: string[];
}
/**
 * Payload of `presence:history`.
 */
export interface PresenceHistoryPayload {
  from: string;
  to: string;
  userId: string;
}
/**
 * Payload of `presence:online-users`.
 */
export interface PresenceOnlineUsersPayload {
  conversationId?: string | null;
  cursor?: string | null;
  limit?: number | null;
}
/**
 * Payload of `presence:stats`.
 */
export interface PresenceStatsPayload {}
/**
 * Payload of `presence:subscribe`.
 */
export interface PresenceSubscribePayload {
  userIds: string[];
}
/**
 * Payload of `presence:unsubscribe`.
 */
export interface PresenceUnsubscribePayload {
  userIds: string[];
}
/**
 * Payload of `presence:update`.
 */
export interface PresenceUpdatePayload {
  customStatus?: string | null;
  status: "online" | "away" | "busy" | "offline" | "auto";
}
/**
 * Payload of `presence:user-status`.
 */
export interface PresenceUserStatusPayload {
  userId: string;
}
/**
 * Payload of `queue:ack`.
 */
export interface QueueAckPayload {
  eventIds: string[];
}
/**
 * Payload of `room:online`.
 */
export interface RoomOnlinePayload {
  conversationId: string;
}
/**
 * Payload of `room:subscribe-multiple`.
 */
export interface RoomSubscribeMultiplePayload {
  conversationIds: string[];
}
/**
 * Payload of `room:subscription-details`.
 */
export interface RoomSubscriptionDetailsPayload {
  conversationIds?: string[] | null;
}
/**
 * Payload of `room:subscription-status`.
 */
export interface RoomSubscriptionStatusPayload {
  conversationIds?: string[] | null;
}
/**
 * Payload of `room:unsubscribe-multiple`.
 */
export interface RoomUnsubscribeMultiplePayload {
  conversationIds: string[];
}

/** What an ack callback gets. */
export type Answer<Data> = { ok: true; data: Data } | { ok: false; error: ErrorObject };

/** Takes an answer. With `emitWithAck` the promise is of the answer. */
export type Ack<Data> = (answer: Answer<Data>) => void;

/** What a front end sends, in the namespace `/`. */
export interface ClientToServerEvents {
  /** Exchanges the token of this connection for a newer one of the same user. */
  "auth:refresh": (payload: AuthRefreshPayload, ack: Ack<Refreshed>) => void;
  /** The secret with which another connection can take this session over. */
  "connection:create-session": (payload: ConnectionCreateSessionPayload, ack: Ack<CreatedSession>) => void;
  /** Takes over what a former session followed, and what it missed. A token works once. */
  "connection:recover": (payload: ConnectionRecoverPayload, ack: Ack<RecoveredSession>) => void;
  /** What is known of this connection. */
  "connection:session-info": (payload: ConnectionSessionInfoPayload, ack: Ack<SessionInfo>) => void;
  /** How often clients asked to be recovered, and what it came to. */
  "connection:stats": (payload: ConnectionStatsPayload, ack: Ack<RecoveryStats>) => void;
  /** Makes users members; for owners and admins. Their sockets follow the conversation at once. */
  "conversation:add-members": (payload: ConversationAddMembersPayload, ack: Ack<MembersChanged>) => void;
  /** Archives a conversation: nothing can be sent to it then. For any member of a direct one, owners and
   *  admins of a group. */
  "conversation:archive": (payload: ConversationArchivePayload, ack: Ack<OneConversation>) => void;
  /** Makes a conversation; its creator is its owner. A direct one between the same two users about the
   *  same context, or the same creator's `clientConversationId`, gives the one that is there. */
  "conversation:create": (payload: ConversationCreatePayload, ack: Ack<CreatedConversation>) => void;
  /** Gives up one's own membership of a group. An owner's place goes to the oldest admin, else to the
   *  oldest member; the last one out archives it. */
  "conversation:exit": (payload: ConversationExitPayload, ack: Ack<Exited>) => void;
  /** A conversation and its members. */
  "conversation:get": (payload: ConversationGetPayload, ack: Ack<ConversationDetails>) => void;
  /** Follows a conversation that the user is a member of: its live events come from here on. */
  "conversation:join": (payload: ConversationJoinPayload, ack: Ack<JoinedConversation>) => void;
  /** Stops the live events of a conversation on this socket; the membership stays. */
  "conversation:leave": (payload: ConversationLeavePayload, ack?: Ack<Nothing>) => void;
  /** The user's conversations, newest activity first. */
  "conversation:list": (payload: ConversationListPayload, ack: Ack<Conversations>) => void;
  /** Ends memberships; for owners and admins. The users' sockets leave the room on every node. */
  "conversation:remove-member": (payload: ConversationRemoveMemberPayload, ack: Ack<MembersChanged>) => void;
  /** Opens an archived conversation again, for whoever could archive it. */
  "conversation:reopen": (payload: ConversationReopenPayload, ack: Ack<OneConversation>) => void;
  /** Gives members another role; for owners and admins. */
  "conversation:set-role": (payload: ConversationSetRolePayload, ack: Ack<MembersChanged>) => void;
  /** Every message and membership that changed after a `rev`, as it is now, ascending by `rev`. The
   *  answer's `rev` is how far the page is complete: the next `afterRev`. */
  "conversation:sync": (payload: ConversationSyncPayload, ack: Ack<Changes>) => void;
  /** Changes title or metadata; for owners and admins. */
  "conversation:update": (payload: ConversationUpdatePayload, ack: Ack<OneConversation>) => void;
  /** Makes a message a tombstone; for its sender, owners and admins. */
  "message:delete": (payload: MessageDeletePayload, ack: Ack<OneMessage>) => void;
  /** Says how far messages reached a device. Only moves forward. */
  "message:delivered": (payload: MessageDeliveredPayload, ack?: Ack<DeliveredUpTo>) => void;
  /** Whom a message has reached, and who has read it. */
  "message:delivery-status": (payload: MessageDeliveryStatusPayload, ack: Ack<DeliveryStatus>) => void;
  /** Changes one's own message within the edit window. A stale `expectedVersion` is `CONFLICT`. */
  "message:edit": (payload: MessageEditPayload, ack: Ack<OneMessage>) => void;
  /** Messages in ascending `seq`: the newest, or those before or after one. */
  "message:history": (payload: MessageHistoryPayload, ack: Ack<Messages>) => void;
  /** Puts an emoji on a message; doing so again changes nothing. */
  "message:react": (payload: MessageReactPayload, ack: Ack<OneMessage>) => void;
  /** Says how far messages were read, and so delivered. Only moves forward. */
  "message:read": (payload: MessageReadPayload, ack?: Ack<ReadUpTo>) => void;
  /** Full-text search in the conversations that the user is in, best first. */
  "message:search": (payload: MessageSearchPayload, ack: Ack<SearchResults>) => void;
  /** Sends a message. The answer comes once it is stored; the same `clientMessageId` of the same sender in
   *  the same conversation is stored once, for ever. */
  "message:send": (payload: MessageSendPayload, ack: Ack<SentMessage>) => void;
  /** How much was sent, delivered, read, edited and deleted: of the user, or of a conversation. */
  "message:stats": (payload: MessageStatsPayload, ack: Ack<MessageStats>) => void;
  /** A thread: its root and the replies, oldest first. */
  "message:thread": (payload: MessageThreadPayload, ack: Ack<Thread>) => void;
  /** Says that the user types or stopped. Lasts for 5 s unless repeated. */
  "message:typing": (payload: MessageTypingPayload, ack?: Ack<Nothing>) => void;
  /** Who types in a conversation. */
  "message:typing-users": (payload: MessageTypingUsersPayload, ack: Ack<TypingUsers>) => void;
  /** Takes one's emoji off a message. */
  "message:unreact": (payload: MessageUnreactPayload, ack: Ack<OneMessage>) => void;
  /** The newest connection events; role `operator`. */
  "monitoring:events": (payload: MonitoringEventsPayload, ack: Ack<MonitoringEvents>) => void;
  /** How the cluster is, with recommendations; role `operator`. */
  "monitoring:health": (payload: MonitoringHealthPayload, ack: Ack<MonitoringHealth>) => void;
  /** Figures of the whole cluster; role `operator`. */
  "monitoring:metrics": (payload: MonitoringMetricsPayload, ack: Ack<MonitoringMetrics>) => void;
  /** Connections by address and user agent; role `operator`. */
  "monitoring:stats": (payload: MonitoringStatsPayload, ack: Ack<MonitoringStats>) => void;
  /** What the user does; any activity but `idle` ends being idle. */
  "presence:activity": (payload: PresenceActivityPayload, ack?: Ack<Nothing>) => void;
  /** How present users are; one round trip, whatever the count. */
  "presence:bulk": (payload: PresenceBulkPayload, ack: Ack<Presences>) => void;
  /** When a user was there: one's own, or for operators anybody's. */
  "presence:history": (payload: PresenceHistoryPayload, ack: Ack<PresenceHistory>) => void;
  /** Who is there, of the own organization or of a conversation. */
  "presence:online-users": (payload: PresenceOnlineUsersPayload, ack: Ack<OnlineUsers>) => void;
  /** How many of the own organization are there. */
  "presence:stats": (payload: PresenceStatsPayload, ack: Ack<PresenceStats>) => void;
  /** From here on this socket gets `presence:changed` of these users. */
  "presence:subscribe": (payload: PresenceSubscribePayload, ack: Ack<Presences>) => void;
  /** Ends that. */
  "presence:unsubscribe": (payload: PresenceUnsubscribePayload, ack: Ack<Presences>) => void;
  /** What the user wants to appear as, on all devices, until changed; `auto` is back to what the devices say. */
  "presence:update": (payload: PresenceUpdatePayload, ack: Ack<OnePresence>) => void;
  /** How present a user is. */
  "presence:user-status": (payload: PresenceUserStatusPayload, ack: Ack<OnePresence>) => void;
  /** Says that events of `queue:events` have arrived; they are sent again until then. */
  "queue:ack": (payload: QueueAckPayload, ack: Ack<QueueAcked>) => void;
  /** Which members are there, over all nodes. */
  "room:online": (payload: RoomOnlinePayload, ack: Ack<RoomOnline>) => void;
  /** Follows several conversations; what cannot be followed is in `failed`. */
  "room:subscribe-multiple": (payload: RoomSubscribeMultiplePayload, ack: Ack<Subscribed>) => void;
  /** The same with what the conversations are. */
  "room:subscription-details": (payload: RoomSubscriptionDetailsPayload, ack: Ack<SubscriptionDetails>) => void;
  /** What this socket follows, or whether it follows these. */
  "room:subscription-status": (payload: RoomSubscriptionStatusPayload, ack: Ack<Subscriptions>) => void;
  /** Stops following several conversations. */
  "room:unsubscribe-multiple": (payload: RoomUnsubscribeMultiplePayload, ack: Ack<Unsubscribed>) => void;
}

/** What a front end gets, in the namespace `/`. */
export interface ServerToClientEvents {
  /** The token stops being good in a minute: time for `auth:refresh`. (logged) */
  "auth:expiring": (payload: AuthExpiring) => void;
  /** Nothing can be sent to it any more. (sequenced) */
  "conversation:archived": (payload: ConversationChanged) => void;
  /** The user is in a new conversation. (sequenced) */
  "conversation:created": (payload: ConversationChanged) => void;
  /** Somebody became a member. (sequenced) */
  "conversation:member-added": (payload: MemberChanged) => void;
  /** Somebody is no longer a member. (sequenced) */
  "conversation:member-removed": (payload: MemberChanged) => void;
  /** A member has another role. (sequenced) */
  "conversation:member-role": (payload: MemberChanged) => void;
  /** It takes messages again. (sequenced) */
  "conversation:reopened": (payload: ConversationChanged) => void;
  /** Title or metadata changed. (sequenced) */
  "conversation:updated": (payload: ConversationChanged) => void;
  /** A call failed otherwise. (logged) */
  "error": (payload: ErrorObject) => void;
  /** A message is a tombstone now. (sequenced) */
  "message:deleted": (payload: MessageChanged) => void;
  /** Messages up to a `seq` reached a device of a member. (logged) */
  "message:delivered": (payload: ReceiptMoved) => void;
  /** A message has other content. (sequenced) */
  "message:edited": (payload: MessageChanged) => void;
  /** A message was sent. (sequenced) */
  "message:new": (payload: MessageChanged) => void;
  /** Somebody put an emoji on a message or took it off. (sequenced) */
  "message:reaction": (payload: ReactionChanged) => void;
  /** A member has read up to a `seq`. (logged) */
  "message:read": (payload: ReceiptMoved) => void;
  /** A member types or stopped. (volatile) */
  "message:typing": (payload: Typing) => void;
  /** Something that the user should know. (logged) */
  "notification:new": (payload: NotificationNew) => void;
  /** How present users are now; changes of up to 200 ms at once. (logged) */
  "presence:changed": (payload: PresenceChanged) => void;
  /** Events that were kept while the user was away; to be acknowledged with `queue:ack`. (logged) */
  "queue:events": (payload: QueueEvents) => void;
  /** A call was refused because its bucket is empty. (logged) */
  "rate-limit-exceeded": (payload: ErrorObject) => void;
  /** The node ends; the socket will be closed then, and finds another node. (logged) */
  "server:draining": (payload: ServerDraining) => void;
  /** The first event of a socket: who it is, what it follows, and whether it was recovered. (logged) */
  "session:ready": (payload: SessionReady) => void;
  /** The user's unread messages of a conversation and in all. (logged) */
  "unread:count": (payload: UnreadCount) => void;
  /** A call was refused because of its payload; `details` has every mistake. (logged) */
  "validation-error": (payload: ErrorObject) => void;
}
