//! Who is in which room of one namespace.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex},
};

use crate::{Socket, lock};

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
    /// By address: a socket is one thing whatever its id.
    members: HashMap<usize, Socket>,
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

    /// Returns the room's name, of which there is one copy however many sockets are in it. Callers
    /// hold the socket's membership lock, so that it cannot end half-way.
    pub(crate) fn add(&self, room: &str, socket: &Socket) -> Arc<str> {
        let mut shard = lock(self.shard(room));
        let name = match shard.get_key_value(room) {
            Some((name, _)) => name.clone(),
            None => Arc::from(room),
        };
        let entry = shard.entry(name.clone()).or_default();
        entry.members.insert(socket.address(), socket.clone());
        entry.listed = None;
        name
    }

    pub(crate) fn remove(&self, room: &str, socket: &Socket) {
        let mut shard = lock(self.shard(room));
        let Some(entry) = shard.get_mut(room) else {
            return;
        };
        entry.members.remove(&socket.address());
        entry.listed = None;
        if entry.members.is_empty() {
            shard.remove(room);
        }
        // After a crowd has left, its table goes too.
        if shard.capacity() > 64 && shard.len() < shard.capacity() / 8 {
            shard.shrink_to_fit();
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

    /// How many rooms there are.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }
}
