//! The objects that events, acks and HTTP answers carry.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{ConversationId, MessageId, OrganizationId, UserId};
use crate::timestamp::Timestamp;

/// A closed set of words, as they go over the wire and into the database.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[derive(JsonSchema)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// Every word of the set.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The variant of a word, `None` when it is not of the set.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl crate::fields::WordOf for $name {
            const WORDS: &'static [Self] = Self::ALL;

            fn word(self) -> &'static str {
                self.as_str()
            }
        }
    };
}

words! {
    /// Two people, or any number.
    Kind {
        /// Exactly two people.
        Direct = "direct",
        /// Any number of people.
        Group = "group",
    }
}
words! {
    /// Whether a conversation takes messages.
    ConversationStatus {
        /// It does.
        Active = "active",
        /// Somebody archived it.
        Archived = "archived",
        /// It was idle for too long.
        AutoArchived = "auto_archived",
    }
}
words! {
    /// What a member may do.
    Role {
        /// Everything; one per conversation.
        Owner = "owner",
        /// Manage members and delete messages.
        Admin = "admin",
        /// Send.
        Member = "member",
        /// Read.
        ReadOnly = "readonly",
    }
}
words! {
    /// What a message is.
    MessageType {
        /// Plain text.
        Text = "text",
        /// Text about an image.
        Image = "image",
        /// Text about a file.
        File = "file",
        /// Written by the service, not by a person.
        System = "system",
    }
}
words! {
    /// How present somebody is, weakest first.
    PresenceStatus {
        /// No live device, or appearing so.
        Offline = "offline",
        /// Devices, but nobody at them.
        Away = "away",
        /// There.
        Online = "online",
        /// There and not to be disturbed.
        Busy = "busy",
    }
}

words! {
    /// What a user chooses to appear as.
    PresenceChoice {
        /// There.
        Online = "online",
        /// Not at the devices.
        Away = "away",
        /// There and not to be disturbed.
        Busy = "busy",
        /// Appear offline.
        Offline = "offline",
        /// Whatever the devices say.
        Auto = "auto",
    }
}
words! {
    /// What somebody does.
    Activity {
        /// Types a message.
        Typing = "typing",
        /// Reads.
        Reading = "reading",
        /// Nothing: the device says so itself.
        Idle = "idle",
        /// Something.
        Active = "active",
    }
}
words! {
    /// What happened to a connection.
    ConnectionEventType {
        /// It was let in.
        Connected = "connected",
        /// It ended.
        Disconnected = "disconnected",
        /// It was not let in.
        Refused = "refused",
    }
}
words! {
    /// How much an event in the offline queue matters: the least important goes first when there
    /// are too many.
    Priority {
        /// May be lost before the others.
        Low = "low",
        /// As most are.
        Normal = "normal",
        /// Is delivered first and dropped last.
        Critical = "critical",
    }
}

impl PresenceChoice {
    /// The status, `None` for what the devices say.
    pub const fn status(self) -> Option<PresenceStatus> {
        match self {
            Self::Online => Some(PresenceStatus::Online),
            Self::Away => Some(PresenceStatus::Away),
            Self::Busy => Some(PresenceStatus::Busy),
            Self::Offline => Some(PresenceStatus::Offline),
            Self::Auto => None,
        }
    }
}

/// What a conversation is about in the host application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Context {
    /// Kind of thing, such as `order`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which one.
    pub id: String,
}

/// A conversation as everyone in it sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    pub id: ConversationId,
    pub organization_id: OrganizationId,
    pub kind: Kind,
    pub title: Option<String>,
    pub context: Option<Context>,
    pub status: ConversationStatus,
    pub created_by: UserId,
    pub created_at: Timestamp,
    pub last_message_at: Option<Timestamp>,
    /// `seq` of the newest message; 0 when there is none.
    pub last_seq: i64,
    /// Number of durable changes so far; creation is the first.
    pub rev: i64,
    /// Active members.
    pub member_count: i64,
    /// Messages, tombstones included.
    pub message_count: i64,
    pub archived_at: Option<Timestamp>,
    pub archived_by: Option<UserId>,
    pub metadata: Map<String, Value>,
}

/// A conversation as one member sees it: only in acks and HTTP answers, never in events, which are
/// the same bytes for all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationView {
    #[serde(flatten)]
    pub conversation: Conversation,
    /// Messages of others after the viewer's read watermark, tombstones not counted.
    pub unread_count: i64,
    pub my_role: Role,
}

/// Somebody in a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    pub user_id: UserId,
    pub role: Role,
    pub joined_at: Timestamp,
    pub delivered_seq: i64,
    pub read_seq: i64,
    pub last_seen_at: Option<Timestamp>,
    /// Set for those who left: `conversation:sync` shows them, and what tells that they did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_at: Option<Timestamp>,
}

/// How far somebody got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    pub user_id: UserId,
    pub delivered_seq: i64,
    pub read_seq: i64,
}

/// Who put an emoji on a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reaction {
    pub emoji: String,
    pub count: i64,
    pub user_ids: Vec<UserId>,
}

/// A message; a deleted one stays as a tombstone with `deletedAt` set and no content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub id: MessageId,
    pub conversation_id: ConversationId,
    /// Display order: 1, 2, 3 … with no gap.
    pub seq: i64,
    /// The conversation's `rev` of this message's last change.
    pub rev: i64,
    /// 1 when sent, one more with each edit.
    pub version: i64,
    pub sender_id: UserId,
    #[serde(rename = "type")]
    pub kind: MessageType,
    pub content: String,
    pub reply_to: Option<MessageId>,
    pub thread_root_id: Option<MessageId>,
    pub attachments: Vec<Value>,
    pub reactions: Vec<Reaction>,
    pub metadata: Map<String, Value>,
    pub client_message_id: Option<String>,
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
}

/// How present a user is, over all devices and nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    pub user_id: UserId,
    pub status: PresenceStatus,
    pub custom_status: Option<String>,
    /// When the last device went, or the last sign of life; `null` for somebody never seen.
    pub last_seen_at: Option<Timestamp>,
}

impl Presence {
    /// Somebody of whom nothing is known: simply offline.
    pub fn unknown(user_id: UserId) -> Self {
        Self {
            user_id,
            status: PresenceStatus::Offline,
            custom_status: None,
            last_seen_at: None,
        }
    }
}
