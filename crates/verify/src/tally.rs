//! What is counted while a run goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;

use crate::checks::defect::{Example, Kind};

/// Examples kept of each kind of defect: the first ones tell the most.
const EXAMPLES: usize = 8;

/// Different words counted in one [`Counts`]; a server that makes up more gets them under one name.
const WORDS: usize = 64;

/// Counts by word.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(pub(crate) BTreeMap<String, u64>);

impl Counts {
    pub(crate) fn add(&mut self, word: &str) {
        let word = if self.0.len() < WORDS || self.0.contains_key(word) {
            word.chars().take(80).collect()
        } else {
            "others".to_owned()
        };
        *self.0.entry(word).or_default() += 1;
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// Durations, to three digits, from a microsecond to an hour.
#[derive(Clone, Debug)]
pub(crate) struct Durations(Histogram<u64>);

impl Default for Durations {
    fn default() -> Self {
        #[expect(
            clippy::expect_used,
            reason = "the bounds are constants that are valid"
        )]
        let histogram = Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("valid bounds");
        Self(histogram)
    }
}

impl Durations {
    pub(crate) fn add(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros.max(1));
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(crate) fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(quantile))
    }

    pub(crate) fn longest(&self) -> Duration {
        Duration::from_micros(self.0.max())
    }
}

/// All counters of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// When sending began.
    pub(crate) start: Option<Instant>,

    /// Messages that clients were told to send.
    pub(crate) sent: u64,
    /// Messages that a client had no room to keep for later.
    pub(crate) skipped: u64,
    /// Calls of `message:send`, repetitions included.
    pub(crate) attempts: u64,
    /// Messages that took more than one call.
    pub(crate) retried: u64,
    pub(crate) acked: u64,
    /// Acked by the first call or the second.
    pub(crate) within_one_retry: u64,
    /// Answered with an error that repeating does not help.
    pub(crate) refused: u64,
    /// Given up when the grace was over.
    pub(crate) unacked: u64,
    /// From being told to send to the ack.
    pub(crate) ack_time: Durations,
    last_ack: Option<Instant>,
    /// The longest time without any ack while there were messages to ack.
    pub(crate) longest_silence: Duration,

    /// Events with a message.
    pub(crate) delivered: u64,
    pub(crate) overlap: u64,
    pub(crate) echoes: u64,
    /// Messages read by `conversation:sync` after a reconnect.
    pub(crate) read_back: u64,
    /// Messages that an event went past, so far.
    pub(crate) skipped_by_events: u64,
    /// From the ack to the event, on the sender's node.
    pub(crate) same_node: Durations,
    /// The same on others.
    pub(crate) other_node: Durations,

    pub(crate) connects: u64,
    pub(crate) disconnects: Counts,
    pub(crate) failed_connects: Counts,
    pub(crate) recovered: u64,
    /// Reconnects that were not, by what the server said why.
    pub(crate) not_recovered: Counts,
    /// `session:ready` and `socket.recovered` said different things.
    pub(crate) disagreements: u64,
    pub(crate) offline: Durations,
    /// Connects by node.
    pub(crate) nodes: Counts,

    /// Failed calls by code.
    pub(crate) errors: Counts,

    pub(crate) defects: BTreeMap<Kind, u64>,
    pub(crate) examples: Vec<Example>,
}

impl Tally {
    pub(crate) fn began(&mut self, now: Instant) {
        self.start = Some(now);
        self.last_ack = Some(now);
    }

    /// A message was acked after `attempts` calls.
    pub(crate) fn acked(&mut self, attempts: u32, ordered: Instant, now: Instant) {
        self.acked += 1;
        self.retried += u64::from(attempts > 1);
        self.within_one_retry += u64::from(attempts <= 2);
        self.ack_time.add(now.duration_since(ordered));
        self.silence_ends(now);
        self.last_ack = Some(now);
    }

    /// Something was acked, or nothing is to be acked any more.
    pub(crate) fn silence_ends(&mut self, now: Instant) {
        if let Some(last) = self.last_ack.take() {
            self.longest_silence = self.longest_silence.max(now.duration_since(last));
        }
    }

    /// Milliseconds after the first send.
    pub(crate) fn millis(&self, now: Instant) -> u64 {
        let since = self
            .start
            .map_or(Duration::ZERO, |start| now.duration_since(start));
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn defect(&mut self, example: Example) {
        let count = self.defects.entry(example.kind).or_default();
        *count += 1;
        if *count <= EXAMPLES as u64 {
            self.examples.push(example);
        }
    }

    pub(crate) fn defects_of(&self, kind: Kind) -> u64 {
        self.defects.get(&kind).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_and_bounded() {
        let mut counts = Counts::default();
        for at in 0..200 {
            counts.add(&format!("word {at}"));
            counts.add("word 0");
        }
        assert_eq!(counts.0["word 0"], 201);
        assert_eq!(counts.0["others"], 136);
        assert_eq!(counts.total(), 400);
        assert_eq!(counts.0.len(), WORDS + 1);
    }

    #[test]
    fn the_longest_silence_is_between_acks_or_at_either_end() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut tally = Tally::default();
        tally.began(start);
        tally.acked(1, start, at(30));
        tally.acked(3, start, at(40));
        assert_eq!(tally.longest_silence, Duration::from_millis(30));
        tally.silence_ends(at(90));
        assert_eq!(tally.longest_silence, Duration::from_millis(50));
        assert_eq!(
            (tally.acked, tally.retried, tally.within_one_retry),
            (2, 1, 1)
        );
    }

    #[test]
    fn only_the_first_examples_are_kept_and_all_are_counted() {
        let mut tally = Tally::default();
        for rev in 0..100 {
            let (conversation, kind) = (String::new(), Kind::Missed);
            let (user, node, at_ms) = (None, None, 0);
            tally.defect(Example {
                kind,
                conversation,
                rev,
                user,
                node,
                at_ms,
            });
        }
        assert_eq!(
            (tally.defects_of(Kind::Missed), tally.examples.len()),
            (100, EXAMPLES)
        );
        assert_eq!(tally.examples[0].rev, 0);
    }
}
