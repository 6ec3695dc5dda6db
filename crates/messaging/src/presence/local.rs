//! The users with a socket on this node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use switchboard_protocol::{PresenceStatus, Timestamp};

use super::device::LocalDevice;
use crate::store::Viewer;

/// Who has a socket here, and how present they are as far as this node heard.
#[derive(Debug, Default)]
pub(super) struct LocalUsers(Mutex<HashMap<Viewer, Local>>);

#[derive(Debug)]
struct Local {
    sockets: HashMap<String, Arc<LocalDevice>>,
    status: PresenceStatus,
}

impl LocalUsers {
    pub(super) fn came(&self, device: &Arc<LocalDevice>) {
        let mut users = self.lock();
        let user = users.entry(device.viewer.clone()).or_insert_with(|| Local {
            sockets: HashMap::new(),
            status: PresenceStatus::Online,
        });
        user.sockets
            .insert(device.socket.clone(), Arc::clone(device));
    }

    pub(super) fn gone(&self, device: &LocalDevice) {
        let mut users = self.lock();
        if let Some(user) = users.get_mut(&device.viewer) {
            user.sockets.remove(&device.socket);
            if user.sockets.is_empty() {
                users.remove(&device.viewer);
            }
        }
    }

    /// The devices at which nobody has done anything since `then`, and of which that is news.
    pub(super) fn newly_idle(&self, then: Timestamp) -> Vec<Arc<LocalDevice>> {
        let users = self.lock();
        let devices = users.values().flat_map(|user| user.sockets.values());
        devices
            .filter(|device| device.falls_idle(then))
            .cloned()
            .collect()
    }

    pub(super) fn heard(&self, viewer: &Viewer, status: PresenceStatus) {
        if let Some(user) = self.lock().get_mut(viewer) {
            user.status = status;
        }
    }

    /// How many there are of each status.
    pub(super) fn count(&self) -> Vec<(PresenceStatus, usize)> {
        let users = self.lock();
        let of = |status| users.values().filter(|user| user.status == status).count();
        PresenceStatus::ALL
            .iter()
            .map(|status| (*status, of(*status)))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Viewer, Local>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::Actor;
    use switchboard_protocol::{OrganizationId, UserId};

    fn of(users: &LocalUsers, status: PresenceStatus) -> usize {
        users
            .count()
            .iter()
            .find(|(one, _)| *one == status)
            .unwrap()
            .1
    }

    #[test]
    fn a_user_with_two_sockets_counts_once_until_both_are_gone() {
        let alice = Viewer {
            organization: OrganizationId::new("acme").unwrap(),
            user: UserId::new("alice").unwrap(),
        };
        let actor = Actor {
            viewer: alice.clone(),
            roles: std::collections::BTreeSet::new(),
            device: None,
            token_id: None,
            issued_at: None,
            expires_at: Timestamp::default(),
        };
        let [first, second] = ["1", "2"].map(|id| Arc::new(LocalDevice::new(&actor, id)));
        let users = LocalUsers::default();
        users.came(&first);
        users.came(&second);
        users.heard(&alice, PresenceStatus::Busy);
        users.gone(&first);
        assert_eq!(
            (
                of(&users, PresenceStatus::Busy),
                of(&users, PresenceStatus::Online)
            ),
            (1, 0)
        );
        users.gone(&second);
        users.heard(&alice, PresenceStatus::Online);
        assert!(users.count().iter().all(|(_, count)| *count == 0));
    }
}
