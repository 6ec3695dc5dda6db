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
    /// With whether the user was to be settled, too.
    untold: HashMap<Who, bool>,
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
    pub(crate) fn untold(&self, who: &Who, change: &PresenceChange) {
        let settles = match change {
            PresenceChange::Choose { .. } => return,
            PresenceChange::Settle => true,
            PresenceChange::Device(_) | PresenceChange::Gone { .. } => false,
        };
        *self.lock().untold.entry(who.clone()).or_default() |= settles;
    }

    /// Marks every user as untold: the shared memory knows nothing of this node any more.
    pub(crate) fn all_untold(&self) {
        let inner = &mut *self.lock();
        for who in inner.users.keys() {
            inner.untold.entry(who.clone()).or_default();
        }
    }

    /// Takes whom the shared memory did not hear of, and whether they were to be settled.
    pub(crate) fn take_untold(&self) -> Vec<(Who, bool)> {
        self.lock().untold.drain().collect()
    }

    /// Puts back what [`Self::take_untold`] gave.
    pub(crate) fn put_back(&self, untold: impl IntoIterator<Item = (Who, bool)>) {
        let mut inner = self.lock();
        for (who, settles) in untold {
            *inner.untold.entry(who).or_default() |= settles;
        }
    }

    /// The devices of a user; `None` when there are none.
    pub(crate) fn of(&self, who: &Who) -> Option<Own> {
        self.lock().users.get(who).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
