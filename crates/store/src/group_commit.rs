//! Group commit: items that arrive while a commit is in flight share the next one. No delay is
//! added: an idle store commits one item at once.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use switchboard_messaging::store::{StoreError, StoreResult};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Most items that may wait; the next one is refused.
pub(crate) const MAX_WAITING: usize = 4_096;
/// Most items that share a commit.
pub(crate) const MAX_BATCH: usize = 512;

/// What is done with a batch.
#[async_trait]
pub(crate) trait Commit: Send + Sync + 'static {
    type Item: Send + Sync + 'static;
    type Output: Send + 'static;

    /// Commits all of the items or none of them; one answer for each, in their order. With `Err`
    /// nothing may be taken as stored.
    async fn commit(&self, items: &[Self::Item]) -> StoreResult<Vec<StoreResult<Self::Output>>>;
}

struct Waiting<C: Commit> {
    item: C::Item,
    answer: oneshot::Sender<StoreResult<C::Output>>,
}

/// One writer with a bounded queue before it.
pub(crate) struct GroupCommit<C: Commit> {
    queue: mpsc::Sender<Waiting<C>>,
    writer: TaskTracker,
    stop: CancellationToken,
}

impl<C: Commit> fmt::Debug for GroupCommit<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.queue.max_capacity() - self.queue.capacity();
        f.debug_struct("GroupCommit")
            .field("waiting", &waiting)
            .finish_non_exhaustive()
    }
}

impl<C: Commit> GroupCommit<C> {
    /// Starts the writer. A commit that takes longer than `deadline` counts as failed.
    pub(crate) fn start(committer: Arc<C>, deadline: Duration) -> Self {
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        let (writer, stop) = (TaskTracker::new(), CancellationToken::new());
        writer.spawn(write(committer, waiting, deadline, stop.clone()));
        writer.close();
        Self {
            queue,
            writer,
            stop,
        }
    }

    /// Waits until the item is committed. When the caller goes away first, an item that still
    /// waits is dropped.
    pub(crate) async fn submit(&self, item: C::Item) -> StoreResult<C::Output> {
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send(Waiting { item, answer })
            .map_err(|error| match error {
                TrySendError::Full(_) => unavailable("too many writes are waiting"),
                TrySendError::Closed(_) => unavailable("the store is closed"),
            })?;
        answered
            .await
            .unwrap_or_else(|_| Err(unavailable("the store is closed")))
    }

    /// Takes nothing new, commits what waits, and ends.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        self.writer.wait().await;
    }
}

impl<C: Commit> Drop for GroupCommit<C> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(why.to_owned())
}

async fn write<C: Commit>(
    committer: Arc<C>,
    mut queue: mpsc::Receiver<Waiting<C>>,
    deadline: Duration,
    stop: CancellationToken,
) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    loop {
        tokio::select! {
            received = queue.recv_many(&mut batch, MAX_BATCH) => {
                if received == 0 {
                    return;
                }
            }
            () = stop.cancelled(), if !queue.is_closed() => {
                queue.close();
                continue;
            }
        }
        commit(committer.as_ref(), batch.drain(..), deadline).await;
    }
}

async fn commit<C: Commit>(
    committer: &C,
    batch: impl Iterator<Item = Waiting<C>>,
    deadline: Duration,
) {
    let (items, answers): (Vec<_>, Vec<_>) = batch
        // Whoever no longer waits has been told that it failed.
        .filter(|waiting| !waiting.answer.is_closed())
        .map(|waiting| (waiting.item, waiting.answer))
        .unzip();
    if items.is_empty() {
        return;
    }
    metrics::histogram!("switchboard_store_batch_size").record(items.len() as f64);
    let results = match once(committer, &items, deadline).await {
        Ok(results) => results,
        // Something is wrong with one of them; its neighbours must not suffer for it.
        Err(StoreError::Internal(_)) if items.len() > 1 => {
            one_by_one(committer, &items, deadline).await
        }
        Err(error) => items.iter().map(|_| Err(copy(&error))).collect(),
    };
    for (answer, result) in answers.into_iter().zip(results) {
        // Fails when the caller has gone, which is its business.
        let _ = answer.send(result);
    }
}

async fn one_by_one<C: Commit>(
    committer: &C,
    items: &[C::Item],
    deadline: Duration,
) -> Vec<StoreResult<C::Output>> {
    let mut results = Vec::with_capacity(items.len());
    for item in items {
        let result = once(committer, std::slice::from_ref(item), deadline).await;
        let result = result.and_then(|mut results| {
            results
                .pop()
                .unwrap_or_else(|| Err(StoreError::Internal("no answer to an item".to_owned())))
        });
        match &result {
            // The database went away meanwhile: no use in trying it for each of the others.
            Err(error @ (StoreError::Unavailable(_) | StoreError::CircuitOpen)) => {
                results.resize_with(items.len(), || Err(copy(error)));
                return results;
            }
            _ => results.push(result),
        }
    }
    results
}

async fn once<C: Commit>(
    committer: &C,
    items: &[C::Item],
    deadline: Duration,
) -> StoreResult<Vec<StoreResult<C::Output>>> {
    let begun = Instant::now();
    let results = tokio::time::timeout(deadline, committer.commit(items))
        .await
        .unwrap_or_else(|_| Err(unavailable("the commit took too long")));
    metrics::histogram!("switchboard_store_duration_seconds", "operation" => "commit")
        .record(begun.elapsed().as_secs_f64());
    results
}

/// The same error for each of those who share it. Refusals are never shared.
fn copy(error: &StoreError) -> StoreError {
    match error {
        StoreError::Refused(refusal) => StoreError::Refused(refusal.clone()),
        StoreError::Unavailable(why) => StoreError::Unavailable(why.clone()),
        StoreError::CircuitOpen => StoreError::CircuitOpen,
        StoreError::Internal(why) => StoreError::Internal(why.clone()),
    }
}

#[cfg(test)]
mod tests;
