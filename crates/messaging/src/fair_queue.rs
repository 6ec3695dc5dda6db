//! A queue that nobody can fill for the others: each organization has a lane, the lanes are served
//! in turn, and a lane may be as long as there are places left.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Items of many lanes, with a bound over all.
#[derive(Debug)]
pub struct FairQueue<K, T> {
    /// None is empty.
    lanes: HashMap<K, VecDeque<T>>,
    /// Every lane once; the front is served next.
    turns: VecDeque<K>,
    len: usize,
    places: usize,
}

impl<K: Clone + Eq + Hash, T> FairQueue<K, T> {
    /// An empty queue with so many places.
    pub fn new(places: usize) -> Self {
        Self {
            lanes: HashMap::new(),
            turns: VecDeque::new(),
            len: 0,
            places,
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// At most how many items are served before one that comes into this lane now, as long as
    /// nothing comes after it.
    pub fn ahead_of_next(&self, lane: &K) -> usize {
        let own = self.lanes.get(lane).map_or(0, VecDeque::len);
        let others = self.lanes.len() - usize::from(own > 0);
        // Each other lane has a turn before each of its own items, and one before the new one.
        self.len.min(own + (own + 1) * others)
    }

    /// Puts an item at the end of its lane; gives it back when the lane is as long as there are
    /// places left. So one lane alone gets half of the places, two a third each, and one that has
    /// nothing waiting always finds a place.
    pub fn push(&mut self, lane: &K, item: T) -> Result<(), T> {
        let free = self.places - self.len;
        if let Some(items) = self.lanes.get_mut(lane) {
            if items.len() >= free {
                return Err(item);
            }
            items.push_back(item);
        } else {
            if free == 0 {
                return Err(item);
            }
            self.lanes.insert(lane.clone(), VecDeque::from([item]));
            // Behind everybody who waits already: going away and coming back wins nothing.
            self.turns.push_back(lane.clone());
        }
        self.len += 1;
        Ok(())
    }

    /// Takes the first item of the lane whose turn it is.
    pub fn pop(&mut self) -> Option<T> {
        let lane = self.turns.pop_front()?;
        let items = self.lanes.get_mut(&lane)?;
        let item = items.pop_front();
        if items.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.turns.push_back(lane);
        }
        self.len -= usize::from(item.is_some());
        item
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(lanes: &[(&'static str, usize)]) -> FairQueue<&'static str, (&'static str, usize)> {
        let mut queue = FairQueue::new(1_000);
        for &(lane, count) in lanes {
            for n in 0..count {
                queue.push(&lane, (lane, n)).unwrap();
            }
        }
        queue
    }

    #[test]
    fn lanes_are_served_in_turn_and_each_in_its_order() {
        let mut queue = filled(&[("noisy", 4), ("quiet", 1), ("other", 2)]);
        let served: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        let expected = [
            ("noisy", 0),
            ("quiet", 0),
            ("other", 0),
            ("noisy", 1),
            ("other", 1),
            ("noisy", 2),
            ("noisy", 3),
        ];
        assert_eq!(served, expected);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_lane_alone_gets_half_of_the_places_and_leaves_the_others_theirs() {
        let mut queue = FairQueue::new(8);
        for n in 0..4 {
            queue.push(&"noisy", n).unwrap();
        }
        assert_eq!(queue.push(&"noisy", 4), Err(4));
        for n in 0..2 {
            queue.push(&"second", n).unwrap();
        }
        assert_eq!(queue.push(&"second", 2), Err(2));
        queue.push(&"third", 0).unwrap();
        assert_eq!(queue.push(&"third", 1), Err(1));
        queue.push(&"fourth", 0).unwrap();
        assert_eq!(queue.push(&"fifth", 0), Err(0), "there is no place left");
        queue.pop();
        queue.push(&"fifth", 0).unwrap();
    }

    /// What is done to a queue.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Push(u8),
        Pop,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        // Lane 0 is the noisy one.
        let step = prop_oneof![
            4 => Just(Step::Push(0)),
            3 => (1_u8..6).prop_map(Step::Push),
            3 => Just(Step::Pop),
        ];
        prop::collection::vec(step, 0..300)
    }

    proptest! {
        /// Between coming and being served, every other lane is served at most once for each item
        /// of one's own lane that was there before, and once more.
        #[test]
        fn nobody_waits_for_more_than_a_turn_of_each_other_lane(steps in steps()) {
            let mut queue = FairQueue::new(40);
            // Of each waiting item: its own lane's items before it, and who was served since.
            let mut waiting: HashMap<u32, (u8, usize, HashMap<u8, usize>)> = HashMap::new();
            let mut own: HashMap<u8, usize> = HashMap::new();
            let mut next = 0;
            for step in steps {
                match step {
                    Step::Push(lane) => {
                        let before = own.get(&lane).copied().unwrap_or_default();
                        let taken = queue.push(&lane, (lane, next)).is_ok();
                        prop_assert_eq!(taken, before < 40 - waiting.len());
                        if taken {
                            waiting.insert(next, (lane, before, HashMap::new()));
                            *own.entry(lane).or_default() += 1;
                            next += 1;
                        }
                    }
                    Step::Pop => {
                        let Some((lane, item)) = queue.pop() else {
                            prop_assert!(waiting.is_empty());
                            continue;
                        };
                        let (_, before, served) = waiting.remove(&item).unwrap();
                        prop_assert_eq!(served.get(&lane).copied().unwrap_or_default(), before);
                        for (other, count) in served {
                            prop_assert!(count <= before + 1, "{other} had {count} turns");
                        }
                        *own.get_mut(&lane).unwrap() -= 1;
                        for (_, _, served) in waiting.values_mut() {
                            *served.entry(lane).or_default() += 1;
                        }
                    }
                }
                prop_assert_eq!(queue.len(), waiting.len());
            }
        }

        #[test]
        fn what_is_said_to_be_ahead_is_what_is_served_before(
            counts in prop::collection::vec(0_usize..12, 1..6),
            pops in 0_usize..20,
            lane in 0_usize..6,
        ) {
            let mut queue = FairQueue::new(1_000);
            for (lane, count) in counts.iter().enumerate() {
                for _ in 0..*count {
                    queue.push(&lane, false).unwrap();
                }
            }
            for _ in 0..pops {
                queue.pop();
            }
            let said = queue.ahead_of_next(&lane);
            queue.push(&lane, true).unwrap();
            let served = std::iter::from_fn(|| queue.pop()).take_while(|new| !new).count();
            prop_assert!(served <= said, "{served} were ahead, not {said}");
        }
    }
}
