//! What users have not read, so that nobody has to add it up over all of a user's conversations with
//! every message. The store is what is true; this is what was counted there last.

use std::collections::BTreeMap;

use async_trait::async_trait;
use switchboard_protocol::{ConversationId, OrganizationId, UserId};

use super::HubResult;
use crate::store::UnreadOf;

/// What a user has not read in a conversation, as it was counted once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub conversation: ConversationId,
    pub count: i64,
    /// The conversation's `rev` then, and the user's watermark: of two counts, the one is newer for
    /// which both are.
    pub rev: i64,
    pub read_seq: i64,
}

impl From<&UnreadOf> for Counted {
    fn from(unread: &UnreadOf) -> Self {
        Self {
            conversation: unread.conversation,
            // What is archived does not count for the total.
            count: if unread.is_active { unread.count } else { 0 },
            rev: unread.rev,
            read_seq: unread.read_seq,
        }
    }
}

/// What was counted for a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadNote {
    pub user: UserId,
    pub counts: Vec<Counted>,
    /// Whether these are all: elsewhere nothing is unread, and what was noted before is void.
    pub is_all: bool,
}

/// Unread messages by user. It forgets a user of whom nothing was noted for an hour.
#[async_trait]
pub trait UnreadBook: Send + Sync {
    /// Notes what was counted for each of these users (each once), and gives their totals in this order:
    /// `None` for one of whom not all is known. Older counts do not replace newer ones; when it cannot
    /// be said which of two is newer, neither is known any more.
    async fn unread_note(
        &self,
        organization: &OrganizationId,
        notes: &[UnreadNote],
    ) -> HubResult<Vec<Option<i64>>>;

    /// What is known of each of these users, in this order: `None` for one of whom not all is.
    async fn unread_known(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> HubResult<Vec<Option<BTreeMap<ConversationId, i64>>>>;
}
