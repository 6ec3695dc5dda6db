//! What all connections of a run measured together.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;

/// In microseconds. Nothing can take longer than a run.
const A_DAY: u64 = 24 * 3600 * 1_000_000;

/// Connections share as many of these as there are shards, so that their locks are hardly ever waited for.
#[derive(Debug)]
pub(crate) struct Figures {
    /// Microseconds from when a connect was due to its `session:ready`.
    pub(crate) connect: Histogram<u64>,
    /// Microseconds from when a send was due to its ack.
    pub(crate) ack: Histogram<u64>,
    /// Microseconds from when a send was due to its event at each receiver.
    pub(crate) delivery: Histogram<u64>,
    /// Microseconds from when a send was due to when it was written: what the tool itself, or its
    /// bound on calls in flight, adds to the two above.
    pub(crate) lag: Histogram<u64>,
    /// Connects that failed, by reason.
    pub(crate) failed: BTreeMap<String, u64>,
    /// Connections that ended by themselves, by reason.
    pub(crate) ended: BTreeMap<String, u64>,
    /// Calls that were refused, by event and code.
    pub(crate) refused: BTreeMap<String, u64>,
}

impl Figures {
    fn new() -> Result<Self, String> {
        let histogram =
            || Histogram::new_with_bounds(1, A_DAY, 3).map_err(|error| error.to_string());
        Ok(Self {
            connect: histogram()?,
            ack: histogram()?,
            delivery: histogram()?,
            lag: histogram()?,
            failed: BTreeMap::new(),
            ended: BTreeMap::new(),
            refused: BTreeMap::new(),
        })
    }

    fn add(&mut self, other: &Self) -> Result<(), String> {
        for (mine, others) in [
            (&mut self.connect, &other.connect),
            (&mut self.ack, &other.ack),
            (&mut self.delivery, &other.delivery),
            (&mut self.lag, &other.lag),
        ] {
            mine.add(others).map_err(|error| error.to_string())?;
        }
        for (mine, others) in [
            (&mut self.failed, &other.failed),
            (&mut self.ended, &other.ended),
            (&mut self.refused, &other.refused),
        ] {
            for (name, count) in others {
                *mine.entry(name.clone()).or_default() += count;
            }
        }
        Ok(())
    }
}

/// One more of a name.
pub(crate) fn count(counts: &mut BTreeMap<String, u64>, name: impl Into<String>) {
    *counts.entry(name.into()).or_default() += 1;
}

#[derive(Debug)]
pub(crate) struct Ledger {
    shards: Vec<Mutex<Figures>>,
}

impl Ledger {
    pub(crate) fn new(shards: usize) -> Result<Self, String> {
        let shards = (0..shards.max(1)).map(|_| Figures::new().map(Mutex::new));
        Ok(Self {
            shards: shards.collect::<Result<_, _>>()?,
        })
    }

    /// The shard of a connection, for a few lines.
    pub(crate) fn of(&self, connection: u32) -> MutexGuard<'_, Figures> {
        let shard = &self.shards[connection as usize % self.shards.len()];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sum(&self) -> Result<Figures, String> {
        let mut sum = Figures::new()?;
        for shard in &self.shards {
            sum.add(&shard.lock().unwrap_or_else(PoisonError::into_inner))?;
        }
        Ok(sum)
    }
}

/// Counters that are looked at while a run goes on.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// Sockets that got in.
    pub(crate) ready: Counter,
    /// Connects that failed.
    pub(crate) failed: Counter,
    /// Connections that ended by themselves.
    pub(crate) ended: Counter,
    /// Members that know the id of their room.
    pub(crate) seated: Counter,
    /// Messages sent, whether acked or not.
    pub(crate) sent: Counter,
    /// Messages acked.
    pub(crate) acked: Counter,
    /// Messages acked that were due in the measured time.
    pub(crate) measured_acks: Counter,
    /// Messages that came as events, not counting what came again.
    pub(crate) delivered: Counter,
    /// The same, of messages that were due in the measured time.
    pub(crate) measured_deliveries: Counter,
    pub(crate) doubled: Counter,
    pub(crate) out_of_order: Counter,
    /// Receipts that were answered.
    pub(crate) receipts: Counter,
    /// Receipts of others that were heard.
    pub(crate) receipts_heard: Counter,
    /// Calls of typing that were answered.
    pub(crate) typing: Counter,
    /// Typing of others that was heard.
    pub(crate) typing_heard: Counter,
    /// Calls of all members that are not answered.
    in_flight: AtomicI64,
}

impl Live {
    pub(crate) fn change_in_flight(&self, by: i64) {
        self.in_flight.fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn in_flight(&self) -> i64 {
        self.in_flight.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_has_what_every_shard_has() {
        let ledger = Ledger::new(3).expect("histograms");
        for connection in 0..10 {
            let mut figures = ledger.of(connection);
            figures
                .ack
                .record(u64::from(connection) + 1)
                .expect("within bounds");
            count(&mut figures.refused, "message:send RATE_LIMITED");
        }
        let sum = ledger.sum().expect("histograms of one kind");
        assert_eq!((sum.ack.len(), sum.ack.max()), (10, 10));
        assert_eq!(sum.refused["message:send RATE_LIMITED"], 10);
    }
}
