//! From what a store or hub says to what a client hears.

use switchboard_protocol::{Current, Detail, ErrorObject};

use crate::hub::HubError;
use crate::store::{MAX_EMOJI, Refusal, StoreError};

impl From<StoreError> for ErrorObject {
    /// The cause goes to the log, whole; the client gets the code.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => refusal.into(),
            StoreError::Unavailable(cause) => {
                tracing::warn!(cause, "store unavailable");
                Self::unavailable()
            }
            // The circuit itself logs when it opens, once.
            StoreError::CircuitOpen => Self::unavailable(),
            // Counted where it was refused: a line for each would be a flood of its own.
            StoreError::Busy { retry_after } => {
                tracing::debug!(?retry_after, "store busy");
                Self::busy(retry_after)
            }
            StoreError::Internal(cause) => {
                tracing::error!(cause, "store failed");
                Self::internal()
            }
        }
    }
}

impl From<HubError> for ErrorObject {
    fn from(error: HubError) -> Self {
        // The hub itself logs when it goes away, once.
        tracing::debug!(cause = error.0, "hub unavailable");
        Self::unavailable()
    }
}

impl From<Refusal> for ErrorObject {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoConversation => Self::not_found("conversation"),
            Refusal::NoMessage => Self::not_found("message"),
            Refusal::NotMember => Self::forbidden("you are not a member of this conversation"),
            Refusal::ReadOnly => Self::forbidden("you may only read this conversation"),
            Refusal::NotAllowed => Self::forbidden("this message is not yours to change"),
            Refusal::NotManager => Self::forbidden("only owners and admins may do this"),
            Refusal::NotOwner => Self::forbidden("only the owner may do this"),
            Refusal::OwnerStays => {
                let text = "the owner first gives the place to somebody else, or exits";
                Self::forbidden(text)
            }
            Refusal::Direct => Self::forbidden("who is in a direct conversation cannot be changed"),
            Refusal::NoMember(_) => Self::not_found("member"),
            Refusal::WindowPassed => Self::forbidden("the time to edit this message has passed"),
            Refusal::Archived(view) => {
                Self::conflict("the conversation is archived", Current::Conversation(view))
            }
            Refusal::Stale(message) => Self::conflict(
                "the message has changed meanwhile",
                Current::Message(message),
            ),
            Refusal::Tombstone(message) => {
                Self::conflict("the message was deleted", Current::Message(message))
            }
            Refusal::UnknownReply => {
                Self::invalid("replyTo", "is not a message of this conversation")
            }
            Refusal::TooManyEmoji => Self::invalid(
                "emoji",
                format!("the message has {MAX_EMOJI} different ones already"),
            ),
            Refusal::BeyondLast(last) => Self::validation(vec![Detail::new(
                "upToSeq",
                format!("is beyond the newest message, whose seq is {last}"),
            )]),
        }
    }
}
