//! Work that so many may do at a time, organizations in turn: when thousands come at once, each is
//! served after a while, instead of all of them too late.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use switchboard_protocol::OrganizationId;
use tokio::sync::oneshot;

use crate::fair_queue::FairQueue;

/// Hands out turns. Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct Turns(Arc<Mutex<State>>);

struct State {
    /// How many more may work now.
    free: usize,
    /// Nobody waits while there are any.
    waiting: FairQueue<OrganizationId, oneshot::Sender<Turn>>,
}

/// While this is held its holder may work.
#[derive(Debug)]
pub struct Turn(Option<Turns>);

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns")
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

impl Turns {
    /// For so many `at_once`; with `places` for those who wait, of which one organization alone may have
    /// half.
    pub fn new(at_once: usize, places: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: at_once,
            waiting: FairQueue::new(places),
        })))
    }

    /// Waits for a turn; `None` when too many wait already.
    pub async fn next(&self, organization: &OrganizationId) -> Option<Turn> {
        let receiver = {
            let mut state = self.lock();
            if state.free > 0 {
                state.free -= 1;
                return Some(Turn(Some(self.clone())));
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push(organization, sender).ok()?;
            receiver
        };
        // Nobody drops a sender before its turn.
        receiver.await.ok()
    }

    /// How many wait, or went away while they did.
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Gives a turn that is over to whoever waits first and is still there.
    fn pass_on(&self) {
        loop {
            let next = {
                let mut state = self.lock();
                let next = state.waiting.pop();
                if next.is_none() {
                    state.free += 1;
                }
                next
            };
            let Some(next) = next else { return };
            match next.send(Turn(Some(self.clone()))) {
                Ok(()) => return,
                // It must not be given back twice.
                Err(mut turn) => turn.0 = None,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.pass_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt;

    use super::*;

    fn named(name: &str) -> OrganizationId {
        OrganizationId::new(name).unwrap()
    }

    #[test]
    fn so_many_work_at_once_and_the_next_waits_for_one_of_them() {
        let (turns, acme) = (Turns::new(2, 10), named("acme"));
        let first = turns.next(&acme).now_or_never().unwrap();
        let _second = turns.next(&acme).now_or_never().unwrap();
        let mut third = pin!(turns.next(&acme));
        assert!(third.as_mut().now_or_never().is_none());
        assert_eq!(turns.waiting(), 1);
        drop(first);
        assert!(third.now_or_never().flatten().is_some());
        assert_eq!(turns.waiting(), 0);
        // That one is over too.
        assert!(turns.next(&acme).now_or_never().is_some());
    }

    #[test]
    fn an_organization_that_many_wait_of_leaves_the_others_their_turn() {
        let turns = Turns::new(1, 100);
        let working = turns.next(&named("noisy")).now_or_never().unwrap();
        let noisy = named("noisy");
        let mut storm: Vec<_> = (0..40).map(|_| Box::pin(turns.next(&noisy))).collect();
        for one in &mut storm {
            assert!(one.now_or_never().is_none());
        }
        let quiet = named("quiet");
        let mut quiet = pin!(turns.next(&quiet));
        assert!(quiet.as_mut().now_or_never().is_none());
        drop(working);
        let first = storm[0].as_mut().now_or_never().flatten();
        assert!(first.is_some());
        drop(first);
        assert!(quiet.now_or_never().flatten().is_some());
    }

    #[test]
    fn one_alone_may_have_half_of_the_places_and_one_more_is_told_so() {
        let (turns, acme) = (Turns::new(0, 10), named("acme"));
        let mut waiting: Vec<_> = (0..5).map(|_| Box::pin(turns.next(&acme))).collect();
        for one in &mut waiting {
            assert!(one.now_or_never().is_none());
        }
        assert!(turns.next(&acme).now_or_never().unwrap().is_none());
        assert!(turns.next(&named("other")).now_or_never().is_none());
    }

    #[test]
    fn whoever_went_away_while_waiting_is_passed_over() {
        let (turns, acme) = (Turns::new(1, 10), named("acme"));
        let working = turns.next(&acme).now_or_never().unwrap();
        for _ in 0..3 {
            assert!(turns.next(&acme).now_or_never().is_none());
        }
        let mut last = pin!(turns.next(&acme));
        assert!(last.as_mut().now_or_never().is_none());
        drop(working);
        assert!(last.now_or_never().flatten().is_some());
        assert!(turns.next(&acme).now_or_never().flatten().is_some());
    }
}
