//! A socket of this node and whether anybody is at it.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use switchboard_protocol::{PresenceStatus, Timestamp};
use tokio::sync::{Mutex, MutexGuard};

use crate::actor::Actor;
use crate::store::Viewer;

/// A socket of this node, as presence has it. It is `online` with anybody at it, else `away`.
#[derive(Debug)]
pub struct LocalDevice {
    pub(super) viewer: Viewer,
    pub(super) socket: String,
    /// What its token calls it.
    pub(super) name: Option<String>,
    /// When its client last did something, in milliseconds.
    last: AtomicI64,
    idle: AtomicBool,
    /// What the hub was told; held while it is told, so that the last word is the newest.
    told: Mutex<Told>,
}

/// What the hub was told of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Nothing,
    Status(PresenceStatus),
    /// That it went: it comes no more.
    Gone,
}

impl LocalDevice {
    /// The device behind a socket whose client has just connected.
    pub fn new(actor: &Actor, socket: &str) -> Self {
        Self {
            viewer: actor.viewer.clone(),
            socket: socket.to_owned(),
            name: actor.device.clone(),
            last: AtomicI64::new(i64::MAX),
            idle: AtomicBool::new(false),
            told: Mutex::new(Told::Nothing),
        }
    }

    /// Its client did something; `true` when it was idle until then.
    pub(super) fn is_back(&self, now: Timestamp) -> bool {
        self.last.store(now.as_millis(), Ordering::SeqCst);
        self.idle.swap(false, Ordering::SeqCst)
    }

    /// Its client says that nobody is there.
    pub(super) fn rest(&self) {
        self.idle.store(true, Ordering::SeqCst);
    }

    /// Finds out that its client has done nothing since before `then`; `true` when that is news.
    pub(super) fn falls_idle(&self, then: Timestamp) -> bool {
        let is_silent = || self.last.load(Ordering::SeqCst) < then.as_millis();
        if self.idle.load(Ordering::SeqCst) || !is_silent() {
            return false;
        }
        self.idle.store(true, Ordering::SeqCst);
        // Whoever came between the two saw no idle device, and tells nobody that it is back.
        let still = is_silent();
        if !still {
            self.idle.store(false, Ordering::SeqCst);
        }
        still
    }

    pub(super) fn last(&self) -> Timestamp {
        Timestamp::from_millis(self.last.load(Ordering::SeqCst))
    }

    pub(super) fn status(&self) -> PresenceStatus {
        if self.idle.load(Ordering::SeqCst) {
            PresenceStatus::Away
        } else {
            PresenceStatus::Online
        }
    }

    /// What the hub was told; nobody else tells it anything of this device meanwhile.
    pub(super) async fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_protocol::{OrganizationId, UserId};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    fn device() -> LocalDevice {
        let viewer = Viewer {
            organization: OrganizationId::new("acme").unwrap(),
            user: UserId::new("alice").unwrap(),
        };
        let actor = Actor {
            viewer,
            roles: std::collections::BTreeSet::new(),
            device: None,
            token_id: None,
            issued_at: None,
            expires_at: at(0),
        };
        LocalDevice::new(&actor, "s")
    }

    #[test]
    fn a_device_falls_idle_once_and_comes_back_once() {
        let device = device();
        assert!(!device.is_back(at(100)));
        assert!(!device.falls_idle(at(100)), "not a moment too early");
        assert!(device.falls_idle(Timestamp::from_millis(100_001)));
        assert!(!device.falls_idle(at(200)));
        assert_eq!(device.status(), PresenceStatus::Away);
        assert!(device.is_back(at(300)));
        assert!(!device.is_back(at(300)));
        assert_eq!(device.status(), PresenceStatus::Online);
    }

    #[test]
    fn a_device_that_has_not_come_yet_is_not_idle() {
        assert!(!device().falls_idle(at(1_000_000)));
    }
}
