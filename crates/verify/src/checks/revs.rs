//! A set of `rev`s: one bit each, since they are numbered without gaps.

#[derive(Clone, Debug, Default)]
pub(crate) struct Revs {
    words: Vec<u64>,
}

/// Beyond this a number is no `rev` of a run (a million sends an hour would take four days), and a
/// bit for it would take more memory than a server's mistake should be able to ask for.
const MOST: u64 = 100_000_000;

impl Revs {
    pub(crate) fn contains(&self, rev: u64) -> bool {
        let word = self.words.get((rev / 64) as usize);
        word.is_some_and(|word| word & (1 << (rev % 64)) != 0)
    }

    /// Adds a `rev`; what is no `rev` is passed over.
    pub(crate) fn insert(&mut self, rev: u64) {
        if rev > MOST {
            return;
        }
        let at = (rev / 64) as usize;
        if self.words.len() <= at {
            self.words.resize(at + 1, 0);
        }
        self.words[at] |= 1 << (rev % 64);
    }

    pub(crate) fn remove(&mut self, rev: u64) {
        if let Some(word) = self.words.get_mut((rev / 64) as usize) {
            *word &= !(1 << (rev % 64));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.words.clear();
    }

    /// In ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.words.len() as u64 * 64).filter(|rev| self.contains(*rev))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(steps in proptest::collection::vec((any::<bool>(), 0_u64..300), 0..60)) {
            let (mut revs, mut model) = (Revs::default(), BTreeSet::new());
            for (add, rev) in steps {
                if add {
                    revs.insert(rev);
                    model.insert(rev);
                } else {
                    revs.remove(rev);
                    model.remove(&rev);
                }
            }
            prop_assert!(revs.iter().eq(model.iter().copied()));
            prop_assert!((0..400).all(|rev| revs.contains(rev) == model.contains(&rev)));
        }
    }

    #[test]
    fn a_number_that_is_no_rev_takes_no_memory() {
        let mut revs = Revs::default();
        revs.insert(MOST + 1);
        assert!(revs.words.is_empty() && !revs.contains(u64::MAX));
        revs.insert(MOST);
        assert!(revs.contains(MOST));
    }
}
