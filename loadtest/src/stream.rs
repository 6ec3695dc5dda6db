//! What one receiver heard of its room, and what it should have heard.

use std::collections::{BTreeSet, HashMap};

/// What an event was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The first of its kind, in its place.
    New,
    /// It had come before.
    Doubled,
    /// It came after one that should have come later.
    OutOfOrder,
    /// It was read before it came.
    Known,
}

/// A message's author and which of the author's messages it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Author {
    pub(crate) sender: u32,
    pub(crate) number: u32,
}

/// The messages of a room as one receiver heard them, by `seq`: 1, 2, 3 …
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    /// The greatest that was heard.
    last: u64,
    /// Below `last`, and not heard. The receiver's own stay here: a sender gets an ack, no event.
    holes: BTreeSet<u64>,
    /// Its own, from their acks.
    own: BTreeSet<u64>,
    /// The newest message of each sender.
    newest: HashMap<u32, u32>,
    /// What was read instead of heard, and may still come as an event.
    read: BTreeSet<u64>,
}

impl Stream {
    /// A message came as an event.
    pub(crate) fn hear(&mut self, seq: u64, author: Author) -> Verdict {
        if self.read.remove(&seq) {
            return Verdict::Known;
        }
        let by_seq = self.place(seq);
        let newest = self.newest.get(&author.sender).copied();
        if newest.is_none_or(|newest| newest < author.number) {
            self.newest.insert(author.sender, author.number);
            return by_seq;
        }
        // A sender's messages are carried out in the order in which they were sent.
        match by_seq {
            Verdict::New if newest == Some(author.number) => Verdict::Doubled, // stored twice
            Verdict::New => Verdict::OutOfOrder,
            verdict => verdict,
        }
    }

    fn place(&mut self, seq: u64) -> Verdict {
        if seq > self.last {
            self.holes.extend(self.last + 1..seq);
            self.last = seq;
            Verdict::New
        } else if self.holes.remove(&seq) {
            Verdict::OutOfOrder
        } else {
            Verdict::Doubled
        }
    }

    /// The greatest `seq` below which nothing is missing but the receiver's own.
    pub(crate) fn complete_to(&self) -> u64 {
        let mut missing = self.holes.difference(&self.own);
        missing.next().map_or(self.last, |first| first - 1)
    }

    /// A message was read from the room's history, after an absence. Says whether it was not known.
    pub(crate) fn read(&mut self, seq: u64) -> bool {
        if self.own.contains(&seq) || matches!(self.place(seq), Verdict::Doubled) {
            return false;
        }
        self.read.insert(seq);
        true
    }

    /// The receiver's own message was acked. Where acks stand among events says nothing.
    pub(crate) fn acked(&mut self, seq: u64) {
        self.own.insert(seq);
    }

    /// The messages that it was given an ack for.
    pub(crate) fn own(&self) -> impl Iterator<Item = u64> {
        self.own.iter().copied()
    }

    /// Of the messages that were acked to anybody in the room: how many it was owed, and how many of
    /// these it did not get.
    pub(crate) fn owed_and_lost(&self, acked: &BTreeSet<u64>) -> (u64, u64) {
        let owed = acked.iter().filter(|seq| !self.own.contains(seq));
        owed.fold((0, 0), |(owed, lost), seq| {
            let is_lost = *seq > self.last || self.holes.contains(seq);
            (owed + 1, lost + u64::from(is_lost))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Message `seq` of the only sender, who numbers alike.
    fn hear(stream: &mut Stream, seq: u64) -> Verdict {
        let (sender, number) = (1, seq as u32);
        stream.hear(seq, Author { sender, number })
    }

    fn acked(seqs: impl IntoIterator<Item = u64>) -> BTreeSet<u64> {
        seqs.into_iter().collect()
    }

    #[test]
    fn what_comes_in_order_is_new() {
        let mut stream = Stream::default();
        assert!((1..=5).all(|seq| hear(&mut stream, seq) == Verdict::New));
        assert_eq!(stream.owed_and_lost(&acked(1..=5)), (5, 0));
    }

    #[test]
    fn what_comes_again_is_doubled() {
        let mut stream = Stream::default();
        for seq in 1..=3 {
            hear(&mut stream, seq);
        }
        assert_eq!(hear(&mut stream, 3), Verdict::Doubled);
        assert_eq!(hear(&mut stream, 1), Verdict::Doubled);
    }

    #[test]
    fn what_comes_after_a_later_one_is_out_of_order_and_then_not_lost() {
        let mut stream = Stream::default();
        hear(&mut stream, 1);
        assert_eq!(hear(&mut stream, 3), Verdict::New);
        assert_eq!(stream.owed_and_lost(&acked(1..=3)), (3, 1));
        assert_eq!(hear(&mut stream, 2), Verdict::OutOfOrder);
        assert_eq!(stream.owed_and_lost(&acked(1..=3)), (3, 0));
    }

    #[test]
    fn the_last_one_can_be_lost_too() {
        let mut stream = Stream::default();
        hear(&mut stream, 1);
        assert_eq!(stream.owed_and_lost(&acked(1..=3)), (3, 2));
    }

    #[test]
    fn what_was_not_acked_is_not_owed() {
        let mut stream = Stream::default();
        hear(&mut stream, 1);
        hear(&mut stream, 3);
        assert_eq!(stream.owed_and_lost(&acked([1, 3])), (2, 0));
    }

    #[test]
    fn own_messages_are_acks_and_not_events_whenever_the_ack_comes() {
        let mut stream = Stream::default();
        stream.acked(2); // before the event of 1
        hear(&mut stream, 1);
        assert_eq!(hear(&mut stream, 3), Verdict::New);
        stream.acked(4);
        assert_eq!(stream.owed_and_lost(&acked(1..=4)), (2, 0));
    }

    #[test]
    fn one_message_with_two_places_is_doubled() {
        let mut stream = Stream::default();
        let author = Author {
            sender: 4,
            number: 7,
        };
        assert_eq!(stream.hear(1, author), Verdict::New);
        assert_eq!(stream.hear(2, author), Verdict::Doubled);
    }

    #[test]
    fn a_senders_messages_keep_their_order_and_different_senders_have_none() {
        let mut stream = Stream::default();
        let by = |sender, number| Author { sender, number };
        assert_eq!(stream.hear(1, by(1, 8)), Verdict::New);
        assert_eq!(stream.hear(2, by(2, 3)), Verdict::New);
        assert_eq!(stream.hear(3, by(1, 7)), Verdict::OutOfOrder);
    }

    #[test]
    fn what_was_read_after_an_absence_is_neither_lost_nor_doubled_when_it_comes_once() {
        let mut stream = Stream::default();
        hear(&mut stream, 1);
        assert_eq!(hear(&mut stream, 5), Verdict::New); // live, before the history is there
        assert_eq!(stream.complete_to(), 1);
        let new: Vec<_> = (2..=6).filter(|seq| stream.read(*seq)).collect();
        assert_eq!(new, [2, 3, 4, 6]);
        assert_eq!(stream.complete_to(), 6);
        assert_eq!(hear(&mut stream, 6), Verdict::Known);
        assert_eq!(hear(&mut stream, 6), Verdict::Doubled);
        assert_eq!(stream.owed_and_lost(&acked(1..=6)), (6, 0));
    }

    proptest! {
        #[test]
        fn every_event_is_accounted_for(events in prop::collection::vec(1_u64..20, 0..60)) {
            let mut stream = Stream::default();
            let mut heard = BTreeSet::new();
            for seq in &events {
                let verdict = hear(&mut stream, *seq);
                prop_assert_eq!(verdict == Verdict::Doubled, !heard.insert(*seq));
            }
            let (owed, lost) = stream.owed_and_lost(&acked(1..20));
            prop_assert_eq!(owed, 19);
            prop_assert_eq!(lost, 19 - heard.len() as u64);
        }
    }
}
