//! The [`Store`]: each method measured, bounded in time, and told what failed. While the database
//! does not answer it is not asked: a circuit is before it, and a task that probes it.

mod queue;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use switchboard_messaging::Store;
use switchboard_messaging::circuit::Circuit;
use switchboard_messaging::revocations::Revocation;
use switchboard_messaging::store::{
    Advance, Advanced, Alteration, Altered, Appended, Change, Created, Deleted, Deletion, Edit,
    FoundPage, Head, ListPage, Membership, NewConversation, NewMessage, PresenceRecord, QueueStore,
    Reach, React, Reacted, RequestStore, SearchPage, Sight, Statistics, StoreResult, SyncPage,
    UnreadOf, Viewer,
};
use switchboard_protocol::calls::Window;
use switchboard_protocol::{
    ConversationId, ConversationView, Member, Message, MessageId, OrganizationId, PresenceStatus,
    Timestamp, UserId,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::arrivals::Arrivals;
use crate::batch::Appender;
use crate::database::Database;
use crate::failure::Failure;
use crate::group_commit::GroupCommit;
use crate::growth::Stored;
use crate::guard::{Guard, measured};
use crate::marks::Marker;
use crate::retry::retried;
use crate::{
    altering, amend, conversations, growth, messages, presence, reactions, receipts, revocations,
    search, several, statistics, sync, unread,
};

/// A [`Store`] over either database.
#[derive(Debug)]
pub(crate) struct SqlStore {
    database: Database,
    appends: GroupCommit<Appender>,
    marks: GroupCommit<Marker>,
    arrivals: Arrivals,
    guard: Guard,
    prober: TaskTracker,
    stop: CancellationToken,
}

impl SqlStore {
    /// A store whose calls take at most `deadline`, behind `circuit` if the database can go away. At
    /// most `asides` connections at a time wait for conversations that somebody else has locked.
    pub(crate) fn new(
        database: Database,
        (deadline, asides): (Duration, usize),
        circuit: Option<Circuit>,
    ) -> Self {
        let circuit = circuit.map(Arc::new);
        let (prober, stop) = (TaskTracker::new(), CancellationToken::new());
        let guard = Guard { circuit, deadline };
        if let Some(circuit) = guard.circuit.clone() {
            let (database, guard) = (database.clone(), guard.clone());
            prober.spawn(crate::prober::run(database, circuit, guard, stop.clone()));
        }
        let stored = Stored::default();
        if let Database::Postgres(pool) = &database {
            prober.spawn(growth::watch(pool.clone(), stored.clone(), stop.clone()));
            prober.spawn(pool.clone().tidy(stop.clone()));
        }
        prober.close();
        let appender = Arc::new(Appender {
            database: database.clone(),
            guard: guard.clone(),
            statement_timeout: deadline,
            stored,
        });
        let marker = Arc::new(Marker {
            database: database.clone(),
            guard: guard.clone(),
        });
        Self {
            // The guard's deadline comes first, and tells the circuit.
            appends: GroupCommit::start(appender, deadline * 2, asides),
            marks: GroupCommit::start(marker, deadline * 2, asides),
            arrivals: Arrivals::new(&database, &guard),
            database,
            guard,
            prober,
            stop,
        }
    }

    fn timed<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, Failure>> + Send,
    ) -> impl Future<Output = StoreResult<T>> {
        measured(operation, self.guard.run(work))
    }
}

impl Drop for SqlStore {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn create_conversation(&self, new: NewConversation) -> StoreResult<Created> {
        let work = retried(|| conversations::create(&self.database, &new));
        self.timed("create_conversation", work).await
    }

    async fn membership(
        &self,
        viewer: &Viewer,
        conversation: ConversationId,
    ) -> StoreResult<Option<Membership>> {
        let work = conversations::membership(&self.database, viewer, conversation);
        self.timed("membership", work).await
    }

    async fn view(
        &self,
        viewer: &Viewer,
        conversation: ConversationId,
    ) -> StoreResult<Option<ConversationView>> {
        let work = conversations::view(&self.database, viewer, conversation);
        self.timed("view", work).await
    }

    async fn list(&self, viewer: &Viewer, page: ListPage) -> StoreResult<Vec<ConversationView>> {
        let work = conversations::list(&self.database, viewer, page);
        self.timed("list", work).await
    }

    async fn members(
        &self,
        organization: &OrganizationId,
        conversation: ConversationId,
        limit: i64,
    ) -> StoreResult<Vec<Member>> {
        let work = conversations::members(&self.database, organization, conversation, limit);
        self.timed("members", work).await
    }

    async fn sights(
        &self,
        viewer: &Viewer,
        conversations: &[ConversationId],
    ) -> StoreResult<Vec<Sight>> {
        let work = several::sights(&self.database, viewer, conversations);
        self.timed("sights", work).await
    }

    async fn members_of(
        &self,
        organization: &OrganizationId,
        conversations: &[ConversationId],
        limit: i64,
    ) -> StoreResult<Vec<(ConversationId, UserId)>> {
        let work = several::members_of(&self.database, organization, conversations, limit);
        self.timed("members_of", work).await
    }

    async fn alter(&self, alteration: Alteration) -> StoreResult<Altered> {
        let work = retried(|| altering::alter(&self.database, &alteration));
        self.timed("alter", work).await
    }

    async fn heads_of(&self, viewer: &Viewer, limit: i64) -> StoreResult<Vec<Head>> {
        self.arrivals.heads_of(viewer, limit).await
    }

    async fn heads(
        &self,
        organization: &OrganizationId,
        conversations: &[ConversationId],
    ) -> StoreResult<Vec<Head>> {
        let work = conversations::heads(&self.database, organization, conversations);
        self.timed("heads", work).await
    }

    async fn total_unread(&self, viewer: &Viewer) -> StoreResult<i64> {
        let work = unread::total(&self.database, viewer);
        self.timed("total_unread", work).await
    }

    async fn unread_of(
        &self,
        organization: &OrganizationId,
        pairs: &[(UserId, ConversationId)],
    ) -> StoreResult<Vec<UnreadOf>> {
        let work = unread::of_pairs(&self.database, organization, pairs);
        self.timed("unread_of", work).await
    }

    async fn all_unread_of(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> StoreResult<Vec<UnreadOf>> {
        if let [user] = users {
            return self.arrivals.all_unread_of(organization, user).await;
        }
        let work = unread::all_of(&self.database, organization, users);
        self.timed("all_unread_of", work).await
    }

    async fn append(&self, new: NewMessage) -> StoreResult<Appended> {
        let wait = self.guard.wait(self.appends.submit(new));
        measured("append", wait).await
    }

    async fn edit(&self, edit: Edit) -> StoreResult<Message> {
        let work = retried(|| amend::edit(&self.database, &edit));
        self.timed("edit", work).await
    }

    async fn delete(&self, deletion: Deletion) -> StoreResult<Deleted> {
        let work = retried(|| amend::delete(&self.database, &deletion));
        self.timed("delete", work).await
    }

    async fn react(&self, react: React) -> StoreResult<Reacted> {
        let work = retried(|| reactions::react(&self.database, &react));
        self.timed("react", work).await
    }

    async fn message(
        &self,
        organization: &OrganizationId,
        message: MessageId,
    ) -> StoreResult<Option<Message>> {
        let work = messages::message(&self.database, organization, message);
        self.timed("message", work).await
    }

    async fn positions(
        &self,
        organization: &OrganizationId,
        messages: &[MessageId],
    ) -> StoreResult<Vec<(ConversationId, i64)>> {
        let work = messages::positions(&self.database, organization, messages);
        self.timed("positions", work).await
    }

    async fn history(
        &self,
        organization: &OrganizationId,
        conversation: ConversationId,
        window: Window,
        limit: i64,
    ) -> StoreResult<Vec<Message>> {
        let work = messages::history(&self.database, organization, conversation, window, limit);
        self.timed("history", work).await
    }

    async fn replies(
        &self,
        organization: &OrganizationId,
        root: MessageId,
        after_seq: i64,
        limit: i64,
    ) -> StoreResult<Vec<Message>> {
        let work = messages::replies(&self.database, organization, root, after_seq, limit);
        self.timed("replies", work).await
    }

    async fn search(&self, page: SearchPage) -> StoreResult<FoundPage> {
        let work = search::search(&self.database, &page);
        self.timed("search", work).await
    }

    async fn index_messages(&self, limit: i64) -> StoreResult<usize> {
        let work = retried(|| search::index_messages(&self.database, limit));
        self.timed("index_messages", work).await
    }

    async fn reach(
        &self,
        organization: &OrganizationId,
        message: &Message,
        limit: i64,
    ) -> StoreResult<Reach> {
        let work = statistics::reach(&self.database, organization, message, limit);
        self.timed("reach", work).await
    }

    async fn statistics(
        &self,
        viewer: &Viewer,
        conversation: Option<ConversationId>,
        since: Timestamp,
    ) -> StoreResult<Statistics> {
        let work = statistics::statistics(&self.database, viewer, conversation, since);
        self.timed("statistics", work).await
    }

    async fn sync(
        &self,
        organization: &OrganizationId,
        conversation: ConversationId,
        after_rev: i64,
        limit: i64,
    ) -> StoreResult<SyncPage> {
        let work = sync::page(&self.database, organization, conversation, after_rev, limit);
        self.timed("sync", work).await
    }

    async fn advance(&self, advance: Advance) -> StoreResult<Advanced> {
        let together = self.marks.submit(advance.clone());
        let together = measured("advance", self.guard.wait(together)).await?;
        if let Some(advanced) = together {
            return Ok(advanced);
        }
        let work = retried(|| receipts::advance(&self.database, &advance));
        self.timed("advance", work).await
    }

    async fn changes(
        &self,
        organization: &OrganizationId,
        conversation: ConversationId,
        after_rev: i64,
        up_to_rev: i64,
    ) -> StoreResult<Vec<Change>> {
        let work = sync::changes(
            &self.database,
            organization,
            conversation,
            after_rev,
            up_to_rev,
        );
        self.timed("changes", work).await
    }

    fn queue(&self) -> &dyn QueueStore {
        self
    }

    fn requests(&self) -> &dyn RequestStore {
        self
    }

    async fn record_presence(&self, records: &[PresenceRecord]) -> StoreResult<()> {
        let work = retried(|| presence::record(&self.database, records));
        self.timed("record_presence", work).await
    }

    async fn presence_records(
        &self,
        viewer: &Viewer,
        span: (Timestamp, Timestamp),
        limit: i64,
    ) -> StoreResult<Vec<(Timestamp, PresenceStatus)>> {
        let work = presence::between(&self.database, viewer, span, limit);
        self.timed("presence_records", work).await
    }

    async fn forget_presence(&self, before: Timestamp, limit: i64) -> StoreResult<u64> {
        let work = retried(|| presence::forget(&self.database, before, limit));
        self.timed("forget_presence", work).await
    }

    async fn revoke(&self, revocation: &Revocation) -> StoreResult<()> {
        let work = retried(|| revocations::revoke(&self.database, revocation));
        self.timed("revoke", work).await
    }

    async fn revocations(&self, since: Timestamp, now: Timestamp) -> StoreResult<Vec<Revocation>> {
        let work = revocations::since(&self.database, since, now);
        self.timed("revocations", work).await
    }

    async fn forget_revocations(&self, now: Timestamp) -> StoreResult<u64> {
        let work = retried(|| revocations::forget(&self.database, now));
        self.timed("forget_revocations", work).await
    }

    async fn ping(&self) -> StoreResult<()> {
        self.timed("ping", crate::prober::ping(&self.database))
            .await
    }

    fn circuit(&self) -> Option<&Circuit> {
        self.guard.circuit.as_deref()
    }

    async fn close(&self) {
        self.stop.cancel();
        self.prober.wait().await;
        self.appends.close().await;
        self.marks.close().await;
        self.arrivals.close().await;
        self.database.close().await;
    }
}
