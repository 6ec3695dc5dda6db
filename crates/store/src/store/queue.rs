//! [`QueueStore`] and [`RequestStore`].

use std::time::Duration;

use async_trait::async_trait;
use switchboard_messaging::store::{
    Begun, DeadLetterPage, Depths, Enqueued, NewQueued, NewRequest, News, QueueBounds, QueueStore,
    RequestStore, StoreResult, Viewer, WaitingEvent,
};
use switchboard_protocol::service::{DeadLetter, ServiceStats};
use switchboard_protocol::{ConversationId, OrganizationId, QueuedEventId, Timestamp, UserId};
use uuid::Uuid;

use super::SqlStore;
use crate::retry::retried;
use crate::{queue, requests};

#[async_trait]
impl QueueStore for SqlStore {
    async fn enqueue(&self, new: &NewQueued, bounds: QueueBounds) -> StoreResult<Enqueued> {
        let work = retried(|| queue::enqueue(&self.database, new, bounds));
        self.timed("enqueue", work).await
    }

    async fn waiting(&self, viewer: &Viewer, now: Timestamp) -> StoreResult<Vec<WaitingEvent>> {
        self.arrivals.waiting(viewer, now).await
    }

    async fn claim_attempt(
        &self,
        viewer: &Viewer,
        events: &[QueuedEventId],
        attempts: i64,
        next_at: Timestamp,
    ) -> StoreResult<Vec<QueuedEventId>> {
        let claim = (attempts, next_at);
        let work = retried(|| queue::claim_attempt(&self.database, viewer, events, claim));
        self.timed("claim_attempt", work).await
    }

    async fn give_up(
        &self,
        viewer: &Viewer,
        events: &[QueuedEventId],
        attempts: i64,
        at: Timestamp,
    ) -> StoreResult<u64> {
        let work = retried(|| queue::give_up(&self.database, viewer, events, (attempts, at)));
        self.timed("give_up", work).await
    }

    async fn acknowledge(
        &self,
        viewer: &Viewer,
        events: &[QueuedEventId],
        now: Timestamp,
    ) -> StoreResult<i64> {
        let work = retried(|| queue::acknowledge(&self.database, viewer, events, now));
        self.timed("acknowledge", work).await
    }

    async fn queue_length(&self, viewer: &Viewer, now: Timestamp) -> StoreResult<i64> {
        let work = queue::length(&self.database, viewer, now);
        self.timed("queue_length", work).await
    }

    async fn queue_news(&self, after: Timestamp, limit: i64) -> StoreResult<Vec<News>> {
        let work = queue::news(&self.database, after, limit);
        self.timed("queue_news", work).await
    }

    async fn dead_letters(
        &self,
        organization: &OrganizationId,
        page: &DeadLetterPage,
    ) -> StoreResult<Vec<DeadLetter>> {
        let work = queue::dead_letters(&self.database, organization, page);
        self.timed("dead_letters", work).await
    }

    async fn retry_dead_letter(
        &self,
        organization: &OrganizationId,
        event: QueuedEventId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> StoreResult<Option<UserId>> {
        let span = (now, expires_at);
        let work = retried(|| queue::retry_dead_letter(&self.database, organization, event, span));
        self.timed("retry_dead_letter", work).await
    }

    async fn sweep_queue(&self, now: Timestamp, dead_for: Duration) -> StoreResult<Depths> {
        let work = retried(|| queue::sweep(&self.database, now, dead_for));
        self.timed("sweep_queue", work).await
    }

    async fn members_of(
        &self,
        organization: &OrganizationId,
        conversations: &[ConversationId],
        limit: i64,
    ) -> StoreResult<Option<Vec<UserId>>> {
        let work = queue::members_of(&self.database, organization, conversations, limit);
        self.timed("members_of", work).await
    }

    async fn users_of(
        &self,
        organization: &OrganizationId,
        limit: i64,
    ) -> StoreResult<Vec<UserId>> {
        let work = queue::users_of(&self.database, organization, limit);
        self.timed("users_of", work).await
    }

    async fn service_stats(
        &self,
        organization: &OrganizationId,
        now: Timestamp,
    ) -> StoreResult<ServiceStats> {
        let work = queue::stats(&self.database, organization, now);
        self.timed("service_stats", work).await
    }
}

#[async_trait]
impl RequestStore for SqlStore {
    async fn begin_request(&self, new: &NewRequest) -> StoreResult<Begun> {
        let work = retried(|| requests::begin(&self.database, new));
        self.timed("begin_request", work).await
    }

    async fn finish_request(
        &self,
        caller: &Viewer,
        key: &str,
        id: Uuid,
        answer: (u16, &str),
    ) -> StoreResult<()> {
        let work = retried(|| requests::finish(&self.database, caller, (key, id), answer));
        self.timed("finish_request", work).await
    }

    async fn abandon_request(
        &self,
        caller: &Viewer,
        key: &str,
        id: Uuid,
        forgotten: bool,
    ) -> StoreResult<()> {
        let work = retried(|| requests::abandon(&self.database, caller, (key, id), forgotten));
        self.timed("abandon_request", work).await
    }
}
