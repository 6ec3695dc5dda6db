//! Whose the sockets are that do not speak the native dialect: what they are told may depend on it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use switchboard_messaging::Actor;
use switchboard_socketio::SocketId;

/// Sockets of dialects, from before they are in any room until they are gone.
#[derive(Debug, Default)]
pub(super) struct Listeners(RwLock<HashMap<SocketId, Arc<Actor>>>);

impl Listeners {
    pub(super) fn came(&self, id: SocketId, actor: &Actor) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(id, Arc::new(actor.clone()));
    }

    pub(super) fn gone(&self, id: &SocketId) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.remove(id);
    }

    pub(super) fn get(&self, id: &SocketId) -> Option<Arc<Actor>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(id).cloned()
    }
}
