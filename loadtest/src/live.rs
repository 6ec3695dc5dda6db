//! Counters that are looked at while a run goes on.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Of all connections of a run together.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// Sockets that got in.
    pub(crate) ready: Counter,
    /// Connects that failed.
    pub(crate) failed: Counter,
    /// Connections that ended by themselves, but for those whose owner had stopped reading.
    pub(crate) ended: Counter,
    /// Rooms with all of their members.
    pub(crate) rooms: Counter,
    /// Members that know the id of their room, watchers that are subscribed.
    pub(crate) seated: Counter,
    /// Calls that were refused, but for a noisy organization's sends.
    pub(crate) refusals: Counter,
    /// Messages sent, whether acked or not.
    pub(crate) sent: Counter,
    /// Messages acked.
    pub(crate) acked: Counter,
    /// Messages acked that were due in the measured time.
    pub(crate) measured_acks: Counter,
    /// Messages that came as events, not counting what came again.
    pub(crate) delivered: Counter,
    /// Of them those that came to somebody who had stopped reading, or was about to.
    pub(crate) delivered_to_slow: Counter,
    /// The same as `delivered`, of messages that were due in the measured time.
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
    /// Messages of a noisy organization: sent, and acked.
    pub(crate) noisy_sent: Counter,
    pub(crate) noisy_acked: Counter,
    /// Connections that were cut, and those that came back, with or without their session.
    pub(crate) cut: Counter,
    pub(crate) back: Counter,
    pub(crate) recovered: Counter,
    /// Attempts to come back.
    pub(crate) attempts: Counter,
    /// Messages that were read after coming back without the session.
    pub(crate) read_after: Counter,
    /// Pages asked for, those that came, and those that lacked something.
    pub(crate) pages_asked: Counter,
    pub(crate) pages: Counter,
    pub(crate) measured_pages: Counter,
    pub(crate) wrong_pages: Counter,
    /// Messages in pages.
    pub(crate) paged_messages: Counter,
    /// Changes of presence: of status, asked for; and due while their user was away.
    pub(crate) changes: Counter,
    pub(crate) changes_skipped: Counter,
    /// Users who left, and who came back.
    pub(crate) left: Counter,
    pub(crate) came: Counter,
    /// Events of presence, and single changes in them.
    pub(crate) presence_events: Counter,
    pub(crate) changes_heard: Counter,
    /// Calls of all members that are not answered, and users who are about to come back.
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
