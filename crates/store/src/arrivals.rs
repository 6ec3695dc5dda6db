//! What is read for whoever connects. After an outage many do at once, and those of one organization
//! share their readings: the database is asked once for all who came while it was asked before.

use std::marker::PhantomData;

use async_trait::async_trait;
use switchboard_messaging::gathering::{Gathering, Together};
use switchboard_messaging::store::{Head, StoreError, StoreResult, UnreadOf, Viewer, WaitingEvent};
use switchboard_protocol::{OrganizationId, Timestamp, UserId};
use tokio_util::task::TaskTracker;

use crate::database::Database;
use crate::failure::Failure;
use crate::guard::{Guard, measured};
use crate::{conversations, queue, unread};

/// The readings of one database.
#[derive(Debug)]
pub(crate) struct Arrivals {
    heads: Gathering<Read<Heads>>,
    unread: Gathering<Read<Unread>>,
    waiting: Gathering<Read<Waiting>>,
    guard: Guard,
    tasks: TaskTracker,
}

impl Arrivals {
    pub(crate) fn new(database: &Database, guard: &Guard) -> Self {
        let tasks = TaskTracker::new();
        tasks.close();
        Self {
            heads: Gathering::new(Read::new(database, guard), tasks.clone()),
            unread: Gathering::new(Read::new(database, guard), tasks.clone()),
            waiting: Gathering::new(Read::new(database, guard), tasks.clone()),
            guard: guard.clone(),
            tasks,
        }
    }

    pub(crate) async fn heads_of(&self, viewer: &Viewer, limit: i64) -> StoreResult<Vec<Head>> {
        let Viewer { organization, user } = viewer;
        let reading = self.heads.submit(organization, (user.clone(), limit));
        self.guard.wait(reading).await
    }

    pub(crate) async fn all_unread_of(
        &self,
        organization: &OrganizationId,
        user: &UserId,
    ) -> StoreResult<Vec<UnreadOf>> {
        let reading = self.unread.submit(organization, user.clone());
        self.guard.wait(reading).await
    }

    pub(crate) async fn waiting(
        &self,
        viewer: &Viewer,
        now: Timestamp,
    ) -> StoreResult<Vec<WaitingEvent>> {
        let Viewer { organization, user } = viewer;
        let reading = self.waiting.submit(organization, (user.clone(), now));
        self.guard.wait(reading).await?
    }

    /// Waits for readings that are under way.
    pub(crate) async fn close(&self) {
        self.tasks.wait().await;
    }
}

/// One statement for several users of an organization.
#[async_trait]
trait Reading: Send + Sync + 'static {
    /// What is asked for one of them.
    type Item: Send + Sync + 'static;
    type Found: Send + 'static;

    /// What it is called in the metrics.
    const OPERATION: &'static str;

    /// What is found for each, in their order.
    async fn read(
        database: &Database,
        organization: &OrganizationId,
        items: &[Self::Item],
    ) -> Result<Vec<Self::Found>, Failure>;
}

/// Carries readings out, within the time that a call has.
struct Read<R> {
    database: Database,
    guard: Guard,
    reading: PhantomData<R>,
}

impl<R> Read<R> {
    fn new(database: &Database, guard: &Guard) -> Self {
        Self {
            database: database.clone(),
            guard: guard.clone(),
            reading: PhantomData,
        }
    }
}

#[async_trait]
impl<R: Reading> Together for Read<R> {
    type Item = R::Item;
    type Answer = R::Found;
    type Error = StoreError;

    async fn ask(
        &self,
        organization: &OrganizationId,
        items: Vec<R::Item>,
    ) -> StoreResult<Vec<R::Found>> {
        let reading = R::read(&self.database, organization, &items);
        measured(R::OPERATION, self.guard.run(reading)).await
    }
}

/// Heads of the conversations of each user, at most so many.
struct Heads;

#[async_trait]
impl Reading for Heads {
    type Item = (UserId, i64);
    type Found = Vec<Head>;

    const OPERATION: &'static str = "heads_of";

    async fn read(
        database: &Database,
        organization: &OrganizationId,
        items: &[(UserId, i64)],
    ) -> Result<Vec<Vec<Head>>, Failure> {
        let users: Vec<UserId> = items.iter().map(|(user, _)| user.clone()).collect();
        let most = items.iter().map(|(_, limit)| *limit).max().unwrap_or(0);
        let found = conversations::heads_of(database, organization, &users, most).await?;
        let of_user = |(user, limit): &(UserId, i64)| {
            let own = found.iter().filter(|(owner, _)| owner == user);
            let limit = usize::try_from(*limit).unwrap_or(0);
            own.take(limit).map(|(_, head)| *head).collect()
        };
        Ok(items.iter().map(of_user).collect())
    }
}

/// What each user has not read.
struct Unread;

#[async_trait]
impl Reading for Unread {
    type Item = UserId;
    type Found = Vec<UnreadOf>;

    const OPERATION: &'static str = "all_unread_of";

    async fn read(
        database: &Database,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> Result<Vec<Vec<UnreadOf>>, Failure> {
        let found = unread::all_of(database, organization, users).await?;
        let of_user = |user: &UserId| {
            let own = found.iter().filter(|one| one.user == *user);
            own.cloned().collect()
        };
        Ok(users.iter().map(of_user).collect())
    }
}

/// What waits for each user in the offline queue. One whose events cannot be read fails alone.
struct Waiting;

#[async_trait]
impl Reading for Waiting {
    type Item = (UserId, Timestamp);
    type Found = StoreResult<Vec<WaitingEvent>>;

    const OPERATION: &'static str = "waiting";

    async fn read(
        database: &Database,
        organization: &OrganizationId,
        items: &[(UserId, Timestamp)],
    ) -> Result<Vec<StoreResult<Vec<WaitingEvent>>>, Failure> {
        let users: Vec<UserId> = items.iter().map(|(user, _)| user.clone()).collect();
        let Some(now) = items.iter().map(|(_, now)| *now).max() else {
            return Ok(Vec::new());
        };
        let found = queue::waiting(database, organization, &users, now).await?;
        let of_user = |user: &UserId| found.get(user).cloned().unwrap_or(Ok(Vec::new()));
        Ok(users.iter().map(of_user).collect())
    }
}
