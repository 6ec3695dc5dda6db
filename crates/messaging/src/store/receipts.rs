//! Watermarks, and what they say: whom messages have reached, and what is unread.

use switchboard_protocol::{ConversationId, Timestamp, UserId};

use super::Viewer;

/// Which watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptKind {
    /// It reached a device.
    Delivered,
    /// It was read, and so delivered too.
    Read,
}

/// A watermark to be moved forward.
#[derive(Clone, Debug)]
pub struct Advance {
    pub viewer: Viewer,
    pub conversation: ConversationId,
    pub kind: ReceiptKind,
    pub up_to_seq: i64,
    pub at: Timestamp,
}

/// Where a member's watermarks are now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advanced {
    pub delivered_seq: i64,
    pub read_seq: i64,
    /// As in [`ConversationView::unread_count`](switchboard_protocol::ConversationView::unread_count).
    pub unread_count: i64,
    /// Whether the asked-for watermark moved.
    pub moved: bool,
    /// Active members of the conversation.
    pub member_count: i64,
}

/// Whom a message has reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach {
    /// Members but the sender, the latest first, at most as many as asked for.
    pub delivered_to: Vec<(UserId, Timestamp)>,
    pub read_by: Vec<(UserId, Timestamp)>,
    /// Active members but the sender.
    pub recipients: i64,
    pub delivered: i64,
    pub read: i64,
}

/// How much was sent and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub sent: i64,
    /// Those that reached another member.
    pub delivered: i64,
    /// Those that another member read.
    pub read: i64,
    pub edited: i64,
    pub deleted: i64,
    /// Sent since the moment that was asked for.
    pub lately: i64,
}

/// What a member has not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadOf {
    pub user: UserId,
    pub conversation: ConversationId,
    /// As in [`ConversationView::unread_count`](switchboard_protocol::ConversationView::unread_count).
    pub count: i64,
    /// Whether it counts for the user's total: archived conversations do not.
    pub is_active: bool,
    /// The conversation's `rev` and the member's watermark when this was counted.
    pub rev: i64,
    pub read_seq: i64,
}
