//! The offline queue, as the use cases see it.

use std::time::Duration;

use async_trait::async_trait;
use switchboard_protocol::objects::Priority;
use switchboard_protocol::server_events::QueuedEvent;
use switchboard_protocol::service::{DeadLetter, ServiceStats};
use switchboard_protocol::{ConversationId, OrganizationId, QueuedEventId, Timestamp, UserId};

use super::{StoreResult, Viewer};

/// An event to be kept for users who are away.
#[derive(Clone, Debug)]
pub struct NewQueued {
    pub organization: OrganizationId,
    /// Each once, with the id that the event has in this user's queue.
    pub users: Vec<(UserId, QueuedEventId)>,
    /// The call that it came with. What is queued already of the same call is left alone.
    pub source: QueuedEventId,
    pub event: String,
    /// JSON.
    pub data: String,
    pub priority: Priority,
    pub at: Timestamp,
    pub expires_at: Timestamp,
}

/// How much one user's queue may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueBounds {
    pub events: i64,
    /// Of their data.
    pub bytes: i64,
}

/// What became of an event that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// Users in whose queues it is.
    pub kept: usize,
    /// Events, this one included, that went because a queue was full.
    pub dropped: usize,
}

/// An event that waits for an acknowledgement.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitingEvent {
    pub event: QueuedEvent,
    /// How often it was sent.
    pub attempts: i64,
    /// When it is to be sent (again).
    pub next_at: Timestamp,
}

/// A page of dead letters: the newest first.
#[derive(Clone, Debug)]
pub struct DeadLetterPage {
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only what comes after this place in the order.
    pub after: Option<(Timestamp, QueuedEventId)>,
    pub limit: i64,
}

/// A user for whom something was queued, and when.
pub type News = (Viewer, Timestamp);

/// What is in all queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depths {
    pub waiting: i64,
    pub dead: i64,
    /// What the look removed because it had expired.
    pub expired: u64,
}

/// Events that are kept for users who are away. Several nodes may send one user's events: whoever
/// claims an attempt first makes it.
#[async_trait]
pub trait QueueStore: Send + Sync {
    /// Puts an event into queues. What is then too much goes: expired ones, then the lowest
    /// priority, and of that the oldest. (Calls at the same instant may each leave their own.)
    async fn enqueue(&self, new: &NewQueued, bounds: QueueBounds) -> StoreResult<Enqueued>;

    /// What waits for a user and has not expired: the most important first, then the oldest.
    async fn waiting(&self, viewer: &Viewer, now: Timestamp) -> StoreResult<Vec<WaitingEvent>>;

    /// Counts one more attempt for those of these events that had `attempts` so far; returns them.
    async fn claim_attempt(
        &self,
        viewer: &Viewer,
        events: &[QueuedEventId],
        attempts: i64,
        next_at: Timestamp,
    ) -> StoreResult<Vec<QueuedEventId>>;

    /// Makes those of these events that had `attempts` dead letters; how many.
    async fn give_up(
        &self,
        viewer: &Viewer,
        events: &[QueuedEventId],
        attempts: i64,
        at: Timestamp,
    ) -> StoreResult<u64>;

    /// Removes events of a user's queue, dead letters included; how many are left to wait for.
    async fn acknowledge(
        &self,
        viewer: &Viewer,
        events: &[QueuedEventId],
        now: Timestamp,
    ) -> StoreResult<i64>;

    /// How many events wait for a user.
    async fn queue_length(&self, viewer: &Viewer, now: Timestamp) -> StoreResult<i64>;

    /// For whom something was queued after a moment, over all organizations, in the order of these
    /// moments, at most `limit`; a user may come more than once.
    async fn queue_news(&self, after: Timestamp, limit: i64) -> StoreResult<Vec<News>>;

    /// A page of an organization's dead letters.
    async fn dead_letters(
        &self,
        organization: &OrganizationId,
        page: &DeadLetterPage,
    ) -> StoreResult<Vec<DeadLetter>>;

    /// Puts a dead letter back into its user's queue, as if it had never been sent; whose it is, or
    /// `None` when there is no such dead letter.
    async fn retry_dead_letter(
        &self,
        organization: &OrganizationId,
        event: QueuedEventId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> StoreResult<Option<UserId>>;

    /// Removes what has expired, and dead letters and answers to requests that were kept for long
    /// enough, at most some thousands at a time; counts what is left.
    async fn sweep_queue(&self, now: Timestamp, dead_for: Duration) -> StoreResult<Depths>;

    /// The active members of conversations, each once, at most `limit`. `None` when one of the
    /// conversations is not there.
    async fn members_of(
        &self,
        organization: &OrganizationId,
        conversations: &[ConversationId],
        limit: i64,
    ) -> StoreResult<Option<Vec<UserId>>>;

    /// Users who are an active member of something, each once, at most `limit`.
    async fn users_of(&self, organization: &OrganizationId, limit: i64)
    -> StoreResult<Vec<UserId>>;

    /// What an organization has.
    async fn service_stats(
        &self,
        organization: &OrganizationId,
        now: Timestamp,
    ) -> StoreResult<ServiceStats>;
}
