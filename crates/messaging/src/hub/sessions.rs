//! What is remembered of a connected client so that it can go on, on whichever node, when its
//! connection broke.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use switchboard_protocol::{ConversationId, OrganizationId, UserId};

use super::HubResult;

/// The secret under which a session is kept.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionKey(pub String);

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

/// A session as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    pub user: UserId,
    /// Public socket id, which the client keeps.
    pub socket: String,
    /// The Socket.IO namespace that it is in; a session goes on only there.
    #[serde(default = "native")]
    pub namespace: String,
    /// The place in the organization's order from which on its socket was in its rooms, as text, when
    /// no event has told the client of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<String>,
    /// The connection that has it, or had it last: unique in the cluster.
    pub owner: String,
    /// Conversations that it follows beside those that sockets enter by themselves, each with the
    /// `rev` that it knew when it entered.
    #[serde(default)]
    pub entered: BTreeMap<ConversationId, i64>,
    /// Conversations that it does not follow although sockets enter them by themselves.
    #[serde(default)]
    pub left: BTreeSet<ConversationId>,
}

fn native() -> String {
    "/".to_owned()
}

/// What asking for a session came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is the caller's from here on. Whoever had it before does not have it any more.
    Granted(Box<SessionRecord>),
    /// There is none under this key, or none any more.
    Unknown,
    /// It was kept for as long as it is, and is over.
    Expired,
    /// It is another user's. Nothing was changed.
    Identity,
}

/// Sessions by their secret keys. Each lasts for as long as it is kept alive, and the given time
/// longer.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Keeps a session as it is now, unless another connection than its owner has it by now; it lasts
    /// for `ttl_ms` from now (milliseconds).
    async fn session_save(
        &self,
        organization: &OrganizationId,
        key: &SessionKey,
        record: &SessionRecord,
        ttl_ms: u64,
    ) -> HubResult<()>;

    /// Prolongs these sessions; returns those (by index) that are not there any more.
    async fn session_keep(
        &self,
        sessions: &[(OrganizationId, SessionKey)],
        ttl_ms: u64,
    ) -> HubResult<Vec<usize>>;

    /// Asks for a session in the name of a user, for the connection `owner`. What is granted is the
    /// record as it was, with its former owner.
    async fn session_claim(
        &self,
        organization: &OrganizationId,
        key: &SessionKey,
        user: &UserId,
        owner: &str,
        ttl_ms: u64,
    ) -> HubResult<Claim>;

    /// Forgets a session, unless another connection than `owner` has it by now.
    async fn session_end(
        &self,
        organization: &OrganizationId,
        key: &SessionKey,
        owner: &str,
    ) -> HubResult<()>;
}
