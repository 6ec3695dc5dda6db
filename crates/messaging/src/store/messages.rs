//! Reactions, and what is found by searching.

use switchboard_protocol::{ConversationId, Message, MessageId, Timestamp};

use super::Viewer;

/// Distinct emoji on one message.
pub const MAX_EMOJI: usize = 20;

/// An emoji to be put on a message or taken off.
#[derive(Clone, Debug)]
pub struct React {
    pub message: MessageId,
    pub by: Viewer,
    /// As in [`NewMessage::socket`](super::NewMessage::socket).
    pub socket: Option<String>,
    pub emoji: String,
    /// `false`: taken off.
    pub add: bool,
    pub at: Timestamp,
}

/// A message with its reactions.
#[derive(Clone, Debug, PartialEq)]
pub struct Reacted {
    pub message: Message,
    /// `false` when it was so already: nothing was written.
    pub changed: bool,
}

/// A page of what is searched for.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchPage {
    pub viewer: Viewer,
    /// As people type it: words, `"phrases"`, `-not`, `this or that`, `begin*`.
    pub query: String,
    /// Only in this one.
    pub conversation: Option<ConversationId>,
    /// Only what was there already when the first page was read: its [`FoundPage::newest`].
    pub newest: Option<MessageId>,
    /// Only what comes after this place in the order.
    pub after: Option<(f64, MessageId)>,
    pub limit: usize,
}

/// What was found, best first; of the same rank, the newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundPage {
    pub found: Vec<Found>,
    /// The newest message that the pages of this search may have; `None` when nothing was found.
    pub newest: Option<MessageId>,
    pub has_more: bool,
}

/// A message that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub message: Message,
    /// Part of its content as HTML, with the hits in `<mark>`.
    pub snippet: String,
    /// Greater is better.
    pub rank: f64,
}
