//! What the answers to client events hold: `data` of the ack.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::ErrorCode;
use crate::ids::{ConversationId, OrganizationId, UserId};
use crate::objects::{ConversationView, Member, Message, Receipt};
use crate::timestamp::Timestamp;

mod messages;
mod monitoring;
mod people;

pub use messages::{
    DeliveredUpTo, DeliveryCounts, DeliveryStatus, MessageStats, Messages, OneMessage, ReadUpTo,
    ReceivedBy, SearchResult, SearchResults, SentMessage, Thread, TypingUser, TypingUsers,
};
pub use monitoring::{
    ConnectionCounts, ConnectionEvent, HealthStatus, MonitoringEvents, MonitoringHealth,
    MonitoringMetrics, MonitoringStats, NodeFigures, NodeMetrics, Recommendation,
};
pub use people::{
    OnePresence, OnlineUsers, PresenceHistory, PresenceSession, PresenceStats, PresenceTotals,
    Presences, RoomOnline,
};

/// Nothing but that it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Nothing {}

/// A conversation that was made, or was there.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedConversation {
    pub conversation: ConversationView,
    /// `false` when it was there already.
    pub created: bool,
}

/// A conversation as it is now.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OneConversation {
    pub conversation: ConversationView,
}

/// What `conversation:join` gives.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JoinedConversation {
    pub conversation: ConversationView,
    /// In the order of joining, at most 100.
    pub members: Vec<Member>,
    /// With `afterRev`: what changed since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

/// A page of conversations.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conversations {
    pub conversations: Vec<ConversationView>,
    /// What to ask with for the next page; `null` after the last one.
    pub next_cursor: Option<String>,
}

/// A conversation and who is in it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationDetails {
    pub conversation: ConversationView,
    /// In the order of joining, at most 100.
    pub members: Vec<Member>,
}

/// A page of what changed since a `rev`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    pub conversation: ConversationView,
    /// As they are now, ascending by `rev`.
    pub messages: Vec<Message>,
    /// Those whose membership changed; who left carries `leftAt`.
    pub members: Vec<Member>,
    /// Watermarks of all members, at most 1,000.
    pub receipts: Vec<Receipt>,
    /// How far this page is complete: the next `afterRev`.
    pub rev: i64,
    pub has_more: bool,
}

/// Members after a change of theirs.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MembersChanged {
    /// Those whom the call named, and whoever else has another role by it, as they are now; who left
    /// carries `leftAt`.
    pub members: Vec<Member>,
    /// The conversation's `rev` after it.
    pub rev: i64,
}

/// What `conversation:exit` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exited {
    /// The conversation's `rev` after it.
    pub rev: i64,
}

/// What could not be done for one of several conversations.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    pub conversation_id: ConversationId,
    pub error: FailedBecause,
}

/// Why.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedBecause {
    pub code: ErrorCode,
    pub message: String,
}

/// What `room:subscribe-multiple` gives.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subscribed {
    pub joined: Vec<ConversationId>,
    pub failed: Vec<Failed>,
}

/// What `room:unsubscribe-multiple` gives.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unsubscribed {
    pub left: Vec<ConversationId>,
    pub failed: Vec<Failed>,
}

/// Whether and since when a socket follows conversations.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subscriptions {
    pub subscriptions: Vec<Subscription>,
}

/// Whether and since when a socket follows a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    pub conversation_id: ConversationId,
    pub subscribed: bool,
    /// When the user became a member.
    pub joined_at: Timestamp,
    pub last_seq: i64,
    pub unread_count: i64,
}

/// What a socket follows, and what that is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionDetails {
    pub subscriptions: Vec<SubscriptionDetail>,
}

/// A conversation, and whether and since when a socket follows it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionDetail {
    #[serde(flatten)]
    pub subscription: Subscription,
    pub conversation: ConversationView,
    /// How many of the first 100 members are not offline, over all nodes.
    pub online: i64,
}

/// The secret with which another connection can take a session over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedSession {
    pub session_token: String,
    /// When it would be over if the connection ended now.
    pub expires_at: Timestamp,
}

/// What `connection:recover` gives.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveredSession {
    pub recovered: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_failure: Option<String>,
    /// The conversations that the session followed; this socket follows them now.
    pub rooms: Vec<ConversationId>,
    /// What was missed, of each conversation that has something.
    pub changes: Vec<Changes>,
    /// Events in the offline queue, which come by `queue:events`.
    pub queued: i64,
}

/// What is known of a connection.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionInfo {
    pub socket_id: String,
    pub user_id: UserId,
    pub organization_id: OrganizationId,
    pub node_id: String,
    pub transport: String,
    pub recovered: bool,
    pub recovery_failure: Option<String>,
    /// Whether its client could come back to it.
    pub recoverable: bool,
    pub rooms: Vec<ConversationId>,
    pub token_expires_at: Timestamp,
    /// When the session would be over if the connection ended now.
    pub expires_at: Option<Timestamp>,
}

/// How often clients asked to be recovered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryStats {
    pub attempts: u64,
    pub recovered: u64,
    /// By reason.
    pub failures: BTreeMap<String, u64>,
}

/// What `queue:ack` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueAcked {
    /// Events of the user that are not acknowledged.
    pub remaining: i64,
}

/// What `auth:refresh` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refreshed {
    /// When the new token stops being good.
    pub expires_at: Timestamp,
}
