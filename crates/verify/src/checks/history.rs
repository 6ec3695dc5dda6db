//! What is stored, judged when all is over.

use std::collections::{HashMap, hash_map};

use super::defect::Kind;

/// Who wrote a message, and which of their messages it is: what its `clientMessageId` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Author {
    pub(crate) client: u32,
    pub(crate) number: u32,
}

/// A message as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) rev: u64,
    /// `None`: not written by this run.
    pub(crate) author: Option<Author>,
    /// It says what its author wrote, and under its author's name.
    pub(crate) intact: bool,
}

/// Where an acked message was promised to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) seq: u64,
    pub(crate) rev: u64,
}

/// Something that is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) rev: u64,
    pub(crate) author: Option<Author>,
}

/// What is wrong with a conversation's history, given which of its messages were acked and how many
/// each client has sent.
pub(crate) fn judge(
    history: &[Entry],
    acked: &HashMap<Author, Place>,
    was_sent: impl Fn(Author) -> bool,
) -> Vec<Finding> {
    let mut findings = numbering(history);
    let mut found: HashMap<Author, Entry> = HashMap::new();
    for entry in history {
        let mut wrong = |kind| findings.push(finding(kind, entry.rev, entry.author));
        match entry.author {
            Some(author) if was_sent(author) => {
                if !entry.intact {
                    wrong(Kind::Altered);
                }
                match found.entry(author) {
                    hash_map::Entry::Occupied(_) => wrong(Kind::StoredTwice),
                    hash_map::Entry::Vacant(place) => {
                        place.insert(*entry);
                    }
                }
            }
            _ => wrong(Kind::Foreign),
        }
    }
    for (author, place) in acked {
        match found.get(author) {
            None => findings.push(finding(Kind::AckedLost, place.rev, Some(*author))),
            Some(entry) if (entry.seq, entry.rev) != (place.seq, place.rev) => {
                findings.push(finding(Kind::AckedElsewhere, place.rev, Some(*author)));
            }
            Some(_) => {}
        }
    }
    findings
}

/// `seq` is 1, 2, 3 …; `rev`, of a conversation in which only messages are sent, 2, 3, 4 …
fn numbering(history: &[Entry]) -> Vec<Finding> {
    let (mut seq, mut rev) = (0, 1);
    let mut findings = Vec::new();
    for entry in history {
        if (entry.seq, entry.rev) != (seq + 1, rev + 1) {
            findings.push(finding(Kind::HistoryGap, entry.rev, entry.author));
        }
        (seq, rev) = (entry.seq, entry.rev);
    }
    findings
}

/// Where two members' readings of one conversation begin to differ.
pub(crate) fn difference(one: &[Entry], other: &[Entry]) -> Option<u64> {
    let at = one.iter().zip(other).position(|(one, other)| one != other);
    let at = at.or_else(|| (one.len() != other.len()).then(|| one.len().min(other.len())));
    let rev = |entries: &[Entry], at| entries.get(at).map(|entry: &Entry| entry.rev);
    at.map(|at| rev(one, at).or(rev(other, at)).unwrap_or(0))
}

fn finding(kind: Kind, rev: u64, author: Option<Author>) -> Finding {
    Finding { kind, rev, author }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn author(number: u32) -> Author {
        Author { client: 7, number }
    }

    /// `numbers` stored one after the other, all of them acked there.
    fn stored(numbers: &[u32]) -> (Vec<Entry>, HashMap<Author, Place>) {
        let mut entries = Vec::new();
        let mut acked = HashMap::new();
        for (at, number) in numbers.iter().enumerate() {
            let (seq, rev) = (at as u64 + 1, at as u64 + 2);
            entries.push(Entry {
                seq,
                rev,
                author: Some(author(*number)),
                intact: true,
            });
            acked.insert(author(*number), Place { seq, rev });
        }
        (entries, acked)
    }

    fn kinds(history: &[Entry], acked: &HashMap<Author, Place>) -> Vec<Kind> {
        let findings = judge(history, acked, |author| author.number < 100);
        findings.iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn a_history_with_every_acked_message_once_is_right() {
        let (history, mut acked) = stored(&[0, 2, 1]);
        assert_eq!(kinds(&history, &acked), []);
        acked.remove(&author(2)); // stored, and its answer was lost
        assert_eq!(kinds(&history, &acked), []);
    }

    #[test]
    fn an_acked_message_that_is_not_there_is_lost() {
        let (history, acked) = stored(&[0, 1, 2]);
        assert_eq!(kinds(&history[..2], &acked), [Kind::AckedLost]);
    }

    #[test]
    fn a_message_that_is_stored_twice_is_found_acked_or_not() {
        let (history, mut acked) = stored(&[0, 1]);
        let mut twice = history.clone();
        twice.push(Entry {
            seq: 3,
            rev: 4,
            ..history[0]
        });
        assert_eq!(kinds(&twice, &acked), [Kind::StoredTwice]);
        acked.clear();
        assert_eq!(kinds(&twice, &acked), [Kind::StoredTwice]);
    }

    #[test]
    fn holes_and_disorder_in_the_numbers_are_found() {
        let (history, acked) = stored(&[0, 1, 2]);
        let holed = [
            history[0],
            Entry {
                seq: 3,
                ..history[1]
            },
        ];
        assert!(kinds(&holed, &acked).contains(&Kind::HistoryGap));
        let swapped = [history[1], history[0], history[2]];
        assert!(kinds(&swapped, &acked).contains(&Kind::HistoryGap));
    }

    #[test]
    fn what_nobody_wrote_is_foreign_and_what_was_changed_is_altered() {
        let (mut history, acked) = stored(&[0, 100]);
        assert_eq!(kinds(&history, &HashMap::new()), [Kind::Foreign]);
        history[1].author = None;
        assert_eq!(kinds(&history[1..], &HashMap::new())[1..], [Kind::Foreign]);
        history.truncate(1);
        history[0].intact = false;
        assert_eq!(kinds(&history, &HashMap::new()), [Kind::Altered]);
        assert_eq!(kinds(&history, &acked).len(), 2);
    }

    #[test]
    fn two_readings_differ_where_they_begin_to() {
        let (history, _) = stored(&[0, 1, 2]);
        assert_eq!(difference(&history, &history), None);
        assert_eq!(difference(&history, &history[..2]), Some(4));
        assert_eq!(difference(&history[..1], &history), Some(3));
        let changed = [
            history[0],
            Entry {
                intact: false,
                ..history[1]
            },
            history[2],
        ];
        assert_eq!(difference(&history, &changed), Some(3));
    }

    proptest! {
        #[test]
        fn each_message_that_is_left_out_is_counted(
            count in 1_u32..30,
            lost in proptest::collection::btree_set(0_u32..30, 0..5),
        ) {
            let numbers: Vec<u32> = (0..count).collect();
            let (history, acked) = stored(&numbers);
            let kept: Vec<Entry> = history
                .into_iter()
                .filter(|entry| !lost.contains(&entry.author.unwrap().number))
                .collect();
            let expected = lost.iter().filter(|number| **number < count).count();
            let found = kinds(&kept, &acked);
            let found = found.iter().filter(|kind| **kind == Kind::AckedLost).count();
            prop_assert_eq!(found, expected);
        }
    }
}
