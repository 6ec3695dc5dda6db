//! What all connections of a server share, independent of the application.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    Options,
    addresses::Addresses,
    flusher::Flusher,
    ids::EngineId,
    lock,
    rooms::Rooms,
    session::Session,
    wheel::{Alarm, Wheel},
};

/// Parts of the session table, so that connects and polls seldom wait for each other.
const SHARDS: usize = 32;
/// Alarms that are rung between two chances for other tasks.
const TURN: usize = 64;

/// Sessions by their secret.
type Shard = Mutex<HashMap<EngineId, Arc<Session>>>;

/// One namespace and its rooms.
pub(crate) struct Namespace {
    pub(crate) name: Arc<str>,
    pub(crate) rooms: Rooms,
}

pub(crate) struct Registry {
    pub(crate) options: Options,
    pub(crate) namespaces: HashMap<String, Arc<Namespace>>,
    /// Owns the task of each connection; closing waits for them.
    pub(crate) connections: TaskTracker,
    pub(crate) flusher: Arc<Flusher>,
    pub(crate) wheel: Arc<Wheel>,
    pub(crate) slow_consumers: AtomicU64,
    pub(crate) handler_panics: AtomicU64,
    pub(crate) addresses: Addresses,
    pub(crate) addresses_refused: AtomicU64,
    sessions: Box<[Shard]>,
    refusing: AtomicBool,
    /// Owns the tasks of the server itself, which end with it.
    own: OnceLock<(TaskTracker, DropGuard)>,
}

impl Registry {
    pub(crate) fn new(options: Options) -> Self {
        let namespaces = options
            .namespaces
            .iter()
            .map(|name| {
                let namespace = Namespace {
                    name: name.as_str().into(),
                    rooms: Rooms::new(),
                };
                (name.clone(), Arc::new(namespace))
            })
            .collect();
        let shortest = options.ping_interval.min(options.ping_timeout);
        Self {
            flusher: Arc::new(Flusher::new(options.write_interval)),
            options,
            namespaces,
            connections: TaskTracker::new(),
            wheel: Arc::new(Wheel::new(shortest)),
            slow_consumers: AtomicU64::new(0),
            handler_panics: AtomicU64::new(0),
            addresses: Addresses::default(),
            addresses_refused: AtomicU64::new(0),
            sessions: (0..SHARDS).map(|_| Mutex::default()).collect(),
            refusing: AtomicBool::new(false),
            own: OnceLock::new(),
        }
    }

    /// Starts the server's own tasks with its first connection: only then is a runtime certain.
    fn start(self: &Arc<Self>) {
        self.own.get_or_init(|| {
            let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
            for index in 0..self.flusher.tasks() {
                let (flusher, stop) = (self.flusher.clone(), stop.clone());
                tasks.spawn(async move {
                    stop.run_until_cancelled(flusher.run(index)).await;
                });
            }
            let (wheel, registry, stopped) =
                (self.wheel.clone(), Arc::downgrade(self), stop.clone());
            tasks.spawn(async move {
                stopped.run_until_cancelled(ring(&wheel, &registry)).await;
            });
            (tasks, stop.drop_guard())
        });
    }

    /// From here on [`admit`](Self::admit) refuses: whoever is listed afterwards is all there is.
    pub(crate) fn refuse_new(&self) {
        self.refusing.store(true, Ordering::Release);
    }

    pub(crate) fn is_refusing(&self) -> bool {
        self.refusing.load(Ordering::Acquire)
    }

    fn shard(&self, id: &EngineId) -> &Shard {
        &self.sessions[id.spread() % SHARDS]
    }

    /// Lets a session be found; `false` once new ones are refused.
    pub(crate) fn admit(self: &Arc<Self>, session: &Arc<Session>) -> bool {
        self.start();
        let mut shard = lock(self.shard(&session.id));
        // Looked at under the lock: draining and closing set it first and then go through the shards.
        if self.is_refusing() {
            return false;
        }
        shard.insert(session.id, session.clone());
        true
    }

    pub(crate) fn session(&self, id: &EngineId) -> Option<Arc<Session>> {
        lock(self.shard(id)).get(id).cloned()
    }

    pub(crate) fn remove(&self, id: &EngineId) {
        let mut shard = lock(self.shard(id));
        shard.remove(id);
        // After a crowd has left, its table goes too.
        if shard.capacity() > 64 && shard.len() < shard.capacity() / 8 {
            shard.shrink_to_fit();
        }
    }

    pub(crate) fn sessions(&self) -> Vec<Arc<Session>> {
        let mut all = Vec::new();
        for shard in &self.sessions {
            all.extend(lock(shard).values().cloned());
        }
        all
    }

    pub(crate) fn session_count(&self) -> usize {
        self.sessions.iter().map(|shard| lock(shard).len()).sum()
    }
}

async fn ring(wheel: &Wheel, registry: &Weak<Registry>) {
    loop {
        let (tick, due) = wheel.next().await;
        let Some(registry) = registry.upgrade() else {
            return;
        };
        for (count, (id, alarm)) in (1..).zip(due) {
            if let Some(session) = registry.session(&id) {
                match alarm {
                    Alarm::Heartbeat => session.heartbeat_due(tick),
                    Alarm::Idle => session.idle_due(),
                }
            }
            if count % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
}
