//! The users with a socket on this node, for the metric.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use switchboard_protocol::PresenceStatus;

use crate::store::Viewer;

/// Who has a socket here, and how present they are as far as this node heard.
#[derive(Debug, Default)]
pub(super) struct LocalUsers(Mutex<HashMap<Viewer, Local>>);

#[derive(Debug)]
struct Local {
    sockets: HashSet<String>,
    status: PresenceStatus,
}

impl LocalUsers {
    pub(super) fn came(&self, viewer: &Viewer, socket: &str) {
        let mut users = self.lock();
        let user = users.entry(viewer.clone()).or_insert_with(|| Local {
            sockets: HashSet::new(),
            status: PresenceStatus::Online,
        });
        user.sockets.insert(socket.to_owned());
    }

    pub(super) fn gone(&self, viewer: &Viewer, socket: &str) {
        let mut users = self.lock();
        if let Some(user) = users.get_mut(viewer) {
            user.sockets.remove(socket);
            if user.sockets.is_empty() {
                users.remove(viewer);
            }
        }
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
        let organization = OrganizationId::new("acme").unwrap();
        let alice = Viewer {
            organization,
            user: UserId::new("alice").unwrap(),
        };
        let users = LocalUsers::default();
        users.came(&alice, "1");
        users.came(&alice, "2");
        users.heard(&alice, PresenceStatus::Busy);
        users.gone(&alice, "1");
        assert_eq!(
            (
                of(&users, PresenceStatus::Busy),
                of(&users, PresenceStatus::Online)
            ),
            (1, 0)
        );
        users.gone(&alice, "2");
        users.heard(&alice, PresenceStatus::Online);
        assert!(users.count().iter().all(|(_, count)| *count == 0));
    }
}
