//! The service API: what a backend may ask for over HTTP, and what it is answered.

use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Detail;
use crate::fields::{Fields, Id, Metadata, Moment, Name, Number, Read, Reader, Text, Word};
use crate::ids::{ConversationId, OrganizationId, QueuedEventId, UserId};
use crate::objects::{Message, Priority};
use crate::server_events::{DeliveryClass, SERVER_EVENTS};
use crate::timestamp::Timestamp;

/// Most users that one event may be addressed to by name.
pub const MAX_USERS: usize = 500;
/// Most conversations that one event may be addressed to.
pub const MAX_CONVERSATIONS: usize = 100;
/// Longest name of an event, in characters.
pub const MAX_EVENT_NAME: usize = 64;
/// Longest time that an event may wait in the offline queue, in seconds: 30 days.
pub const MAX_EXPIRES_IN: i64 = 30 * 24 * 60 * 60;
/// Longest `jti`, in characters.
pub const MAX_TOKEN_ID: usize = 256;
/// Longest reason of a disconnect, in characters.
pub const MAX_REASON: usize = 200;

type Decoded<T> = Result<T, Vec<Detail>>;

/// Whom an event is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipients {
    Users(Vec<UserId>),
    /// The members of these.
    Conversations(Vec<ConversationId>),
    /// Everybody of the caller's organization; with its id, if the caller named it.
    Organization(Option<OrganizationId>),
}

impl Recipients {
    fn decode(mut fields: Fields<'_>) -> Decoded<Self> {
        fields.any_of(&[
            &[&["userIds"]],
            &[&["conversationIds"]],
            &[&["organization"]],
        ]);
        fields.not_both("userIds", "conversationIds");
        fields.not_both("userIds", "organization");
        fields.not_both("conversationIds", "organization");
        let users = fields.some_of(&["userIds"], MAX_USERS, &Name::USER);
        let conversations =
            fields.some_of(&["conversationIds"], MAX_CONVERSATIONS, &Id::CONVERSATION);
        let organization = fields.optional(&["organization"], &WholeOrganization);
        fields.done(|| {
            let users = users.map(Self::Users);
            let conversations = conversations.map(Self::Conversations);
            users
                .or(conversations)
                .or(organization.map(Self::Organization))
        })
    }
}

/// `true`, or the organization's own id.
struct WholeOrganization;

impl Reader for WholeOrganization {
    type Value = Option<OrganizationId>;

    fn read(&self, value: &Value) -> Read<Self::Value> {
        match value {
            Value::Bool(true) => Ok(None),
            Value::Bool(false) => Err("must be true, or the organization's id".to_owned()),
            value => Name::ORGANIZATION.read(value).map(Some),
        }
    }

    fn schema(&self) -> Schema {
        json_schema!({"anyOf": [{"const": true}, Name::ORGANIZATION.schema()]})
    }
}

/// The name of an event that a service may send.
struct EventName;

/// What the gateway says about connections and its own queue, and what nodes tell each other, begins
/// with one of these.
const OWN_PREFIXES: &[&str] = &[
    "session:",
    "auth:",
    "queue:",
    "server:",
    "presence:",
    "token:",
    "tokens:",
    "connection:",
];

/// What Socket.IO's clients, of all generations, emit themselves; and how calls fail here.
const RESERVED: &[&str] = &[
    "connect",
    "connect_error",
    "connect_timeout",
    "connecting",
    "disconnect",
    "disconnecting",
    "error",
    "newListener",
    "removeListener",
    "ping",
    "pong",
    "reconnect",
    "reconnect_attempt",
    "reconnect_error",
    "reconnect_failed",
    "reconnecting",
    "rate-limit-exceeded",
    "validation-error",
];

impl Reader for EventName {
    type Value = String;

    fn read(&self, value: &Value) -> Read<String> {
        let name = Text(MAX_EVENT_NAME).read(value)?;
        if name.chars().any(char::is_control) {
            return Err("must not contain control characters".to_owned());
        }
        if RESERVED.contains(&name.as_str()) {
            return Err("is reserved by Socket.IO".to_owned());
        }
        let is_sequenced = |name: &str| {
            let mut own = SERVER_EVENTS.iter();
            own.any(|event| event.name == name && event.class == DeliveryClass::Sequenced)
        };
        if is_sequenced(&name) || OWN_PREFIXES.iter().any(|own| name.starts_with(own)) {
            return Err("is an event of the gateway's own".to_owned());
        }
        Ok(name)
    }

    fn schema(&self) -> Schema {
        Text(MAX_EVENT_NAME).schema()
    }
}

/// A delivery class that a service may ask for.
struct Class;

impl Reader for Class {
    type Value = DeliveryClass;

    fn read(&self, value: &Value) -> Read<DeliveryClass> {
        match value.as_str() {
            Some("logged") => Ok(DeliveryClass::Logged),
            Some("volatile") => Ok(DeliveryClass::Volatile),
            Some("sequenced") => Err(
                "must be logged or volatile: only changes of conversations are sequenced"
                    .to_owned(),
            ),
            _ => Err("must be logged or volatile".to_owned()),
        }
    }

    fn schema(&self) -> Schema {
        json_schema!({"type": "string", "enum": ["logged", "volatile"], "default": "logged"})
    }
}

/// Any JSON.
struct Anything;

impl Reader for Anything {
    type Value = Value;

    fn read(&self, value: &Value) -> Read<Value> {
        Ok(value.clone())
    }

    fn schema(&self) -> Schema {
        Schema::default()
    }
}

/// `POST /service/events`.
#[derive(Clone, Debug, PartialEq)]
pub struct PostEvent {
    pub to: Recipients,
    pub event: String,
    pub data: Value,
    /// Logged or volatile.
    pub class: DeliveryClass,
    /// How long it may wait for a user who is away, in seconds.
    pub expires_in: Option<i64>,
    pub priority: Priority,
}

impl PostEvent {
    /// Reads a body. Everything that is wrong with it is in the error.
    pub fn decode(mut fields: Fields<'_>) -> Decoded<Self> {
        let to = fields.nested(&["to"], Recipients::decode);
        let event = fields.required(&["event"], &EventName);
        let data = fields.optional(&["data"], &Anything);
        let class = fields.optional(&["class"], &Class);
        let expires_in = fields.optional(&["expiresIn"], &Number::between(1, MAX_EXPIRES_IN));
        let priority = fields.optional(&["priority"], &Word::<Priority>::ANY);
        fields.done(|| {
            Some(Self {
                to: to?,
                event: event?,
                data: data.unwrap_or_default(),
                class: class.unwrap_or(DeliveryClass::Logged),
                expires_in,
                priority: priority.unwrap_or(Priority::Normal),
            })
        })
    }
}

/// `POST /service/messages`.
#[derive(Clone, Debug, PartialEq)]
pub struct PostMessage {
    pub conversation: ConversationId,
    pub content: String,
    pub metadata: Map<String, Value>,
}

impl PostMessage {
    /// Reads a body. Everything that is wrong with it is in the error.
    pub fn decode(mut fields: Fields<'_>) -> Decoded<Self> {
        let conversation = fields.required(crate::fields::CONVERSATION, &Id::CONVERSATION);
        let content = fields.required(crate::fields::CONTENT, &crate::fields::AnyText);
        let metadata = fields.optional(&["metadata"], &Metadata);
        fields.done(|| {
            Some(Self {
                conversation: conversation?,
                content: content?,
                metadata: metadata.unwrap_or_default(),
            })
        })
    }
}

/// `POST /service/tokens/revoke`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevokeTokens {
    /// The one with this `jti`.
    One { token: String },
    /// A user's, issued before a moment.
    Before { user: UserId, before: Timestamp },
}

impl RevokeTokens {
    /// Reads a body. Everything that is wrong with it is in the error.
    pub fn decode(mut fields: Fields<'_>) -> Decoded<Self> {
        fields.any_of(&[&[&["jti"]], &[&["userId"], &["before"]]]);
        fields.not_both("jti", "userId");
        let token = fields.optional(&["jti"], &Text(MAX_TOKEN_ID));
        let user = fields.optional(&["userId"], &Name::USER);
        let before = fields.optional(&["before"], &Moment);
        fields.done(|| match token {
            Some(token) => Some(Self::One { token }),
            None => Some(Self::Before {
                user: user?,
                before: before?,
            }),
        })
    }
}

/// `POST /service/users/{id}/disconnect`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DisconnectUser {
    /// What the sockets are told.
    pub reason: Option<String>,
}

impl DisconnectUser {
    /// Reads a body. Everything that is wrong with it is in the error.
    pub fn decode(mut fields: Fields<'_>) -> Decoded<Self> {
        let reason = fields.optional(&["reason"], &Text(MAX_REASON));
        fields.done(|| Some(Self { reason }))
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostedEvent {
    /// Names the call that it came with.
    #[serde(rename = "id")]
    pub event_id: QueuedEventId,
    /// Users with a live socket, who are sent it now.
    pub live: usize,
    /// Users for whom it is kept.
    pub queued: usize,
}

/// A message that a service sent.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostedMessage {
    pub message: Message,
    /// The same `Idempotency-Key` had stored it before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
}

/// An event that its user never acknowledged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The one that it had in `queue:events`, and has again after a retry.
    pub id: QueuedEventId,
    pub user_id: UserId,
    pub event: String,
    pub data: Value,
    pub priority: Priority,
    pub created_at: Timestamp,
    /// How often it was sent.
    pub attempts: i64,
    pub failed_at: Timestamp,
}

/// A page of dead letters, the newest first.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetters {
    pub items: Vec<DeadLetter>,
    /// What to ask with for the next page; `null` after the last one.
    pub next_cursor: Option<String>,
}

/// What an organization has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceStats {
    pub conversations: ConversationStats,
    /// Users who are a member of something.
    pub users: i64,
    pub queue: QueueStats,
}

/// An organization's conversations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationStats {
    pub active: i64,
    pub archived: i64,
    /// Messages in all of them, tombstones included.
    pub messages: i64,
}

/// An organization's offline queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueStats {
    /// Events that wait for an acknowledgement.
    pub waiting: i64,
    /// Users for whom they wait.
    pub users: i64,
    pub dead_letters: i64,
}

#[cfg(test)]
mod tests;
