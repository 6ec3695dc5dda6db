//! Who is in which room of one namespace.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex},
};

use crate::{Socket, SocketId, lock};

/// Enough that joins into different rooms seldom meet; each costs an empty map.
const SHARDS: usize = 32;

/// Room table, sharded by room name. A shard is locked only to change or copy a member list,
/// never while sending.
pub(crate) struct Rooms {
    shards: Vec<Mutex<HashMap<Arc<str>, Room>>>,
    hasher: RandomState,
}

#[derive(Default)]
struct Room {
    members: HashMap<SocketId, Socket>,
    /// The members as a list, kept until the next change: a busy room is listed far more often
    /// than it changes.
    listed: Option<Arc<[Socket]>>,
}

impl Rooms {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    fn shard(&self, room: &str) -> &Mutex<HashMap<Arc<str>, Room>> {
        &self.shards[self.hasher.hash_one(room) as usize % SHARDS]
    }

    /// Callers hold the socket's membership lock, so that it cannot end half-way.
    pub(crate) fn add(&self, room: &Arc<str>, socket: &Socket) {
        let mut shard = lock(self.shard(room));
        let entry = shard.entry(room.clone()).or_default();
        entry.members.insert(socket.id().clone(), socket.clone());
        entry.listed = None;
    }

    pub(crate) fn remove(&self, room: &str, id: &SocketId) {
        let mut shard = lock(self.shard(room));
        let Some(entry) = shard.get_mut(room) else {
            return;
        };
        entry.members.remove(id);
        entry.listed = None;
        if entry.members.is_empty() {
            shard.remove(room);
        }
    }

    /// The members at this moment, in no order.
    pub(crate) fn members(&self, room: &str) -> Arc<[Socket]> {
        let mut shard = lock(self.shard(room));
        let Some(entry) = shard.get_mut(room) else {
            return Arc::default();
        };
        let Room { members, listed } = entry;
        listed
            .get_or_insert_with(|| members.values().cloned().collect())
            .clone()
    }
}
