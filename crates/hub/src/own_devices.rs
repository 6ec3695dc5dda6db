//! What a node knows of its own devices, whatever the shared memory forgot.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use switchboard_messaging::hub::{Device, PresenceChange};
use switchboard_protocol::{OrganizationId, PresenceStatus, Timestamp, UserId};

/// A user of an organization.
pub(crate) type Who = (OrganizationId, UserId);

/// The devices of one user on this node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) devices: BTreeMap<String, PresenceStatus>,
    /// The last time that any of them was heard of.
    pub(crate) at: Timestamp,
}

/// The devices of all users on this node, and whose could not be told to the shared memory.
#[derive(Debug, Default)]
pub(crate) struct OwnDevices(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    users: HashMap<Who, Own>,
    untold: HashMap<Who, Untold>,
}

/// What the shared memory did not hear of a user, beside the devices.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Untold {
    /// Whether the grace was over.
    pub(crate) settles: bool,
    /// When the last change was that it did not hear of.
    pub(crate) at: Timestamp,
}

impl Untold {
    fn add(&mut self, other: Self) {
        self.settles |= other.settles;
        self.at = self.at.max(other.at);
    }
}

impl OwnDevices {
    /// Notes a change, before the shared memory hears of it.
    pub(crate) fn note(&self, who: &Who, change: &PresenceChange, at: Timestamp) {
        let mut inner = self.lock();
        match change {
            PresenceChange::Device(Device { socket, status }) => {
                let own = inner.users.entry(who.clone()).or_default();
                own.devices.insert(socket.clone(), *status);
                own.at = at;
            }
            PresenceChange::Gone { socket } => {
                if let Some(own) = inner.users.get_mut(who) {
                    own.devices.remove(socket);
                    own.at = at;
                    if own.devices.is_empty() {
                        inner.users.remove(who);
                    }
                }
            }
            PresenceChange::Settle | PresenceChange::Choose { .. } => {}
        }
    }

    /// Remembers that the shared memory did not hear of a change.
    pub(crate) fn untold(&self, who: &Who, change: &PresenceChange, at: Timestamp) {
        let settles = match change {
            PresenceChange::Choose { .. } => return,
            PresenceChange::Settle => true,
            PresenceChange::Device(_) | PresenceChange::Gone { .. } => false,
        };
        self.put_back(who.clone(), Untold { settles, at });
    }

    /// Marks every user as untold: the shared memory knows nothing of this node any more.
    pub(crate) fn all_untold(&self) {
        let inner = &mut *self.lock();
        for who in inner.users.keys() {
            inner.untold.entry(who.clone()).or_default();
        }
    }

    /// Those of whom the shared memory did not hear something.
    pub(crate) fn all_due(&self) -> Vec<Who> {
        self.lock().untold.keys().cloned().collect()
    }

    /// Takes what it did not hear of a user.
    pub(crate) fn take_untold(&self, who: &Who) -> Option<Untold> {
        self.lock().untold.remove(who)
    }

    /// Puts back what [`Self::take_untold`] gave.
    pub(crate) fn put_back(&self, who: Who, untold: Untold) {
        self.lock().untold.entry(who).or_default().add(untold);
    }

    /// The devices of a user; `None` when there are none.
    pub(crate) fn of(&self, who: &Who) -> Option<Own> {
        self.lock().users.get(who).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
