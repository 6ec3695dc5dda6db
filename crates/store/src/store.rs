//! The [`Store`]: each method measured, bounded in time, and told what failed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use switchboard_messaging::Store;
use switchboard_messaging::store::{
    Advance, Advanced, Appended, Change, Created, Deleted, Deletion, Edit, Head, ListPage,
    Membership, NewConversation, NewMessage, StoreError, StoreResult, SyncPage, Viewer,
};
use switchboard_protocol::calls::Window;
use switchboard_protocol::{
    ConversationId, ConversationView, Member, Message, MessageId, OrganizationId,
};

use crate::batch::Appender;
use crate::database::{Database, Statement};
use crate::failure::Failure;
use crate::group_commit::GroupCommit;
use crate::retry::retried;
use crate::{amend, conversations, messages, receipts, sync};

/// A [`Store`] over either database.
#[derive(Debug)]
pub(crate) struct SqlStore {
    database: Database,
    appends: GroupCommit<Appender>,
    deadline: Duration,
}

impl SqlStore {
    /// A store whose calls take at most `deadline`. At most `asides` connections at a time wait for
    /// conversations that somebody else has locked.
    pub(crate) fn new(database: Database, deadline: Duration, asides: usize) -> Self {
        let appender = Arc::new(Appender {
            database: database.clone(),
            statement_timeout: deadline,
        });
        Self {
            database,
            appends: GroupCommit::start(appender, deadline, asides),
            deadline,
        }
    }

    async fn timed<T, E>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, E>> + Send,
    ) -> StoreResult<T>
    where
        StoreError: From<E>,
    {
        let begun = Instant::now();
        let done = match tokio::time::timeout(self.deadline, work).await {
            Ok(done) => done.map_err(StoreError::from),
            Err(_) => Err(StoreError::Unavailable(format!(
                "{operation} took too long"
            ))),
        };
        metrics::histogram!("switchboard_store_duration_seconds", "operation" => operation)
            .record(begun.elapsed().as_secs_f64());
        done
    }
}

const PING: Statement = Statement::both("select 1");

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

    async fn heads_of(&self, viewer: &Viewer, limit: i64) -> StoreResult<Vec<Head>> {
        let work = conversations::heads_of(&self.database, viewer, limit);
        self.timed("heads_of", work).await
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
        let work = receipts::total_unread(&self.database, viewer);
        self.timed("total_unread", work).await
    }

    async fn append(&self, new: NewMessage) -> StoreResult<Appended> {
        self.timed("append", self.appends.submit(new)).await
    }

    async fn edit(&self, edit: Edit) -> StoreResult<Message> {
        let work = retried(|| amend::edit(&self.database, &edit));
        self.timed("edit", work).await
    }

    async fn delete(&self, deletion: Deletion) -> StoreResult<Deleted> {
        let work = retried(|| amend::delete(&self.database, &deletion));
        self.timed("delete", work).await
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

    async fn ping(&self) -> StoreResult<()> {
        let work = async {
            let mut session = self.database.read().await?;
            session.execute(&PING, Vec::new()).await?;
            Ok::<_, Failure>(())
        };
        self.timed("ping", work).await
    }

    async fn close(&self) {
        self.appends.close().await;
        self.database.close().await;
    }
}
