//! What users were seen as, on its way to the store: gathered here and written together, a second
//! later. A node that dies may lose the last second.

use std::sync::Arc;
use std::time::Duration;

use switchboard_protocol::{PresenceStatus, Timestamp};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Clock;
use crate::store::{PresenceRecord, Store, Viewer};

/// Records that wait; what comes while there are so many is lost, and counted.
const MOST_WAITING: usize = 20_000;
/// Records in one statement.
const AT_ONCE: usize = 500;
/// Between two writes.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two looks for what is too old.
const SWEEP: Duration = Duration::from_mins(10);
/// Records that are deleted by one statement.
const SWEPT_AT_ONCE: i64 = 1_000;
/// Between two such statements: others want to write, too.
const SWEEP_PAUSE: Duration = Duration::from_millis(50);

/// Takes records for the store.
#[derive(Debug)]
pub(super) struct Records(Option<mpsc::Sender<PresenceRecord>>);

impl Records {
    /// Begins to take them, unless they are kept for no time at all.
    pub(super) fn start(
        store: &Arc<dyn Store>,
        clock: &Arc<dyn Clock>,
        kept_for: Duration,
        (tasks, stop): (&TaskTracker, &CancellationToken),
    ) -> Self {
        let sweeper = sweep(Arc::clone(store), Arc::clone(clock), kept_for, stop.clone());
        tasks.spawn(sweeper);
        if kept_for.is_zero() {
            return Self(None);
        }
        let (sender, waiting) = mpsc::channel(MOST_WAITING);
        tasks.spawn(write(Arc::clone(store), waiting, stop.clone()));
        Self(Some(sender))
    }

    /// Others see a user, or everybody, like this from now on.
    pub(super) fn add(&self, whose: Option<&Viewer>, status: PresenceStatus, at: Timestamp) {
        let record = PresenceRecord {
            whose: whose.cloned(),
            at,
            status,
        };
        let added = self.0.as_ref().map(|waiting| waiting.try_send(record));
        if let Some(Err(_)) = added {
            metrics::counter!("switchboard_presence_records_lost_total").increment(1);
        }
    }
}

/// Writes what waits, over and over; and once more at the end.
async fn write(
    store: Arc<dyn Store>,
    mut waiting: mpsc::Receiver<PresenceRecord>,
    stop: CancellationToken,
) {
    let mut rounds = tokio::time::interval(PAUSE);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut batch = Vec::new();
    loop {
        let is_last = stop.run_until_cancelled(rounds.tick()).await.is_none();
        loop {
            while batch.len() < AT_ONCE
                && let Ok(record) = waiting.try_recv()
            {
                batch.push(record);
            }
            if batch.is_empty() {
                break;
            }
            match store.record_presence(&batch).await {
                Ok(()) => batch.clear(),
                // They are written when the store is back.
                Err(error) if error.is_away() => break,
                Err(error) => {
                    tracing::warn!(%error, "presence not recorded");
                    metrics::counter!("switchboard_presence_records_lost_total")
                        .increment(batch.len() as u64);
                    batch.clear();
                }
            }
        }
        if is_last {
            return;
        }
    }
}

/// Deletes what is too old, over and over.
async fn sweep(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    kept_for: Duration,
    stop: CancellationToken,
) {
    let mut rounds = tokio::time::interval(SWEEP);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(rounds.tick()).await.is_some() {
        let kept_for = i64::try_from(kept_for.as_millis()).unwrap_or(i64::MAX);
        let before = clock.now().as_millis().saturating_sub(kept_for);
        let before = Timestamp::from_millis(before.max(0));
        loop {
            match store.forget_presence(before, SWEPT_AT_ONCE).await {
                Ok(swept) if swept < SWEPT_AT_ONCE as u64 => break,
                Ok(_) => tokio::time::sleep(SWEEP_PAUSE).await,
                Err(error) => {
                    tracing::debug!(%error, "old presence records not deleted");
                    break;
                }
            }
            if stop.is_cancelled() {
                return;
            }
        }
    }
}
