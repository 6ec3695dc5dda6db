//! Group commit: items that arrive while a commit is in flight share the next one. No delay is
//! added: an idle store commits one item at once. Organizations are served in turn, and whoever
//! would wait for too long is refused at once.

mod asides;

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use switchboard_messaging::fair_queue::FairQueue;
use switchboard_messaging::store::{StoreError, StoreResult};
use switchboard_trace::{Batch, Ticket, ticket};
use tokio::sync::{Notify, oneshot};
use tokio_util::task::TaskTracker;

use asides::Asides;

/// Most items that may wait; one organization alone may have half of them.
pub(crate) const PLACES: usize = 4_096;
/// Most items that share a commit.
pub(crate) const MAX_BATCH: usize = 512;
/// An item that would wait longer than this for its commit to begin is refused.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(1);
/// Bounds of what a refused caller is told to wait.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How long a commit waits for a row that somebody else has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locks {
    /// Not at all, and nothing else is done that takes long: whatever needs more is held.
    AtOnce,
    /// As long as another commit may take; then it goes on without that row.
    Brief,
    /// Not at all.
    Free,
    /// As long as the caller does.
    Patient,
}

/// What became of an item.
#[derive(Debug)]
pub(crate) enum Fate<T> {
    Done(StoreResult<T>),
    /// Somebody else has locked its row. Nothing was done.
    Held,
}

impl<T> Fate<T> {
    /// Whether the database did not do what it was asked, as opposed to a refusal.
    fn is_failure(&self) -> bool {
        matches!(
            self,
            Self::Done(Err(StoreError::Unavailable(_) | StoreError::Internal(_)))
        )
    }
}

/// What is done with a batch.
#[async_trait]
pub(crate) trait Commit: Send + Sync + 'static {
    type Item: Send + Sync + 'static;
    type Output: Send + 'static;
    /// Who has turns.
    type Lane: Clone + Eq + Hash + Send + 'static;
    /// What is locked to store an item.
    type Row: Copy + Eq + Hash + Send + Sync + 'static;

    /// What a commit is called in the metrics.
    const OPERATION: &'static str;
    /// Whether [`Locks::AtOnce`] does most of it for less.
    const HAS_SHORTCUT: bool = false;

    fn lane(item: &Self::Item) -> Self::Lane;

    fn row(item: &Self::Item) -> Self::Row;

    /// Commits all of the items whose rows it gets, or none of them; one answer for each, in their
    /// order. With `Err` nothing may be taken as stored.
    async fn commit(
        &self,
        items: &[Self::Item],
        locks: Locks,
    ) -> StoreResult<Vec<Fate<Self::Output>>>;
}

struct Waiting<C: Commit> {
    item: C::Item,
    answer: oneshot::Sender<StoreResult<C::Output>>,
    /// How its trace knows of its batch.
    ticket: Option<Box<Ticket>>,
}

/// One writer with a bounded queue before it.
pub(crate) struct GroupCommit<C: Commit> {
    shared: Arc<Shared<C>>,
    tasks: TaskTracker,
}

struct Shared<C: Commit> {
    committer: Arc<C>,
    deadline: Duration,
    state: Mutex<State<C>>,
    /// Something waits, or it is over.
    news: Notify,
    asides: Asides<C>,
}

struct State<C: Commit> {
    queue: FairQueue<C::Lane, Waiting<C>>,
    /// How long a commit takes of late.
    commit_time: Duration,
    closed: bool,
}

impl<C: Commit> fmt::Debug for GroupCommit<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupCommit")
            .field("waiting", &self.shared.lock().queue.len())
            .finish_non_exhaustive()
    }
}

impl<C: Commit> GroupCommit<C> {
    /// Starts the writer. A commit that takes longer than `deadline` counts as failed. At most
    /// `asides` commits at a time wait for rows that somebody else has locked.
    pub(crate) fn start(committer: Arc<C>, deadline: Duration, asides: usize) -> Self {
        let tasks = TaskTracker::new();
        let shared = Arc::new(Shared {
            committer,
            deadline,
            state: Mutex::new(State {
                queue: FairQueue::new(PLACES),
                commit_time: Duration::ZERO,
                closed: false,
            }),
            news: Notify::new(),
            asides: Asides::new(asides),
        });
        tasks.spawn(write(Arc::clone(&shared), tasks.clone()));
        tasks.close();
        Self { shared, tasks }
    }

    /// Waits until the item is committed. When the caller goes away first, an item that still
    /// waits is dropped.
    pub(crate) async fn submit(&self, item: C::Item) -> StoreResult<C::Output> {
        let answered = self.shared.admit(item)?;
        self.shared.news.notify_one();
        answered
            .await
            .unwrap_or_else(|_| Err(unavailable("the store is closed")))
    }

    /// Takes nothing new, commits what waits, and ends.
    pub(crate) async fn close(&self) {
        self.shared.close();
        self.tasks.wait().await;
    }
}

impl<C: Commit> Drop for GroupCommit<C> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl<C: Commit> Shared<C> {
    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.news.notify_one();
    }

    /// Gives the item a place, or refuses it at once.
    fn admit(&self, item: C::Item) -> StoreResult<oneshot::Receiver<StoreResult<C::Output>>> {
        let mut state = self.lock();
        if state.closed {
            return Err(unavailable("the store is closed"));
        }
        let lane = C::lane(&item);
        let wait = state.wait_of(&lane);
        if wait > MAX_WAIT {
            return Err(shed("slow", wait));
        }
        let (answer, answered) = oneshot::channel();
        let until_served = wait + state.commit_time;
        let waiting = Waiting {
            item,
            answer,
            ticket: ticket(),
        };
        let pushed = state.queue.push(&lane, waiting);
        pushed.map_err(|_| shed("full", until_served))?;
        Ok(answered)
    }

    /// What shares the next commit; `None` when it is over.
    async fn next_batch(&self) -> Option<Vec<Waiting<C>>> {
        loop {
            {
                let mut state = self.lock();
                let batch = self.batch(&mut state);
                if !batch.is_empty() {
                    return Some(batch);
                }
                if state.closed {
                    return None;
                }
            }
            self.news.notified().await;
        }
    }

    fn batch(&self, state: &mut State<C>) -> Vec<Waiting<C>> {
        let mut batch = Vec::new();
        while batch.len() < MAX_BATCH
            && let Some(waiting) = state.queue.pop()
        {
            // Whoever no longer waits has been told that it failed.
            if waiting.answer.is_closed() {
                continue;
            }
            batch.extend(self.asides.join(waiting));
        }
        batch
    }

    /// Commits a batch and answers it; gives back those whose rows somebody else holds.
    async fn commit(&self, batch: Vec<Waiting<C>>, locks: Locks) -> Vec<Waiting<C>> {
        let (items, callers): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|waiting| (waiting.item, (waiting.answer, waiting.ticket)))
            .unzip();
        let tickets = callers.iter().filter_map(|(_, ticket)| ticket.as_deref());
        let traced = Batch::begin(tickets);
        let fates = match self.once(&items, locks).await {
            Ok(fates) => fates,
            // Something is wrong with one of them; its neighbours must not suffer for it.
            Err(StoreError::Internal(_)) if items.len() > 1 => self.one_by_one(&items, locks).await,
            Err(error) => items
                .iter()
                .map(|_| Fate::Done(Err(error.clone())))
                .collect(),
        };
        let failed = fates.iter().any(Fate::is_failure);
        traced.end(C::OPERATION, items.len(), failed);
        let mut held = Vec::new();
        for ((item, (answer, ticket)), fate) in items.into_iter().zip(callers).zip(fates) {
            match fate {
                // Fails when the caller has gone, which is its business.
                Fate::Done(result) => drop(answer.send(result)),
                Fate::Held => held.push(Waiting {
                    item,
                    answer,
                    ticket,
                }),
            }
        }
        held
    }

    async fn one_by_one(&self, items: &[C::Item], locks: Locks) -> Vec<Fate<C::Output>> {
        let mut fates = Vec::with_capacity(items.len());
        let mut held = HashSet::new();
        for item in items {
            // Whoever comes after one that is held must not come before it.
            if held.contains(&C::row(item)) {
                fates.push(Fate::Held);
                continue;
            }
            let fate = match self.once(std::slice::from_ref(item), locks).await {
                Ok(mut fates) => fates.pop().unwrap_or_else(|| {
                    let why = "no answer to an item".to_owned();
                    Fate::Done(Err(StoreError::Internal(why)))
                }),
                Err(error) => Fate::Done(Err(error)),
            };
            if let Fate::Done(Err(error)) = &fate
                && matches!(error, StoreError::Unavailable(_) | StoreError::CircuitOpen)
            {
                // The database went away meanwhile: no use in trying it for each of the others.
                let error = error.clone();
                fates.resize_with(items.len(), || Fate::Done(Err(error.clone())));
                return fates;
            }
            if matches!(fate, Fate::Held) {
                held.insert(C::row(item));
            }
            fates.push(fate);
        }
        fates
    }

    async fn once(&self, items: &[C::Item], locks: Locks) -> StoreResult<Vec<Fate<C::Output>>> {
        let begun = Instant::now();
        let committing = self.committer.commit(items, locks);
        let fates = tokio::time::timeout(self.deadline, committing)
            .await
            .unwrap_or_else(|_| Err(unavailable("the commit took too long")));
        metrics::histogram!("switchboard_store_duration_seconds", "operation" => C::OPERATION)
            .record(begun.elapsed().as_secs_f64());
        fates
    }
}

impl<C: Commit> State<C> {
    /// How long an item that comes into this lane now would wait for its commit to begin.
    fn wait_of(&self, lane: &C::Lane) -> Duration {
        let commits = self.queue.ahead_of_next(lane) / MAX_BATCH;
        self.commit_time * u32::try_from(commits).unwrap_or(u32::MAX)
    }

    fn took(&mut self, time: Duration) {
        self.commit_time = (self.commit_time * 7 + time) / 8;
    }
}

async fn write<C: Commit>(shared: Arc<Shared<C>>, tasks: TaskTracker) {
    while let Some(batch) = shared.next_batch().await {
        // While some wait for rows aside, nobody else waits for any.
        let locks = if shared.asides.is_empty() {
            Locks::Brief
        } else {
            Locks::Free
        };
        let begun = Instant::now();
        let mut held = batch;
        if C::HAS_SHORTCUT {
            held = shared.commit(held, Locks::AtOnce).await;
        }
        if !held.is_empty() {
            held = shared.commit(held, locks).await;
        }
        shared.lock().took(begun.elapsed());
        for waiting in held {
            if let Some(row) = shared.asides.put(waiting) {
                tasks.spawn(asides::serve(Arc::clone(&shared), row));
            }
        }
    }
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(why.to_owned())
}

/// An item is refused because there is too much to do.
fn shed(reason: &'static str, wait: Duration) -> StoreError {
    metrics::counter!("switchboard_shed_total", "reason" => reason).increment(1);
    let retry_after = wait.clamp(RETRY_AFTER.0, RETRY_AFTER.1);
    StoreError::Busy { retry_after }
}

#[cfg(test)]
mod tests;
