//! What all connections of a server share, independent of the application.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio_util::task::TaskTracker;

use crate::{Options, connection::Connection, lock, rooms::Rooms};

/// One namespace and its rooms.
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) rooms: Rooms,
}

pub(crate) struct Registry {
    pub(crate) options: Options,
    pub(crate) namespaces: HashMap<String, Arc<Namespace>>,
    /// Owns the task of each socket; closing waits for them.
    pub(crate) workers: TaskTracker,
    /// Owns the timers, which end by themselves and are not worth waiting for.
    pub(crate) timers: TaskTracker,
    pub(crate) slow_consumers: AtomicU64,
    pub(crate) mailbox_overflows: AtomicU64,
    pub(crate) handler_panics: AtomicU64,
    refusing: AtomicBool,
    connections: Mutex<Connections>,
}

#[derive(Default)]
struct Connections {
    closing: bool,
    next: u64,
    open: HashMap<u64, Arc<Connection>>,
}

impl Registry {
    pub(crate) fn new(options: Options) -> Self {
        let namespaces = options
            .namespaces
            .iter()
            .map(|name| {
                (
                    name.clone(),
                    Arc::new(Namespace {
                        name: name.clone(),
                        rooms: Rooms::new(),
                    }),
                )
            })
            .collect();
        Self {
            options,
            namespaces,
            workers: TaskTracker::new(),
            timers: TaskTracker::new(),
            slow_consumers: AtomicU64::new(0),
            mailbox_overflows: AtomicU64::new(0),
            handler_panics: AtomicU64::new(0),
            refusing: AtomicBool::new(false),
            connections: Mutex::default(),
        }
    }

    pub(crate) fn refuse_new(&self) {
        self.refusing.store(true, Ordering::Release);
    }

    pub(crate) fn is_refusing(&self) -> bool {
        self.refusing.load(Ordering::Acquire)
    }

    /// Makes and keeps a connection under a number of its own; `None` once the server is closing.
    pub(crate) fn admit(
        &self,
        make: impl FnOnce(u64) -> Arc<Connection>,
    ) -> Option<Arc<Connection>> {
        let mut connections = lock(&self.connections);
        if connections.closing {
            return None;
        }
        let serial = connections.next;
        connections.next += 1;
        let connection = make(serial);
        connections.open.insert(serial, connection.clone());
        Some(connection)
    }

    pub(crate) fn remove(&self, serial: u64) {
        lock(&self.connections).open.remove(&serial);
    }

    pub(crate) fn open_connections(&self) -> Vec<Arc<Connection>> {
        lock(&self.connections).open.values().cloned().collect()
    }

    /// From here on [`admit`](Self::admit) refuses: whoever is listed afterwards is all there is.
    pub(crate) fn start_closing(&self) {
        self.refuse_new();
        lock(&self.connections).closing = true;
    }
}
