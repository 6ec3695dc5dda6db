//! What the server tells sockets of its own accord.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::error::ErrorObject;

mod payloads;

pub use payloads::{
    AuthExpiring, ConversationChanged, MemberChanged, MessageChanged, Notification,
    NotificationNew, PresenceChanged, QueueEvents, QueuedEvent, ReactionChanged, ReceiptMoved,
    ServerDraining, SessionReady, Typing, Unread, UnreadCount,
};

/// What is promised about the delivery of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

macro_rules! server_events {
    ($($(#[doc = $doc:literal])* $variant:ident($payload:ty) = $name:literal, $class:ident;)*) => {
        /// An event from the server, with its payload.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum ServerEvent {
            $($(#[doc = $doc])* $variant($payload),)*
            /// A call failed: `rate-limit-exceeded`, `validation-error` or `error`.
            Failure(Box<ErrorObject>),
        }

        impl ServerEvent {
            /// Its name on the wire.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                    Self::Failure(error) => error.code.failure_event(),
                }
            }

            /// What is promised about its delivery.
            pub fn class(&self) -> DeliveryClass {
                match self {
                    $(Self::$variant(_) => DeliveryClass::$class,)*
                    Self::Failure(_) => DeliveryClass::Logged,
                }
            }
        }

        /// Every server event but the failures.
        pub const SERVER_EVENTS: &[EventKind] = &[$(EventKind {
            name: $name,
            class: DeliveryClass::$class,
            summary: concat!($($doc, "\n"),*),
            payload: |generator| generator.subschema_for::<$payload>(),
        },)*];
    };
}

/// What is known of all events of a name.
#[derive(Clone, Copy, Debug)]
pub struct EventKind {
    /// The name on the wire.
    pub name: &'static str,
    pub class: DeliveryClass,
    /// What it tells, for people.
    pub summary: &'static str,
    /// The JSON Schema of its payload.
    pub payload: fn(&mut SchemaGenerator) -> Schema,
}

server_events! {
    /// The first event of a socket: who it is, what it follows, and whether it was recovered.
    SessionReady(Box<SessionReady>) = "session:ready", Logged;
    /// The token stops being good in a minute: time for `auth:refresh`.
    AuthExpiring(AuthExpiring) = "auth:expiring", Logged;
    /// A message was sent.
    MessageNew(Box<MessageChanged>) = "message:new", Sequenced;
    /// A message has other content.
    MessageEdited(Box<MessageChanged>) = "message:edited", Sequenced;
    /// A message is a tombstone now.
    MessageDeleted(Box<MessageChanged>) = "message:deleted", Sequenced;
    /// Somebody put an emoji on a message or took it off.
    MessageReaction(Box<ReactionChanged>) = "message:reaction", Sequenced;
    /// Messages up to a `seq` reached a device of a member.
    MessageDelivered(ReceiptMoved) = "message:delivered", Logged;
    /// A member has read up to a `seq`.
    MessageRead(ReceiptMoved) = "message:read", Logged;
    /// A member types or stopped.
    MessageTyping(Typing) = "message:typing", Volatile;
    /// The user is in a new conversation.
    ConversationCreated(Box<ConversationChanged>) = "conversation:created", Sequenced;
    /// Title or metadata changed.
    ConversationUpdated(Box<ConversationChanged>) = "conversation:updated", Sequenced;
    /// Nothing can be sent to it any more.
    ConversationArchived(Box<ConversationChanged>) = "conversation:archived", Sequenced;
    /// It takes messages again.
    ConversationReopened(Box<ConversationChanged>) = "conversation:reopened", Sequenced;
    /// Somebody became a member.
    MemberAdded(Box<MemberChanged>) = "conversation:member-added", Sequenced;
    /// Somebody is no longer a member.
    MemberRemoved(Box<MemberChanged>) = "conversation:member-removed", Sequenced;
    /// A member has another role.
    MemberRole(Box<MemberChanged>) = "conversation:member-role", Sequenced;
    /// How present users are now; changes of up to 200 ms at once.
    PresenceChanged(PresenceChanged) = "presence:changed", Logged;
    /// The user's unread messages of a conversation and in all.
    UnreadCount(UnreadCount) = "unread:count", Logged;
    /// Something that the user should know.
    NotificationNew(Box<NotificationNew>) = "notification:new", Logged;
    /// Events that were kept while the user was away; to be acknowledged with `queue:ack`.
    QueueEvents(QueueEvents) = "queue:events", Logged;
    /// The node ends; the socket will be closed then, and finds another node.
    ServerDraining(ServerDraining) = "server:draining", Logged;
}

impl ServerEvent {
    /// The conversation's `rev` that it carries, for sequenced events.
    pub fn rev(&self) -> Option<i64> {
        match self {
            Self::MessageNew(changed)
            | Self::MessageEdited(changed)
            | Self::MessageDeleted(changed) => Some(changed.message.rev),
            Self::MessageReaction(changed) => Some(changed.message.rev),
            Self::ConversationCreated(changed)
            | Self::ConversationUpdated(changed)
            | Self::ConversationArchived(changed)
            | Self::ConversationReopened(changed) => Some(changed.conversation.rev),
            Self::MemberAdded(changed)
            | Self::MemberRemoved(changed)
            | Self::MemberRole(changed) => Some(changed.rev),
            _ => None,
        }
    }
}
