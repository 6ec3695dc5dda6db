//! Users of whose changes only their own devices heard, because the store, which knows whom else
//! they concern, was away.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::Viewer;

/// More than that are not remembered: the others hear of them when they ask.
const MOST: usize = 10_000;
/// How many are taken at a time.
const AT_ONCE: usize = 500;

/// Those users.
#[derive(Debug, Default)]
pub(super) struct Unheard(Mutex<HashSet<Viewer>>);

impl Unheard {
    pub(super) fn add(&self, viewer: &Viewer) {
        let mut all = self.lock();
        if all.len() < MOST {
            all.insert(viewer.clone());
        }
    }

    /// Takes some of them.
    pub(super) fn take(&self) -> Vec<Viewer> {
        let mut all = self.lock();
        let some: Vec<Viewer> = all.iter().take(AT_ONCE).cloned().collect();
        for viewer in &some {
            all.remove(viewer);
        }
        some
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Viewer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_protocol::{OrganizationId, UserId};

    fn somebody(n: usize) -> Viewer {
        Viewer {
            organization: OrganizationId::new("acme").unwrap(),
            user: UserId::new(&format!("u{n}")).unwrap(),
        }
    }

    #[test]
    fn no_more_than_the_most_are_remembered_and_each_is_taken_once() {
        let unheard = Unheard::default();
        for n in 0..=MOST {
            unheard.add(&somebody(n));
            unheard.add(&somebody(0));
        }
        let mut taken = HashSet::new();
        loop {
            let some = unheard.take();
            assert!(some.len() <= AT_ONCE);
            if some.is_empty() {
                break;
            }
            taken.extend(some);
        }
        assert_eq!(taken.len(), MOST);
        assert!(!taken.contains(&somebody(MOST)));
    }
}
