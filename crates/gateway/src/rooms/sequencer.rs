//! Puts a conversation's events in the order of their `rev`: each once, none left out.

use std::collections::BTreeMap;

/// Events that came too early are kept up to this number; beyond it the store is asked for them.
const MOST_PARKED: usize = 1024;

/// The order of one conversation on one node.
#[derive(Debug)]
pub(super) struct Sequencer<T> {
    began: i64,
    delivered: i64,
    /// The greatest `rev` that is known to exist.
    known: i64,
    parked: BTreeMap<i64, T>,
}

/// What became of an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offered<T> {
    /// Delivered before: to be dropped.
    Duplicate,
    /// Its turn has not come.
    Parked,
    /// To be delivered now, in this order: it, and those that waited for it.
    Ready(Vec<(i64, T)>),
}

impl<T> Sequencer<T> {
    /// An order in which everything up to `delivered` has been delivered.
    pub(super) fn new(delivered: i64) -> Self {
        Self {
            began: delivered,
            delivered,
            known: delivered,
            parked: BTreeMap::new(),
        }
    }

    /// The last `rev` that was given out as ready.
    pub(super) fn delivered(&self) -> i64 {
        self.delivered
    }

    /// Whether a `rev` was given out as ready, rather than being over when the order began.
    pub(super) fn gave(&self, rev: i64) -> bool {
        rev > self.began && rev <= self.delivered
    }

    /// Takes an event in.
    pub(super) fn offer(&mut self, rev: i64, event: T) -> Offered<T> {
        if rev <= self.delivered {
            return Offered::Duplicate;
        }
        self.learn(rev);
        if rev > self.delivered + 1 {
            if self.parked.len() < MOST_PARKED {
                self.parked.entry(rev).or_insert(event);
            }
            return Offered::Parked;
        }
        let mut ready = vec![(rev, event)];
        self.delivered = rev;
        // One with this `rev` may have been parked, and now come again.
        self.parked.remove(&rev);
        while let Some(next) = self.parked.remove(&(self.delivered + 1)) {
            self.delivered += 1;
            ready.push((self.delivered, next));
        }
        Offered::Ready(ready)
    }

    /// Takes note that a `rev` exists.
    pub(super) fn learn(&mut self, rev: i64) {
        self.known = self.known.max(rev);
    }

    /// The greatest `rev` that is known to exist.
    pub(super) fn known(&self) -> i64 {
        self.known
    }

    /// Whether something came early and waits.
    pub(super) fn is_ahead(&self) -> bool {
        !self.parked.is_empty()
    }

    /// The smallest stretch, as `(after, up to)`, that holds everything missing up to a `rev`.
    pub(super) fn missing(&self, up_to: i64) -> Option<(i64, i64)> {
        let mut last = up_to.min(self.known);
        while self.parked.contains_key(&last) {
            last -= 1;
        }
        (last > self.delivered).then_some((self.delivered, last))
    }

    /// What is missing first, as `(after, up to)`: everything that is known to exist, up to what is
    /// parked first, and is not delivered.
    pub(super) fn gap(&self) -> Option<(i64, i64)> {
        let up_to = self
            .parked
            .keys()
            .next()
            .map_or(self.known, |first| first - 1);
        (up_to > self.delivered).then_some((self.delivered, up_to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn delivered(offered: Offered<i64>) -> Vec<i64> {
        match offered {
            Offered::Ready(ready) => ready.into_iter().map(|(rev, _)| rev).collect(),
            Offered::Duplicate | Offered::Parked => Vec::new(),
        }
    }

    #[test]
    fn an_event_that_comes_early_waits_for_the_one_before() {
        let mut order = Sequencer::new(4);
        assert_eq!(order.offer(6, 6), Offered::Parked);
        assert_eq!(order.gap(), Some((4, 5)));
        assert_eq!(order.offer(5, 5), Offered::Ready(vec![(5, 5), (6, 6)]));
        assert_eq!(order.gap(), None);
        assert_eq!(order.offer(6, 6), Offered::Duplicate);
    }

    #[test]
    fn what_is_known_to_exist_is_missing_until_it_comes() {
        let mut order = Sequencer::<i64>::new(1);
        order.learn(3);
        assert_eq!(order.gap(), Some((1, 3)));
        order.offer(2, 2);
        order.offer(3, 3);
        assert_eq!(order.gap(), None);
    }

    #[test]
    fn what_is_missing_up_to_a_rev_is_found_in_one_stretch() {
        let mut order = Sequencer::new(1);
        for rev in [3, 5, 6, 9] {
            order.offer(rev, rev);
        }
        assert_eq!(order.missing(9), Some((1, 8)));
        assert_eq!(order.missing(6), Some((1, 4)));
        assert_eq!(order.missing(3), Some((1, 2)));
        order.offer(2, 2);
        assert_eq!(order.missing(3), None);
        // Those that are parked are delivered as they came, not as they were read.
        assert_eq!(
            order.offer(4, -4),
            Offered::Ready(vec![(4, -4), (5, 5), (6, 6)])
        );
        assert_eq!(order.missing(6), None);
    }

    #[test]
    fn too_many_early_ones_are_left_to_the_store() {
        let mut order = Sequencer::new(0);
        let beyond = MOST_PARKED as i64 + 3;
        for rev in 2..=beyond {
            order.offer(rev, rev);
        }
        let ready = delivered(order.offer(1, 1));
        assert_eq!(ready.len(), MOST_PARKED + 1);
        assert_eq!(order.gap(), Some((MOST_PARKED as i64 + 1, beyond)));
    }

    proptest! {
        #[test]
        fn each_once_in_order_and_nothing_left_out(
            last in 1i64..40,
            arrivals in prop::collection::vec(1i64..40, 0..120),
        ) {
            let mut order = Sequencer::new(0);
            let mut seen = Vec::new();
            for rev in arrivals.into_iter().filter(|rev| *rev <= last) {
                seen.extend(delivered(order.offer(rev, rev)));
            }
            order.learn(last);
            // Repair: whatever is missing is read and offered, until nothing is.
            while let Some((after, up_to)) = order.gap() {
                for rev in after + 1..=up_to {
                    seen.extend(delivered(order.offer(rev, rev)));
                }
            }
            prop_assert_eq!(seen, (1..=last).collect::<Vec<_>>());
        }
    }
}
