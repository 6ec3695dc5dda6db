//! Items whose rows somebody else has locked, perhaps a node that was frozen in the middle of a
//! transaction: each such row is waited for by a commit of its own, so that nobody else waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::{Commit, Locks, Shared, Waiting, shed};

/// Most items that may wait aside.
pub(super) const MAX_ASIDE: usize = 1_024;
/// Most items that may wait for one row: there is little hope for more.
pub(super) const MAX_OF_ROW: usize = 256;
/// What those who do not get a row are told to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The items, by row. A row is here as long as its task runs.
pub(super) struct Asides<C: Commit> {
    rows: Mutex<Rows<C>>,
    /// How many may commit at a time.
    turns: Semaphore,
}

struct Rows<C: Commit> {
    waiting: HashMap<C::Row, Vec<Waiting<C>>>,
    len: usize,
}

impl<C: Commit> Asides<C> {
    pub(super) fn new(at_once: usize) -> Self {
        let (waiting, len) = (HashMap::new(), 0);
        Self {
            rows: Mutex::new(Rows { waiting, len }),
            turns: Semaphore::new(at_once.max(1)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().waiting.is_empty()
    }

    /// Takes an item whose row is waited for already; gives back any other.
    pub(super) fn join(&self, waiting: Waiting<C>) -> Option<Waiting<C>> {
        let mut rows = self.lock();
        let row = C::row(&waiting.item);
        if !rows.waiting.contains_key(&row) {
            return Some(waiting);
        }
        rows.add(row, waiting);
        None
    }

    /// Takes an item whose row is locked. A row that is new here needs a task that [`serve`]s it.
    #[must_use]
    pub(super) fn put(&self, waiting: Waiting<C>) -> Option<C::Row> {
        let mut rows = self.lock();
        let row = C::row(&waiting.item);
        let is_new = !rows.waiting.contains_key(&row);
        let is_taken = rows.add(row, waiting);
        (is_new && is_taken).then_some(row)
    }

    /// All that wait for a row; `None` when it needs no task any more.
    fn take(&self, row: C::Row) -> Option<Vec<Waiting<C>>> {
        let mut rows = self.lock();
        let all = rows.waiting.get_mut(&row).map(std::mem::take)?;
        rows.len -= all.len();
        let waiting: Vec<_> = all
            .into_iter()
            .filter(|waiting| !waiting.answer.is_closed())
            .collect();
        if waiting.is_empty() {
            rows.waiting.remove(&row);
            return None;
        }
        Some(waiting)
    }

    fn lock(&self) -> MutexGuard<'_, Rows<C>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Commit> Rows<C> {
    /// Whether there was room for it; else it is refused.
    fn add(&mut self, row: C::Row, waiting: Waiting<C>) -> bool {
        let of_row = self.waiting.get(&row).map_or(0, Vec::len);
        if self.len >= MAX_ASIDE || of_row >= MAX_OF_ROW {
            // Fails when the caller has gone, which is its business.
            drop(waiting.answer.send(Err(shed("locked", RETRY_AFTER))));
            return false;
        }
        self.waiting.entry(row).or_default().push(waiting);
        self.len += 1;
        true
    }
}

/// Commits what waits for a row, until nothing does.
pub(super) async fn serve<C: Commit>(shared: Arc<Shared<C>>, row: C::Row) {
    loop {
        // Never closed, so there is always one to come.
        let turn = shared.asides.turns.acquire().await;
        let Some(batch) = shared.asides.take(row) else {
            return;
        };
        for held in shared.commit(batch, Locks::Patient).await {
            drop(held.answer.send(Err(shed("locked", RETRY_AFTER))));
        }
        drop(turn);
    }
}
