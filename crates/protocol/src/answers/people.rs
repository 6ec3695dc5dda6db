//! Answers to `presence:*` and `room:online`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::objects::{Presence, PresenceStatus};
use crate::timestamp::Timestamp;

/// Who of a conversation is there.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomOnline {
    /// Members that are not offline, of the first 1,000.
    pub users: Vec<Presence>,
    /// Only there, and `true`, when one node answered from what it alone knows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub degraded: bool,
}

/// How present a user is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnePresence {
    pub presence: Presence,
    /// Only there, and `true`, when one node answered from what it alone knows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub degraded: bool,
}

/// How present users are, in the order of the question.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Presences {
    pub presences: Vec<Presence>,
    /// Only there, and `true`, when one node answered from what it alone knows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub degraded: bool,
}

/// A page of who is there.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnlineUsers {
    pub users: Vec<Presence>,
    /// On all pages together.
    pub total: i64,
    /// What to ask with for the next page; `null` after the last one.
    pub next_cursor: Option<String>,
    /// Only there, and `true`, when one node answered from what it alone knows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub degraded: bool,
}

/// When a user was there.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceHistory {
    /// Ascending, within what was asked for.
    pub sessions: Vec<PresenceSession>,
    pub totals: PresenceTotals,
}

/// A time in which a user's status did not change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceSession {
    pub status: PresenceStatus,
    pub from: Timestamp,
    /// `null`: it still lasts.
    pub to: Option<Timestamp>,
}

/// For how long in all, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceTotals {
    pub online_ms: i64,
    pub away_ms: i64,
    pub busy_ms: i64,
}

/// How many of an organization are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PresenceStats {
    /// Users.
    pub online: i64,
    /// Users.
    pub away: i64,
    /// Users.
    pub busy: i64,
    /// Sockets.
    pub connections: i64,
    /// Devices that users' tokens name, or sockets of tokens that name none.
    pub devices: i64,
    /// Only there, and `true`, when one node answered from what it alone knows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub degraded: bool,
}
