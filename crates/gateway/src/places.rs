//! How much of this node each organization has: how many sockets, and how many of their calls are
//! carried out at a time. What a node shares among organizations, its cores, its connection to Redis
//! and those to the database, serves whoever comes first; so it matters how many come.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use switchboard_protocol::{ErrorObject, OrganizationId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Calls of one organization that are carried out at a time; the others wait in their order. A socket
/// has one call at a time, so no more wait than there are sockets.
const CALLS_AT_ONCE: usize = 64;
/// A call that has waited this long is refused.
const PATIENCE: Duration = Duration::from_secs(1);

/// The organizations that have sockets here. Cheap to clone; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Arc<Mutex<HashMap<OrganizationId, Share>>>);

#[derive(Debug)]
struct Share {
    sockets: usize,
    calls: Arc<Semaphore>,
}

impl Places {
    /// A place for a socket, unless its organization has `most` already; 0 is no limit.
    pub(crate) fn take(&self, organization: &OrganizationId, most: usize) -> Option<Place> {
        let mut shares = self.lock();
        let sockets = shares.get(organization).map_or(0, |share| share.sockets);
        if most > 0 && sockets >= most {
            return None;
        }
        let share = shares.entry(organization.clone()).or_insert_with(|| Share {
            sockets,
            calls: Arc::new(Semaphore::new(CALLS_AT_ONCE)),
        });
        share.sockets += 1;
        Some(Place {
            places: self.clone(),
            organization: organization.clone(),
            calls: Arc::clone(&share.calls),
            is_left: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrganizationId, Share>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket's place, given back when it leaves or is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    organization: OrganizationId,
    calls: Arc<Semaphore>,
    is_left: AtomicBool,
}

impl Place {
    /// Waits until a call of the socket may be carried out; it is while what this returns is held.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, ErrorObject> {
        self.turn_within(PATIENCE).await
    }

    async fn turn_within(&self, patience: Duration) -> Result<OwnedSemaphorePermit, ErrorObject> {
        let turn = Arc::clone(&self.calls).acquire_owned();
        if let Ok(Ok(turn)) = tokio::time::timeout(patience, turn).await {
            return Ok(turn);
        }
        metrics::counter!("switchboard_shed_total", "reason" => "calls").increment(1);
        Err(ErrorObject::busy(PATIENCE))
    }

    /// Gives the place back, once.
    pub(crate) fn leave(&self) {
        if self.is_left.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut shares = self.places.lock();
        if let Some(share) = shares.get_mut(&self.organization) {
            share.sockets -= 1;
            if share.sockets == 0 {
                shares.remove(&self.organization);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> OrganizationId {
        OrganizationId::new(name).unwrap()
    }

    #[test]
    fn an_organization_has_so_many_places_and_a_place_is_given_back_once() {
        let places = Places::default();
        let first = places.take(&named("acme"), 2).unwrap();
        let _second = places.take(&named("acme"), 2).unwrap();
        assert!(places.take(&named("acme"), 2).is_none());
        let _other = places.take(&named("globex"), 2).unwrap();
        first.leave();
        drop(first);
        let _third = places.take(&named("acme"), 2).unwrap();
        assert!(places.take(&named("acme"), 2).is_none());
    }

    #[tokio::test]
    async fn sixty_four_calls_of_an_organization_have_turns_and_others_have_theirs() {
        let places = Places::default();
        let (ann, ben) = (
            places.take(&named("acme"), 0),
            places.take(&named("acme"), 0),
        );
        let (ann, ben) = (ann.unwrap(), ben.unwrap());
        let mut turns = Vec::new();
        for _ in 0..CALLS_AT_ONCE {
            turns.push(ann.turn().await.unwrap());
        }
        let refused = ben
            .turn_within(Duration::from_millis(10))
            .await
            .unwrap_err();
        assert_eq!(refused.code, switchboard_protocol::ErrorCode::Unavailable);
        assert_eq!(refused.retry_after_ms, Some(1_000));
        let stranger = places.take(&named("globex"), 0).unwrap();
        let _other = stranger.turn().await.unwrap();
        turns.pop();
        let _next = ben.turn().await.unwrap();
    }

    #[test]
    fn nothing_is_kept_of_an_organization_without_sockets() {
        let places = Places::default();
        drop(places.take(&named("acme"), 0));
        assert!(places.lock().is_empty());
    }
}
