//! A store that can be told to hold back the answer to a reading.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use switchboard_messaging::Store;
use switchboard_messaging::revocations::Revocation;
use switchboard_messaging::store::{
    Advance, Advanced, Alteration, Altered, Appended, Change, Created, Deleted, Deletion, Edit,
    FoundPage, Head, ListPage, Membership, NewConversation, NewMessage, PresenceRecord, QueueStore,
    Reach, React, Reacted, RequestStore, SearchPage, Sight, Statistics, StoreError, StoreResult,
    SyncPage, UnreadOf, Viewer,
};
use switchboard_protocol::calls::Window;
use switchboard_protocol::{
    ConversationId, ConversationView, Member, Message, MessageId, OrganizationId, PresenceStatus,
    Timestamp, UserId,
};
use tokio::sync::{Notify, Semaphore};

/// Holds back answers of one kind.
#[derive(Debug)]
pub(crate) struct Gate {
    reached: Notify,
    open: Semaphore,
}

impl Gate {
    /// Somebody's answer is read, and held back.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets all through, now and later.
    pub(crate) fn open(&self) {
        self.open.close();
    }
}

/// One node's view of the store.
#[derive(Debug)]
pub(crate) struct FaultyStore {
    store: Arc<dyn Store>,
    gates: Mutex<HashMap<&'static str, Arc<Gate>>>,
    broken: Mutex<Option<(&'static str, Failure)>>,
    calls: Mutex<HashMap<&'static str, usize>>,
}

/// How a method fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    Away,
    Defect,
}

/// What a broken store says, and nobody else should.
pub(crate) const SECRETS: &str = "postgres://user:secret@db/prod: syntax error at \"select\"";

impl FaultyStore {
    pub(crate) fn new(store: Arc<dyn Store>) -> Arc<Self> {
        let (gates, broken) = (Mutex::default(), Mutex::default());
        Arc::new(Self {
            store,
            gates,
            broken,
            calls: Mutex::default(),
        })
    }

    /// From now on the answers of `method` wait at this gate, after they were read. With
    /// `before ` in front, the call waits and reads later.
    pub(crate) fn gate(&self, method: &'static str) -> Arc<Gate> {
        let gate = Arc::new(Gate {
            reached: Notify::new(),
            open: Semaphore::new(0),
        });
        let mut gates = self.gates.lock().unwrap();
        gates.insert(method, Arc::clone(&gate));
        gate
    }

    /// From now on `method` fails; `None`: none does.
    pub(crate) fn break_down(&self, method: Option<&'static str>) {
        *self.broken.lock().unwrap() = method.map(|method| (method, Failure::Away));
    }

    /// From now on `method`, and no other, fails in this way.
    pub(crate) fn fail(&self, method: &'static str, failure: Failure) {
        *self.broken.lock().unwrap() = Some((method, failure));
    }

    /// How often `method` was called.
    pub(crate) fn calls(&self, method: &str) -> usize {
        self.calls.lock().unwrap().get(method).copied().unwrap_or(0)
    }

    async fn check(&self, method: &'static str) -> StoreResult<()> {
        *self.calls.lock().unwrap().entry(method).or_default() += 1;
        self.pass(&format!("before {method}")).await;
        match *self.broken.lock().unwrap() {
            Some((broken, failure)) if broken == method => Err(match failure {
                Failure::Away => StoreError::Unavailable(SECRETS.to_owned()),
                Failure::Defect => StoreError::Internal(SECRETS.to_owned()),
            }),
            _ => Ok(()),
        }
    }

    async fn pass(&self, method: &str) {
        let gate = self.gates.lock().unwrap().get(method).cloned();
        if let Some(gate) = gate {
            gate.reached.notify_one();
            // The gate opens by being closed for good.
            assert!(gate.open.acquire().await.is_err());
        }
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn create_conversation(&self, new: NewConversation) -> StoreResult<Created> {
        self.check("create_conversation").await?;
        let answer = self.store.create_conversation(new).await;
        self.pass("create_conversation").await;
        answer
    }

    async fn membership(
        &self,
        viewer: &Viewer,
        conversation: ConversationId,
    ) -> StoreResult<Option<Membership>> {
        self.check("membership").await?;
        let answer = self.store.membership(viewer, conversation).await;
        self.pass("membership").await;
        answer
    }

    async fn view(
        &self,
        viewer: &Viewer,
        conversation: ConversationId,
    ) -> StoreResult<Option<ConversationView>> {
        self.check("view").await?;
        let answer = self.store.view(viewer, conversation).await;
        self.pass("view").await;
        answer
    }

    async fn list(&self, viewer: &Viewer, page: ListPage) -> StoreResult<Vec<ConversationView>> {
        self.check("list").await?;
        let answer = self.store.list(viewer, page).await;
        self.pass("list").await;
        answer
    }

    async fn members(
        &self,
        organization: &OrganizationId,
        conversation: ConversationId,
        limit: i64,
    ) -> StoreResult<Vec<Member>> {
        self.check("members").await?;
        let answer = self.store.members(organization, conversation, limit).await;
        self.pass("members").await;
        answer
    }

    async fn sights(
        &self,
        viewer: &Viewer,
        conversations: &[ConversationId],
    ) -> StoreResult<Vec<Sight>> {
        self.check("sights").await?;
        let answer = self.store.sights(viewer, conversations).await;
        self.pass("sights").await;
        answer
    }

    async fn members_of(
        &self,
        organization: &OrganizationId,
        conversations: &[ConversationId],
        limit: i64,
    ) -> StoreResult<Vec<(ConversationId, UserId)>> {
        self.check("members_of").await?;
        let answer = self
            .store
            .members_of(organization, conversations, limit)
            .await;
        self.pass("members_of").await;
        answer
    }

    async fn alter(&self, alteration: Alteration) -> StoreResult<Altered> {
        self.check("alter").await?;
        let answer = self.store.alter(alteration).await;
        self.pass("alter").await;
        answer
    }

    async fn heads_of(&self, viewer: &Viewer, limit: i64) -> StoreResult<Vec<Head>> {
        self.check("heads_of").await?;
        let answer = self.store.heads_of(viewer, limit).await;
        self.pass("heads_of").await;
        answer
    }

    async fn heads(
        &self,
        organization: &OrganizationId,
        conversations: &[ConversationId],
    ) -> StoreResult<Vec<Head>> {
        self.check("heads").await?;
        let answer = self.store.heads(organization, conversations).await;
        self.pass("heads").await;
        answer
    }

    async fn total_unread(&self, viewer: &Viewer) -> StoreResult<i64> {
        self.check("total_unread").await?;
        let answer = self.store.total_unread(viewer).await;
        self.pass("total_unread").await;
        answer
    }

    async fn unread_of(
        &self,
        organization: &OrganizationId,
        pairs: &[(UserId, ConversationId)],
    ) -> StoreResult<Vec<UnreadOf>> {
        self.check("unread_of").await?;
        let answer = self.store.unread_of(organization, pairs).await;
        self.pass("unread_of").await;
        answer
    }

    async fn all_unread_of(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> StoreResult<Vec<UnreadOf>> {
        self.check("all_unread_of").await?;
        let answer = self.store.all_unread_of(organization, users).await;
        self.pass("all_unread_of").await;
        answer
    }

    async fn react(&self, react: React) -> StoreResult<Reacted> {
        self.check("react").await?;
        let answer = self.store.react(react).await;
        self.pass("react").await;
        answer
    }

    async fn replies(
        &self,
        organization: &OrganizationId,
        root: MessageId,
        after_seq: i64,
        limit: i64,
    ) -> StoreResult<Vec<Message>> {
        self.check("replies").await?;
        let answer = self
            .store
            .replies(organization, root, after_seq, limit)
            .await;
        self.pass("replies").await;
        answer
    }

    async fn search(&self, page: SearchPage) -> StoreResult<FoundPage> {
        self.check("search").await?;
        let answer = self.store.search(page).await;
        self.pass("search").await;
        answer
    }

    async fn index_messages(&self, limit: i64) -> StoreResult<usize> {
        self.check("index_messages").await?;
        let answer = self.store.index_messages(limit).await;
        self.pass("index_messages").await;
        answer
    }

    async fn reach(
        &self,
        organization: &OrganizationId,
        message: &Message,
        limit: i64,
    ) -> StoreResult<Reach> {
        self.check("reach").await?;
        let answer = self.store.reach(organization, message, limit).await;
        self.pass("reach").await;
        answer
    }

    async fn statistics(
        &self,
        viewer: &Viewer,
        conversation: Option<ConversationId>,
        since: Timestamp,
    ) -> StoreResult<Statistics> {
        self.check("statistics").await?;
        let answer = self.store.statistics(viewer, conversation, since).await;
        self.pass("statistics").await;
        answer
    }

    async fn append(&self, new: NewMessage) -> StoreResult<Appended> {
        self.check("append").await?;
        let answer = self.store.append(new).await;
        self.pass("append").await;
        answer
    }

    async fn edit(&self, edit: Edit) -> StoreResult<Message> {
        self.check("edit").await?;
        let answer = self.store.edit(edit).await;
        self.pass("edit").await;
        answer
    }

    async fn delete(&self, deletion: Deletion) -> StoreResult<Deleted> {
        self.check("delete").await?;
        let answer = self.store.delete(deletion).await;
        self.pass("delete").await;
        answer
    }

    async fn message(
        &self,
        organization: &OrganizationId,
        message: MessageId,
    ) -> StoreResult<Option<Message>> {
        self.check("message").await?;
        let answer = self.store.message(organization, message).await;
        self.pass("message").await;
        answer
    }

    async fn positions(
        &self,
        organization: &OrganizationId,
        messages: &[MessageId],
    ) -> StoreResult<Vec<(ConversationId, i64)>> {
        self.check("positions").await?;
        let answer = self.store.positions(organization, messages).await;
        self.pass("positions").await;
        answer
    }

    async fn history(
        &self,
        organization: &OrganizationId,
        conversation: ConversationId,
        window: Window,
        limit: i64,
    ) -> StoreResult<Vec<Message>> {
        self.check("history").await?;
        let answer = self
            .store
            .history(organization, conversation, window, limit)
            .await;
        self.pass("history").await;
        answer
    }

    async fn sync(
        &self,
        organization: &OrganizationId,
        conversation: ConversationId,
        after_rev: i64,
        limit: i64,
    ) -> StoreResult<SyncPage> {
        self.check("sync").await?;
        let answer = self
            .store
            .sync(organization, conversation, after_rev, limit)
            .await;
        self.pass("sync").await;
        answer
    }

    async fn advance(&self, advance: Advance) -> StoreResult<Advanced> {
        self.check("advance").await?;
        let answer = self.store.advance(advance).await;
        self.pass("advance").await;
        answer
    }

    async fn changes(
        &self,
        organization: &OrganizationId,
        conversation: ConversationId,
        after_rev: i64,
        up_to_rev: i64,
    ) -> StoreResult<Vec<Change>> {
        self.check("changes").await?;
        let answer = self
            .store
            .changes(organization, conversation, after_rev, up_to_rev)
            .await;
        self.pass("changes").await;
        answer
    }

    fn queue(&self) -> &dyn QueueStore {
        self.store.queue()
    }

    fn requests(&self) -> &dyn RequestStore {
        self.store.requests()
    }

    async fn record_presence(&self, records: &[PresenceRecord]) -> StoreResult<()> {
        self.check("record_presence").await?;
        self.store.record_presence(records).await
    }

    async fn presence_records(
        &self,
        viewer: &Viewer,
        span: (Timestamp, Timestamp),
        limit: i64,
    ) -> StoreResult<Vec<(Timestamp, PresenceStatus)>> {
        self.store.presence_records(viewer, span, limit).await
    }

    async fn forget_presence(&self, before: Timestamp, limit: i64) -> StoreResult<u64> {
        self.store.forget_presence(before, limit).await
    }

    async fn revoke(&self, revocation: &Revocation) -> StoreResult<()> {
        self.check("revoke").await?;
        let answer = self.store.revoke(revocation).await;
        self.pass("revoke").await;
        answer
    }

    async fn revocations(&self, since: Timestamp, now: Timestamp) -> StoreResult<Vec<Revocation>> {
        self.check("revocations").await?;
        let answer = self.store.revocations(since, now).await;
        self.pass("revocations").await;
        answer
    }

    async fn forget_revocations(&self, now: Timestamp) -> StoreResult<u64> {
        self.store.forget_revocations(now).await
    }

    async fn ping(&self) -> StoreResult<()> {
        self.check("ping").await?;
        let answer = self.store.ping().await;
        self.pass("ping").await;
        answer
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
