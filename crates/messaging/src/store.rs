//! What the use cases need of a database. Two implementations hold to it (`crates/store`), proved
//! by one conformance suite.
//!
//! Every method is bounded to one organization: a row of another one is as good as not there.
//! Writes decide what they may do under the lock that they take, so that of two racing calls the
//! one that commits first wins; a write that is refused changes nothing.

mod altering;
mod errors;
mod messages;
mod queue;
mod receipts;
mod requests;

use std::fmt;

use async_trait::async_trait;
use serde_json::{Map, Value};
use switchboard_protocol::calls::Window;
use switchboard_protocol::{
    Context, Conversation, ConversationId, ConversationStatus, ConversationView, Kind, Member,
    Message, MessageId, MessageType, OrganizationId, PresenceStatus, Receipt, ServerEvent,
    Timestamp, UserId,
};

use crate::circuit::Circuit;
use crate::revocations::Revocation;

pub use altering::{Alteration, Altered, Altering, Seen, Sight};
pub use errors::{Refusal, StoreError};
pub use messages::{Found, FoundPage, MAX_EMOJI, React, Reacted, SearchPage};
pub use queue::{
    DeadLetterPage, Depths, Enqueued, NewQueued, News, QueueBounds, QueueStore, WaitingEvent,
};
pub use receipts::{Advance, Advanced, Reach, ReceiptKind, Statistics, UnreadOf};
pub use requests::{Begun, NewRequest, RequestStore};

/// What a store method gives.
pub type StoreResult<T> = Result<T, StoreError>;

/// Who looks: a user of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Viewer {
    pub organization: OrganizationId,
    pub user: UserId,
}

/// A conversation to be made. All ids and times come from the caller.
#[derive(Clone, Debug)]
pub struct NewConversation {
    pub id: ConversationId,
    pub creator: Viewer,
    /// As in [`NewMessage::socket`].
    pub socket: Option<String>,
    pub kind: Kind,
    /// Everybody but the creator, each once. For a direct one exactly one.
    pub others: Vec<UserId>,
    pub title: Option<String>,
    pub context: Option<Context>,
    pub metadata: Map<String, Value>,
    pub client_conversation_id: Option<String>,
    pub at: Timestamp,
}

/// A conversation that was made, or was there already.
#[derive(Clone, Debug, PartialEq)]
pub struct Created {
    pub view: ConversationView,
    /// Active members, the creator first, at most as many as were named at creation.
    pub members: Vec<UserId>,
    /// `false` when the same direct pair and context, or the same creator's
    /// `clientConversationId`, had one already.
    pub created: bool,
}

/// A conversation and the caller's place in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Membership {
    pub conversation: Conversation,
    /// `None` when the caller is not an active member.
    pub member: Option<Member>,
}

/// Where a conversation stands; enough to follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub conversation: ConversationId,
    pub rev: i64,
    pub member_count: i64,
}

/// A page of a user's conversations: newest activity (last message, else creation) first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListPage {
    pub status: ConversationStatus,
    /// Only what comes after this place in the order.
    pub after: Option<(Timestamp, ConversationId)>,
    pub limit: i64,
}

/// A message to be stored. Content is clean and within its limits already.
#[derive(Clone, Debug)]
pub struct NewMessage {
    pub id: MessageId,
    pub conversation: ConversationId,
    pub sender: Viewer,
    /// Public id of the socket that asks for it; see [`Change::maker`].
    pub socket: Option<String>,
    pub kind: MessageType,
    pub content: String,
    pub reply_to: Option<MessageId>,
    pub metadata: Map<String, Value>,
    pub client_message_id: Option<String>,
    pub at: Timestamp,
}

/// A message that was stored, or had been.
#[derive(Clone, Debug, PartialEq)]
pub struct Appended {
    pub message: Message,
    /// The same sender's `clientMessageId` was in this conversation already: this is that message,
    /// as it is now, and nothing was written.
    pub duplicate: bool,
    /// Whether nothing has changed it since: its `rev` is still the one that it was sent under.
    pub is_as_sent: bool,
}

/// New content for a message.
#[derive(Clone, Debug)]
pub struct Edit {
    pub message: MessageId,
    pub editor: Viewer,
    /// As in [`NewMessage::socket`].
    pub socket: Option<String>,
    pub content: String,
    pub expected_version: Option<i64>,
    /// Messages created before this moment can no longer be edited.
    pub not_before: Option<Timestamp>,
    pub at: Timestamp,
}

/// A message to be made a tombstone.
#[derive(Clone, Debug)]
pub struct Deletion {
    pub message: MessageId,
    pub by: Viewer,
    /// As in [`NewMessage::socket`].
    pub socket: Option<String>,
    pub at: Timestamp,
}

/// A tombstone.
#[derive(Clone, Debug, PartialEq)]
pub struct Deleted {
    pub message: Message,
    /// `false` when it was one already: nothing was written.
    pub changed: bool,
}

/// One page of what changed since a `rev`.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncPage {
    pub conversation: Conversation,
    /// Messages whose last change is after the asked-for `rev`, ascending by `rev`.
    pub messages: Vec<Message>,
    /// Members whose membership changed after it, ascending by the `rev` of that change; those who
    /// left have `left_at`.
    pub members: Vec<Member>,
    /// Watermarks of all active members (at most 1,000).
    pub receipts: Vec<Receipt>,
    /// How far this page is complete: the next `after_rev`.
    pub rev: i64,
    pub has_more: bool,
}

/// A durable change, read back for whoever missed its event.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub rev: i64,
    /// The event, with the object as it is now but with this change's `rev`.
    pub event: ServerEvent,
    /// Public id of the socket that made it, if one did and it is known: it has the ack, and does not
    /// get the event.
    pub maker: Option<String>,
}

/// From when on others saw a user like this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceRecord {
    /// `None` is everybody of all organizations.
    pub whose: Option<Viewer>,
    pub at: Timestamp,
    pub status: PresenceStatus,
}

/// The database, as the use cases see it.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// Makes a conversation (`rev` 1) or returns the one that is there; see [`Created::created`].
    async fn create_conversation(&self, new: NewConversation) -> StoreResult<Created>;

    /// A conversation and the viewer's place in it; `None` when there is no such conversation.
    async fn membership(
        &self,
        viewer: &Viewer,
        conversation: ConversationId,
    ) -> StoreResult<Option<Membership>>;

    /// A conversation as this member sees it; `None` when not there or not an active member.
    async fn view(
        &self,
        viewer: &Viewer,
        conversation: ConversationId,
    ) -> StoreResult<Option<ConversationView>>;

    /// A page of the viewer's conversations.
    async fn list(&self, viewer: &Viewer, page: ListPage) -> StoreResult<Vec<ConversationView>>;

    /// Active members in order of joining, at most `limit`.
    async fn members(
        &self,
        organization: &OrganizationId,
        conversation: ConversationId,
        limit: i64,
    ) -> StoreResult<Vec<Member>>;

    /// Each of these conversations that is there, in no particular order.
    async fn sights(
        &self,
        viewer: &Viewer,
        conversations: &[ConversationId],
    ) -> StoreResult<Vec<Sight>>;

    /// Active members of each of these conversations: the first `limit` in order of joining.
    async fn members_of(
        &self,
        organization: &OrganizationId,
        conversations: &[ConversationId],
        limit: i64,
    ) -> StoreResult<Vec<(ConversationId, UserId)>>;

    /// Changes a conversation or who is in it, one `rev` for each thing that is then otherwise, in
    /// one transaction. Refusals, in this order: `NoConversation`; `NotMember`; `Direct` (members and
    /// roles of a direct one); `NotManager` (neither owner nor admin; not for `Exit`, nor for archiving
    /// and reopening a direct one); `Archived` (`Details`, `Add` and `SetRole`: people can always be
    /// let out); then, for each user in turn, `NoMember`, `OwnerStays` (the owner about themselves) and
    /// `NotOwner` (an admin about the owner or another admin, or giving the owner's place away).
    async fn alter(&self, alteration: Alteration) -> StoreResult<Altered>;

    /// Heads of the active conversations that the viewer is an active member of, newest activity
    /// first, at most `limit`.
    async fn heads_of(&self, viewer: &Viewer, limit: i64) -> StoreResult<Vec<Head>>;

    /// Where these conversations stand now; those that are not there are left out.
    async fn heads(
        &self,
        organization: &OrganizationId,
        conversations: &[ConversationId],
    ) -> StoreResult<Vec<Head>>;

    /// Unread messages over all active conversations of the viewer.
    async fn total_unread(&self, viewer: &Viewer) -> StoreResult<i64>;

    /// What these users have not read in these conversations, pair by pair; who is not an active
    /// member is left out. In no particular order.
    async fn unread_of(
        &self,
        organization: &OrganizationId,
        pairs: &[(UserId, ConversationId)],
    ) -> StoreResult<Vec<UnreadOf>>;

    /// What these users have not read in any of their active conversations; where nothing is unread
    /// is left out. In no particular order.
    async fn all_unread_of(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> StoreResult<Vec<UnreadOf>>;

    /// Stores a message under the conversation's next `seq` and `rev`. Calls that arrive while a
    /// commit is in flight share the next one. Refusals: `NoConversation`, `NotMember`,
    /// `ReadOnly`, `Archived`, `UnknownReply`. Who sends a system message need not be a member.
    ///
    /// A message has its place once this was polled: of two in one conversation the one that was polled
    /// first comes first.
    async fn append(&self, new: NewMessage) -> StoreResult<Appended>;

    /// Replaces a message's content under the next `rev`. Refusals: `NoMessage`, `NotMember`,
    /// `NotAllowed`, `Archived`, `Tombstone`, `Stale`, `WindowPassed` (checked in this order).
    async fn edit(&self, edit: Edit) -> StoreResult<Message>;

    /// Makes a message a tombstone under the next `rev`. Refusals: `NoMessage`, `NotMember`,
    /// `NotAllowed` (neither the sender nor an owner or admin).
    async fn delete(&self, deletion: Deletion) -> StoreResult<Deleted>;

    /// Puts an emoji on a message or takes it off, under the next `rev` if that changes anything.
    /// Refusals: `NoMessage`, `NotMember`, `ReadOnly`, `Archived`, `Tombstone`, `TooManyEmoji`
    /// (checked in this order).
    async fn react(&self, react: React) -> StoreResult<Reacted>;

    /// A message; `None` when it is not there.
    async fn message(
        &self,
        organization: &OrganizationId,
        message: MessageId,
    ) -> StoreResult<Option<Message>>;

    /// Conversation and `seq` of each of these messages that is there, in no particular order.
    async fn positions(
        &self,
        organization: &OrganizationId,
        messages: &[MessageId],
    ) -> StoreResult<Vec<(ConversationId, i64)>>;

    /// Messages in ascending `seq`, at most `limit`, tombstones included.
    async fn history(
        &self,
        organization: &OrganizationId,
        conversation: ConversationId,
        window: Window,
        limit: i64,
    ) -> StoreResult<Vec<Message>>;

    /// Replies of a thread in ascending `seq`, at most `limit`, tombstones included.
    async fn replies(
        &self,
        organization: &OrganizationId,
        root: MessageId,
        after_seq: i64,
        limit: i64,
    ) -> StoreResult<Vec<Message>>;

    /// Full-text search in conversations that the viewer is an active member of (the 500 with the
    /// newest activity), among the newest 500 messages that fit.
    async fn search(&self, page: SearchPage) -> StoreResult<FoundPage>;

    /// Makes at most so many messages searchable that were stored by a version that could not search;
    /// how many.
    async fn index_messages(&self, limit: i64) -> StoreResult<usize>;

    /// Whom a message has reached; at most `limit` names each.
    async fn reach(
        &self,
        organization: &OrganizationId,
        message: &Message,
        limit: i64,
    ) -> StoreResult<Reach>;

    /// Statistics of what the viewer sent, or of a conversation (edits, deletions and receipts of
    /// its newest 100,000 messages).
    async fn statistics(
        &self,
        viewer: &Viewer,
        conversation: Option<ConversationId>,
        since: Timestamp,
    ) -> StoreResult<Statistics>;

    /// One page of what changed after `after_rev`. Refusal: `NoConversation`.
    async fn sync(
        &self,
        organization: &OrganizationId,
        conversation: ConversationId,
        after_rev: i64,
        limit: i64,
    ) -> StoreResult<SyncPage>;

    /// Moves a watermark forward, never back. Refusals: `NoConversation`, `NotMember`,
    /// `BeyondLast`.
    async fn advance(&self, advance: Advance) -> StoreResult<Advanced>;

    /// Every change with `after_rev < rev <= up_to_rev`, ascending, one per `rev`.
    async fn changes(
        &self,
        organization: &OrganizationId,
        conversation: ConversationId,
        after_rev: i64,
        up_to_rev: i64,
    ) -> StoreResult<Vec<Change>>;

    /// The offline queue.
    fn queue(&self) -> &dyn QueueStore;

    /// Requests that may be repeated.
    fn requests(&self) -> &dyn RequestStore;

    /// Records when users were seen as what; in any order, and a repetition changes nothing.
    async fn record_presence(&self, records: &[PresenceRecord]) -> StoreResult<()>;

    /// The records of a user in `from ≤ at < to`, ascending, with the last one before them, which says
    /// how the user was seen at `from`; those of everybody included. At most `limit`.
    async fn presence_records(
        &self,
        viewer: &Viewer,
        span: (Timestamp, Timestamp),
        limit: i64,
    ) -> StoreResult<Vec<(Timestamp, PresenceStatus)>>;

    /// Deletes records of before a time, at most `limit`; how many.
    async fn forget_presence(&self, before: Timestamp, limit: i64) -> StoreResult<u64>;

    /// Remembers a revocation until it expires. One of the same thing takes the place of the one
    /// before, but an earlier `before` or expiry never that of a later one.
    async fn revoke(&self, revocation: &Revocation) -> StoreResult<()>;

    /// The revocations of all organizations that were made at or after `since` and are not over at
    /// `now`, in no particular order: nodes, which have users of all, ask for them.
    async fn revocations(&self, since: Timestamp, now: Timestamp) -> StoreResult<Vec<Revocation>>;

    /// Forgets the revocations of all organizations that are over at `now`; how many.
    async fn forget_revocations(&self, now: Timestamp) -> StoreResult<u64>;

    /// Whether the database answers.
    async fn ping(&self) -> StoreResult<()>;

    /// The circuit before the database; `None` when it is in this process.
    fn circuit(&self) -> Option<&Circuit> {
        None
    }

    /// Finishes what is queued and closes the connections.
    async fn close(&self);
}
