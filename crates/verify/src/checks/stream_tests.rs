//! Streams with every kind of trouble, and a simple model that counts it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// A member that has read everything up to `rev`.
fn following(rev: u64) -> Stream {
    let mut stream = Stream::new();
    stream.caught_up(rev);
    stream
}

fn judged(stream: &mut Stream, revs: &[u64]) -> Vec<Judgement> {
    revs.iter().map(|rev| stream.event(*rev, false).0).collect()
}

use Judgement::{Duplicate, Echo, Late, New, Overlap};

#[test]
fn what_comes_in_order_is_news() {
    let mut stream = following(1);
    assert_eq!(judged(&mut stream, &[2, 3, 4]), [New, New, New]);
    assert!(stream.missing(4).is_empty());
    assert_eq!(stream.known(), 4);
}

#[test]
fn what_never_comes_is_missing_in_the_middle_and_at_the_end() {
    let mut stream = following(1);
    assert_eq!(stream.event(2, false), (New, 0));
    assert_eq!(stream.event(5, false), (New, 2));
    assert_eq!(stream.missing(7), [3, 4, 6, 7]);
}

#[test]
fn what_comes_twice_is_a_duplicate_also_much_later() {
    let mut stream = following(1);
    assert_eq!(
        judged(&mut stream, &[2, 2, 3, 4, 2]),
        [New, Duplicate, New, New, Duplicate]
    );
}

#[test]
fn what_comes_after_a_later_one_is_late_and_not_missing() {
    let mut stream = following(1);
    assert_eq!(judged(&mut stream, &[3, 2, 4]), [New, Late, New]);
    assert!(stream.missing(4).is_empty());
}

#[test]
fn an_ack_fills_the_place_of_the_event_that_its_sender_does_not_get() {
    let mut stream = following(1);
    stream.ack(3); // overtakes 2
    assert_eq!(judged(&mut stream, &[2, 4, 6]), [New, New, New]);
    stream.ack(5); // the first answer was lost; this is the one to the repetition
    assert!(stream.missing(6).is_empty());
    assert_eq!(stream.event(7, true), (New, 0));
    stream.ack(8);
    assert_eq!(stream.event(8, true), (Echo, 0));
}

#[test]
fn after_a_reconnect_what_was_read_may_come_once_more() {
    let mut stream = following(1);
    judged(&mut stream, &[2, 3]);
    stream.begin_line();
    assert!(!stream.follows());
    assert_eq!(judged(&mut stream, &[7, 8]), [New, New]); // before the answer
    stream.page(5);
    stream.caught_up(8);
    assert!(stream.follows());
    assert_eq!(judged(&mut stream, &[9, 10]), [New, New]);
    stream.begin_line();
    stream.caught_up(12);
    assert_eq!(
        judged(&mut stream, &[11, 12, 12, 13]),
        [Overlap, Overlap, Duplicate, New]
    );
    assert!(stream.missing(13).is_empty());
}

#[test]
fn a_recovered_reconnect_continues_its_line() {
    let mut stream = following(1);
    judged(&mut stream, &[2, 3]);
    // Nothing is told to the stream: what is sent again is a double, what is left out is missing.
    assert_eq!(judged(&mut stream, &[3, 5]), [Duplicate, New]);
    assert_eq!(stream.missing(5), [4]);
}

#[test]
fn reading_does_not_hide_what_a_line_left_out() {
    let mut stream = following(1);
    judged(&mut stream, &[2, 4]);
    stream.begin_line();
    stream.caught_up(6);
    assert_eq!(stream.missing(6), [3]);
}

#[test]
fn while_reading_a_line_begins_with_its_first_event() {
    let mut stream = following(1);
    stream.begin_line();
    judged(&mut stream, &[10, 12]);
    stream.caught_up(12);
    assert_eq!(stream.missing(12), [11]);

    let mut stream = following(1);
    stream.begin_line();
    judged(&mut stream, &[10]);
    stream.caught_up(7); // was read before 10 was there; 8 and 9 are the line's to tell
    assert_eq!(stream.missing(10), [8, 9]);
    stream.begin_line();
    stream.caught_up(10);
    assert_eq!(stream.missing(10), [8, 9]);
}

#[test]
fn somebody_who_is_away_is_owed_nothing() {
    let mut stream = following(1);
    judged(&mut stream, &[2]);
    stream.begin_line();
    assert!(stream.missing(50).is_empty());
}

/// What arrives on one line.
#[derive(Clone, Copy, Debug)]
enum Step {
    Event(u64),
    Ack(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (2_u64..40).prop_map(Step::Event),
        1 => (2_u64..40).prop_map(Step::Ack),
    ];
    // Mostly in order, so that trouble is the exception that it has to be found among.
    let disturbed = (
        proptest::collection::vec((0_usize..40, 0_usize..40), 0..4),
        proptest::collection::vec(step, 0..4),
        proptest::collection::btree_set(2_u64..40, 0..8),
    );
    disturbed.prop_map(|(swaps, extra, own)| {
        let mut steps: Vec<Step> = (2..40)
            .map(|rev| {
                if own.contains(&rev) {
                    Step::Ack(rev)
                } else {
                    Step::Event(rev)
                }
            })
            .collect();
        for (one, other) in swaps {
            let length = steps.len();
            steps.swap(one % length, other % length);
        }
        for (at, step) in extra.into_iter().enumerate() {
            let place = (at * 11) % steps.len();
            steps[place] = step; // leaves one out, and may repeat another
        }
        steps
    })
}

proptest! {
    #[test]
    fn every_trouble_on_a_line_is_counted_as_a_simple_model_counts_it(steps in steps()) {
        let mut stream = following(1);
        let (mut duplicates, mut late) = (0, 0);
        let (mut model_duplicates, mut model_late) = (0, 0);
        let (mut events, mut told) = (Vec::new(), BTreeSet::new());
        for step in steps {
            match step {
                Step::Ack(rev) => {
                    stream.ack(rev);
                    told.insert(rev);
                }
                Step::Event(rev) => {
                    match stream.event(rev, false).0 {
                        Duplicate => duplicates += 1,
                        Late => late += 1,
                        New | Overlap | Echo => {}
                    }
                    if events.contains(&rev) {
                        model_duplicates += 1;
                    } else if events.iter().any(|earlier| *earlier > rev) {
                        model_late += 1;
                    }
                    events.push(rev);
                    told.insert(rev);
                }
            }
        }
        prop_assert_eq!((duplicates, late), (model_duplicates, model_late));
        let missing: Vec<u64> = (2..45).filter(|rev| !told.contains(rev)).collect();
        prop_assert_eq!(stream.missing(44), missing);
    }

    /// However a member is cut off and comes back: if the server keeps its promises, nothing is found.
    #[test]
    fn a_faithful_server_is_never_blamed(
        cuts in proptest::collection::vec((1_u64..6, 0_u64..6, 0_u64..6, any::<bool>()), 0..8)
    ) {
        let mut stream = following(1);
        let mut head = 1; // how far the conversation is
        let mut seen = 1; // how far this member's line is
        for (online, away, overlap, recovered) in cuts {
            for rev in seen + 1..=seen + online {
                prop_assert_eq!(stream.event(rev, false), (New, 0));
            }
            seen += online;
            head = seen + away;
            if recovered {
                continue; // the line goes on where it was
            }
            stream.begin_line();
            let first = (head + 1).saturating_sub(overlap).max(2);
            for rev in first..=head {
                let judgement = stream.event(rev, false).0;
                prop_assert!(matches!(judgement, New | Overlap));
            }
            stream.caught_up(head);
            seen = head;
        }
        for rev in seen + 1..=head {
            prop_assert_eq!(stream.event(rev, false), (New, 0));
        }
        prop_assert!(stream.missing(head).is_empty());
    }
}
