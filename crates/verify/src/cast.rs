//! Who is in which conversation.

use rand::Rng;
use rand::seq::SliceRandom as _;

use crate::options::Options;

/// A conversation before it is made; its first member makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Casting {
    pub(crate) members: Vec<usize>,
}

/// Deals the clients of each organization to its conversations: all once, then all once more, so that
/// nobody is in none while there are places.
pub(crate) fn deal(options: &Options, rng: &mut impl Rng) -> Vec<Casting> {
    let mut decks: Vec<Deck> = (0..options.organizations)
        .map(|organization| {
            let all = (organization..options.clients).step_by(options.organizations);
            Deck::new(all.collect())
        })
        .collect();
    (0..options.conversations)
        .map(|conversation| {
            let count = rng.random_range(options.members.clone());
            let deck = &mut decks[conversation % options.organizations];
            let mut members = Vec::with_capacity(count);
            while members.len() < count {
                let next = deck.next(rng);
                if !members.contains(&next) {
                    members.push(next);
                }
            }
            Casting { members }
        })
        .collect()
}

/// Everybody in a random order, then everybody in another one.
#[derive(Clone, Debug)]
pub(crate) struct Deck {
    all: Vec<usize>,
    left: Vec<usize>,
}

impl Deck {
    pub(crate) fn new(all: Vec<usize>) -> Self {
        Self {
            all,
            left: Vec::new(),
        }
    }

    /// # Panics
    /// When there is nobody.
    pub(crate) fn next(&mut self, rng: &mut impl Rng) -> usize {
        if self.left.is_empty() {
            self.left.clone_from(&self.all);
            self.left.shuffle(rng);
        }
        self.left
            .pop()
            .unwrap_or_else(|| unreachable!("nobody to choose from"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;
    use crate::options::Timing;

    proptest! {
        #[test]
        fn everybody_is_used_and_nobody_is_in_another_organizations_conversation(
            seed in any::<u64>(), organizations in 1_usize..4, conversations in 4_usize..20,
        ) {
            let options = Options {
                urls: vec!["http://h".to_owned()], run: "r".to_owned(), seed,
                clients: 30, conversations, members: 3..=7, organizations, rate: 1.0,
                duration: Duration::from_secs(1), grace: Duration::from_secs(1),
                timing: Timing::default(),
            };
            prop_assert_eq!(options.check(), Ok(()));
            let dealt = deal(&options, &mut StdRng::seed_from_u64(seed));
            prop_assert_eq!(&dealt, &deal(&options, &mut StdRng::seed_from_u64(seed)));
            let places: usize = dealt.iter().map(|casting| casting.members.len()).sum();
            let mut used = std::collections::BTreeSet::new();
            for (at, casting) in dealt.iter().enumerate() {
                let mut once = casting.members.clone();
                once.sort_unstable();
                once.dedup();
                prop_assert!(once.len() == casting.members.len() && (3..=7).contains(&once.len()));
                prop_assert!(once.iter().all(|client| client % organizations == at % organizations));
                used.extend(once);
            }
            prop_assert!(organizations > 1 || used.len() == places.min(30));
        }
    }
}
