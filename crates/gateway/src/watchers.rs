//! Sockets that asked to hear of users' presence, whether or not they share a conversation. It is
//! kept where the sockets are: changes come to every node with a socket of the organization anyway.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use switchboard_messaging::store::Viewer;
use switchboard_protocol::{OrganizationId, UserId};
use switchboard_socketio::{Socket, SocketId};

/// Most users that one socket hears of by having asked for it.
pub(crate) const MOST: usize = 1_000;

/// Who hears of whom. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watchers(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    of_users: HashMap<Viewer, HashMap<SocketId, Socket>>,
    of_sockets: HashMap<SocketId, HashSet<UserId>>,
}

impl Watchers {
    /// From here on a socket hears of these users; `false`, with nothing changed, when it would be of
    /// too many.
    pub(crate) fn watch(
        &self,
        organization: &OrganizationId,
        socket: &Socket,
        users: &[UserId],
    ) -> bool {
        let inner = &mut *self.lock();
        let watched = inner.of_sockets.get(&socket.id());
        let known = |user: &UserId| watched.is_some_and(|watched| watched.contains(user));
        let new: HashSet<&UserId> = users.iter().filter(|user| !known(user)).collect();
        if new.len() + watched.map_or(0, HashSet::len) > MOST {
            return false;
        }
        for user in new {
            let sockets = inner.of_users.entry(whole(organization, user)).or_default();
            sockets.insert(socket.id(), socket.clone());
            let watched = inner.of_sockets.entry(socket.id()).or_default();
            watched.insert(user.clone());
        }
        true
    }

    /// A socket hears no more of these users.
    pub(crate) fn unwatch(
        &self,
        organization: &OrganizationId,
        socket: &SocketId,
        users: &[UserId],
    ) {
        let inner = &mut *self.lock();
        for user in users {
            let Some(watched) = inner.of_sockets.get_mut(socket) else {
                return;
            };
            if watched.remove(user) {
                inner.forget(organization, user, socket);
            }
        }
        if inner.of_sockets.get(socket).is_some_and(HashSet::is_empty) {
            inner.of_sockets.remove(socket);
        }
    }

    /// A socket is gone.
    pub(crate) fn gone(&self, organization: &OrganizationId, socket: &SocketId) {
        let inner = &mut *self.lock();
        for user in inner.of_sockets.remove(socket).unwrap_or_default() {
            inner.forget(organization, &user, socket);
        }
    }

    /// The sockets that asked to hear of a user.
    pub(crate) fn of(&self, organization: &OrganizationId, user: &UserId) -> Vec<Socket> {
        let inner = self.lock();
        let sockets = inner.of_users.get(&whole(organization, user));
        sockets.map_or_else(Vec::new, |sockets| sockets.values().cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn forget(&mut self, organization: &OrganizationId, user: &UserId, socket: &SocketId) {
        let who = whole(organization, user);
        if let Some(sockets) = self.of_users.get_mut(&who) {
            sockets.remove(socket);
            if sockets.is_empty() {
                self.of_users.remove(&who);
            }
        }
    }
}

fn whole(organization: &OrganizationId, user: &UserId) -> Viewer {
    Viewer {
        organization: organization.clone(),
        user: user.clone(),
    }
}
