//! Answers to `message:*`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::ids::UserId;
use crate::objects::Message;
use crate::timestamp::Timestamp;

/// A message that is stored.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SentMessage {
    pub message: Message,
    /// Only there, and `true`, when this is what an earlier call with the same `clientMessageId` stored.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
}

/// A message as it is now.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OneMessage {
    pub message: Message,
}

/// How far messages reached the user's devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveredUpTo {
    pub delivered_seq: i64,
}

/// How far the user has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadUpTo {
    pub read_seq: i64,
    /// Messages of others that are not read yet.
    pub unread_count: i64,
}

/// Who types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TypingUsers {
    pub users: Vec<TypingUser>,
}

/// Somebody who types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TypingUser {
    pub user_id: UserId,
    pub since: Timestamp,
}

/// Part of a history, ascending by `seq`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Messages {
    pub messages: Vec<Message>,
    pub has_more: bool,
}

/// A page of a thread.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Thread {
    pub root: Message,
    /// Ascending by `seq`.
    pub replies: Vec<Message>,
    /// What to ask with for the next page; `null` after the last one.
    pub next_cursor: Option<String>,
}

/// A page of what was found, best first.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchResults {
    pub results: Vec<SearchResult>,
    /// What to ask with for the next page; `null` after the last one.
    pub next_cursor: Option<String>,
}

/// A message that was found.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchResult {
    pub message: Message,
    /// A part of the content with what was found between `<mark>` and `</mark>`; everything else in it is
    /// safe as HTML.
    pub snippet: String,
    /// How well it fits; greater is better. Only comparable within one answer.
    pub rank: f64,
}

/// How far a message came.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryStatus {
    pub sent_at: Timestamp,
    /// Members, but its sender, on whose devices it is; at most 100, the latest first.
    pub delivered_to: Vec<ReceivedBy>,
    /// Members, but its sender, who have read it; at most 100, the latest first.
    pub read_by: Vec<ReceivedBy>,
    pub counts: DeliveryCounts,
}

/// Somebody whom a message has reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReceivedBy {
    pub user_id: UserId,
    /// When the watermark that covers the message last moved.
    pub at: Timestamp,
}

/// Of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryCounts {
    /// Members but the sender.
    pub recipients: i64,
    pub delivered: i64,
    pub read: i64,
}

/// Numbers about messages: of a conversation, or those that the user sent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageStats {
    pub sent: i64,
    /// Those of them that reached at least one other member.
    pub delivered: i64,
    /// Those of them that at least one other member read.
    pub read: i64,
    pub edited: i64,
    pub deleted: i64,
    /// Sent in the last hour, per minute.
    pub per_minute: f64,
}
