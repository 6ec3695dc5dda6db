//! What the server tells sockets of its own accord.

use serde::{Deserialize, Serialize};

use crate::error::ErrorObject;
use crate::ids::{ConversationId, OrganizationId, UserId};
use crate::objects::{Conversation, Message, Presence};
use crate::timestamp::Timestamp;

/// What is promised about the delivery of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryClass {
    /// Carries `rev`: every member's socket gets each once, in order, with no gap.
    Sequenced,
    /// Replayed on recovery; when lost with a server, the state can be asked for.
    Logged,
    /// Dropped when the socket is behind; never queued, never replayed.
    Volatile,
}

impl DeliveryClass {
    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sequenced => "sequenced",
            Self::Logged => "logged",
            Self::Volatile => "volatile",
        }
    }
}

/// Unread messages over all of a user's conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Unread {
    pub total: i64,
}

/// Tells a socket that it is connected and follows its rooms.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionReady {
    pub session_id: String,
    pub user_id: UserId,
    pub organization_id: OrganizationId,
    pub node_id: String,
    pub recovered: bool,
    pub recovery_failure: Option<String>,
    pub server_time: Timestamp,
    pub session_token: Option<String>,
    pub rooms: Vec<ConversationId>,
    pub unread: Unread,
}

/// A watermark that moved.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptMoved {
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    pub up_to_seq: i64,
    pub at: Timestamp,
}

/// Somebody began or stopped typing.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Typing {
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    pub is_typing: bool,
}

/// An event from the server, with its payload.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ServerEvent {
    SessionReady(Box<SessionReady>),
    MessageNew {
        message: Box<Message>,
    },
    MessageEdited {
        message: Box<Message>,
    },
    MessageDeleted {
        message: Box<Message>,
    },
    MessageDelivered(ReceiptMoved),
    MessageRead(ReceiptMoved),
    MessageTyping(Typing),
    ConversationCreated {
        conversation: Box<Conversation>,
    },
    PresenceChanged {
        changes: Vec<Presence>,
    },
    #[serde(rename_all = "camelCase")]
    ServerDraining {
        reconnect_in_ms: u64,
    },
    Failure(Box<ErrorObject>),
}

impl ServerEvent {
    /// Its name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SessionReady(_) => "session:ready",
            Self::MessageNew { .. } => "message:new",
            Self::MessageEdited { .. } => "message:edited",
            Self::MessageDeleted { .. } => "message:deleted",
            Self::MessageDelivered(_) => "message:delivered",
            Self::MessageRead(_) => "message:read",
            Self::MessageTyping(_) => "message:typing",
            Self::ConversationCreated { .. } => "conversation:created",
            Self::PresenceChanged { .. } => "presence:changed",
            Self::ServerDraining { .. } => "server:draining",
            Self::Failure(error) => error.code.failure_event(),
        }
    }

    /// What is promised about its delivery.
    pub fn class(&self) -> DeliveryClass {
        match self {
            Self::MessageNew { .. }
            | Self::MessageEdited { .. }
            | Self::MessageDeleted { .. }
            | Self::ConversationCreated { .. } => DeliveryClass::Sequenced,
            Self::MessageTyping(_) => DeliveryClass::Volatile,
            _ => DeliveryClass::Logged,
        }
    }

    /// The conversation's `rev` that it carries, for sequenced events.
    pub fn rev(&self) -> Option<i64> {
        match self {
            Self::MessageNew { message }
            | Self::MessageEdited { message }
            | Self::MessageDeleted { message } => Some(message.rev),
            Self::ConversationCreated { conversation } => Some(conversation.rev),
            _ => None,
        }
    }
}
