//! What all connections of a run measured together.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;

/// In microseconds. Nothing can take longer than a run.
const A_DAY: u64 = 24 * 3600 * 1_000_000;

/// What is measured, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Time {
    /// From when a connect was due to its `session:ready`.
    Connect,
    /// From when a send was due to its ack.
    Ack,
    /// From when a send was due to its event at each receiver.
    Delivery,
    /// From when something was due to when it was written: what the tool itself, or its bound on calls
    /// in flight, adds to the others.
    Lag,
    /// [`Ack`](Self::Ack) of a quiet organization beside a noisy one.
    AckBeside,
    /// [`Delivery`](Self::Delivery) of a quiet organization beside a noisy one.
    DeliveryBeside,
    /// [`Ack`](Self::Ack) of a noisy organization.
    AckNoisy,
    /// [`Delivery`](Self::Delivery) of a noisy organization.
    DeliveryNoisy,
    /// From when a page was due to its messages.
    Page,
    /// From the cut to the `session:ready` of somebody who came back.
    Back,
    /// From the last attempt's beginning to its `session:ready`.
    Attempt,
    /// From somebody's first attempt that was turned away until they were in.
    TurnedAway,
    /// From when a slow one read again until it had all.
    CatchUp,
    /// From when a change of status was due to each watcher that heard of it.
    Change,
    /// From when somebody came back to each watcher that heard of it.
    Came,
    /// From when somebody left to each watcher that heard of it.
    Gone,
}

/// What is counted by reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Counts {
    /// Connects that failed.
    Failed,
    /// Connections that ended by themselves.
    Ended,
    /// The same, of those who had stopped reading.
    CutOff,
    /// Calls that were refused, by event and code.
    Refused,
    /// The same, of a noisy organization.
    RefusedNoisy,
    /// Attempts to come back that did not succeed.
    TurnedAway,
    /// Who came back and had to begin anew.
    NotRecovered,
}

/// Connections share as many of these as there are shards, so that their locks are hardly ever waited for.
#[derive(Debug)]
pub(crate) struct Figures {
    /// What a distribution begins as.
    empty: Histogram<u64>,
    times: BTreeMap<Time, Histogram<u64>>,
    counts: BTreeMap<Counts, BTreeMap<String, u64>>,
}

impl Figures {
    fn new() -> Result<Self, String> {
        let empty = Histogram::new_with_bounds(1, A_DAY, 3).map_err(|error| error.to_string())?;
        Ok(Self {
            empty,
            times: BTreeMap::new(),
            counts: BTreeMap::new(),
        })
    }

    /// One more measurement.
    pub(crate) fn record(&mut self, time: Time, micros: u64) {
        let empty = || self.empty.clone();
        let histogram = self.times.entry(time).or_insert_with(empty);
        histogram.saturating_record(micros);
    }

    /// One more of a name.
    pub(crate) fn count(&mut self, what: Counts, name: impl Into<String>) {
        let counts = self.counts.entry(what).or_default();
        *counts.entry(name.into()).or_default() += 1;
    }

    pub(crate) fn times(&self, time: Time) -> &Histogram<u64> {
        self.times.get(&time).unwrap_or(&self.empty)
    }

    pub(crate) fn counts(&self, what: Counts) -> BTreeMap<String, u64> {
        self.counts.get(&what).cloned().unwrap_or_default()
    }

    fn add(&mut self, other: &Self) -> Result<(), String> {
        for (time, theirs) in &other.times {
            let empty = || self.empty.clone();
            let mine = self.times.entry(*time).or_insert_with(empty);
            mine.add(theirs).map_err(|error| error.to_string())?;
        }
        for (what, theirs) in &other.counts {
            let mine = self.counts.entry(*what).or_default();
            for (name, count) in theirs {
                *mine.entry(name.clone()).or_default() += count;
            }
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_has_what_every_shard_has() {
        let ledger = Ledger::new(3).expect("histograms");
        for connection in 0..10 {
            let mut figures = ledger.of(connection);
            figures.record(Time::Ack, u64::from(connection) + 1);
            figures.count(Counts::Refused, "message:send RATE_LIMITED");
        }
        let sum = ledger.sum().expect("histograms of one kind");
        let acks = sum.times(Time::Ack);
        assert_eq!((acks.len(), acks.max()), (10, 10));
        assert_eq!(sum.times(Time::Page).len(), 0);
        let refused = sum.counts(Counts::Refused);
        assert_eq!(refused["message:send RATE_LIMITED"], 10);
        assert!(sum.counts(Counts::Failed).is_empty());
    }
}
