//! Payloads of server events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{
    ConversationId, MessageId, NotificationId, OrganizationId, QueuedEventId, UserId,
};
use crate::objects::{Conversation, Member, Message, Presence, Priority};
use crate::timestamp::Timestamp;

/// Unread messages over all of a user's conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unread {
    pub total: i64,
}

/// Tells a socket that it is connected and follows its rooms.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionReady {
    pub session_id: String,
    pub user_id: UserId,
    pub organization_id: OrganizationId,
    pub node_id: String,
    pub recovered: bool,
    /// Why it was not, if it asked: `unknown`, `expired`, `epoch`, `trimmed`, `identity` or `limit`.
    pub recovery_failure: Option<String>,
    pub server_time: Timestamp,
    /// The secret of `connection:recover`; `null` when recovery is turned off.
    pub session_token: Option<String>,
    /// The conversations that it follows.
    pub rooms: Vec<ConversationId>,
    pub unread: Unread,
}

/// When the token stops being good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthExpiring {
    pub expires_at: Timestamp,
}

/// A message as it is now.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageChanged {
    pub message: Message,
}

impl MessageChanged {
    /// As an event carries it.
    pub fn of(message: Message) -> Box<Self> {
        Box::new(Self { message })
    }
}

/// An emoji that came or went.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReactionChanged {
    pub message: Message,
    pub user_id: UserId,
    pub emoji: String,
    /// `false`: taken off.
    pub added: bool,
}

/// A watermark that moved.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptMoved {
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    pub up_to_seq: i64,
    pub at: Timestamp,
}

/// Somebody began or stopped typing.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Typing {
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    pub is_typing: bool,
}

/// A conversation as it is now.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationChanged {
    pub conversation: Conversation,
}

impl ConversationChanged {
    /// As an event carries it.
    pub fn of(conversation: Conversation) -> Box<Self> {
        Box::new(Self { conversation })
    }
}

/// A membership as it is now.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberChanged {
    pub conversation_id: ConversationId,
    /// Who left carries `leftAt`.
    pub member: Member,
    /// The conversation's, of this change.
    pub rev: i64,
}

/// Who is how present now.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceChanged {
    pub changes: Vec<Presence>,
}

/// A user's unread messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnreadCount {
    pub conversation_id: ConversationId,
    pub unread_count: i64,
    /// Over all conversations.
    pub total: i64,
}

/// Something that a user should know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    pub id: NotificationId,
    /// What it is about, such as `message`.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub body: String,
    pub conversation_id: Option<ConversationId>,
    pub message_id: Option<MessageId>,
    pub data: Map<String, Value>,
    pub created_at: Timestamp,
    pub read_at: Option<Timestamp>,
}

/// A notification that is new.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationNew {
    pub notification: Notification,
}

/// Events that were kept for a user.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueEvents {
    /// The most important first, then the oldest.
    pub events: Vec<QueuedEvent>,
}

/// An event that was kept for a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueuedEvent {
    pub id: QueuedEventId,
    /// Its name.
    pub event: String,
    /// Its payload.
    pub data: Value,
    pub priority: Priority,
    pub created_at: Timestamp,
}

/// When a socket of a node that ends will be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerDraining {
    pub reconnect_in_ms: u64,
}
