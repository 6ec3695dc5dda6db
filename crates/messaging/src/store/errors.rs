//! Why a store did not do what it was asked.

use std::time::Duration;

use switchboard_protocol::{ConversationView, Message, UserId};

use crate::gathering::Unanswered;

/// Why a store method did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The rules said no; nothing was written.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// The database could not be reached, or not in time. Whether a write happened may be unknown;
    /// repeating it with the same client id is safe.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// The database is known not to answer, and was not asked or not waited for. The same holds.
    #[error("database unavailable: the circuit is open")]
    CircuitOpen,
    /// Too much waits already, or somebody else has locked what is to be changed. Nothing was written.
    #[error("busy; to be tried again after {retry_after:?}")]
    Busy { retry_after: Duration },
    /// The database answered something that should not be.
    #[error("database error: {0}")]
    Internal(String),
}

impl From<Unanswered> for StoreError {
    fn from(why: Unanswered) -> Self {
        match why {
            Unanswered::Over => Self::Unavailable(why.to_string()),
            Unanswered::Short => Self::Internal(why.to_string()),
        }
    }
}

impl StoreError {
    /// Whether it is the database that is away, and not the call that is wrong.
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::CircuitOpen)
    }
}

/// Why the rules said no.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// No such conversation in this organization.
    NoConversation,
    /// No such message in this organization.
    NoMessage,
    /// The caller is not an active member.
    NotMember,
    /// The caller may read only.
    ReadOnly,
    /// Neither the sender nor, where that would do, an owner or admin.
    NotAllowed,
    /// Only owners and admins may do it.
    NotManager,
    /// Only the owner may do it.
    NotOwner,
    /// The owner can neither be taken out nor be given another role, not even by themselves.
    OwnerStays,
    /// Who is in a direct conversation does not change.
    Direct,
    /// Never was a member or, where that matters, is none any more.
    NoMember(UserId),
    /// The message is older than the edit window.
    WindowPassed,
    /// The conversation is archived.
    Archived(Box<ConversationView>),
    /// `expectedVersion` is not the version that is stored.
    Stale(Box<Message>),
    /// The message is a tombstone.
    Tombstone(Box<Message>),
    /// `replyTo` is not a message of the conversation.
    UnknownReply,
    /// The message has [`MAX_EMOJI`](super::MAX_EMOJI) others already.
    TooManyEmoji,
    /// A watermark beyond the newest message.
    BeyondLast(i64),
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
