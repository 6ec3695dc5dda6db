//! Which task has which organization's rooms.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use switchboard_messaging::Messaging;
use switchboard_messaging::hub::BusEvent;
use switchboard_protocol::OrganizationId;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Outlet;
use super::jobs::Turns;
use super::shard::{Message, Shard};
use crate::sessions::Sessions;

/// Messages that wait for a shard. Callers wait when there are more, events of the hub are left out
/// and read from the store.
pub(super) const SHARD_QUEUE: usize = 16_384;

/// All shards of a node. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Shards(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    app: Messaging,
    outlet: Outlet,
    sessions: Sessions,
    turns: Turns,
    by_organization: Mutex<HashMap<OrganizationId, Door>>,
    holds: AtomicU64,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// The way to a shard.
#[derive(Clone, Debug)]
struct Door {
    inbox: mpsc::Sender<Message>,
    doubt: Doubt,
}

/// Whether a shard's events have a hole. Cheap to clone; clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubt(Arc<AtomicBool>);

impl Doubt {
    fn cast(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether there was doubt since this was last asked.
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::AcqRel)
    }
}

impl Shards {
    pub(super) fn new(
        app: Messaging,
        (outlet, sessions): (Outlet, Sessions),
        (tasks, stop): (TaskTracker, CancellationToken),
    ) -> Self {
        Self(Arc::new(Inner {
            app,
            outlet,
            sessions,
            turns: Turns::default(),
            by_organization: Mutex::default(),
            holds: AtomicU64::new(0),
            tasks,
            stop,
        }))
    }

    /// Sends a message, and waits while the shard's queue is full.
    pub(super) async fn send(&self, organization: &OrganizationId, message: Message) {
        let mut message = message;
        // One that is just leaving refuses it; the next try finds another one.
        while !self.0.stop.is_cancelled() {
            let door = self.door(organization);
            match door.inbox.send(message).await {
                Ok(()) => return,
                Err(refused) => message = refused.0,
            }
            tokio::task::yield_now().await;
        }
    }

    /// A number that no other hold of this node has.
    pub(super) fn next_hold(&self) -> u64 {
        self.0.holds.fetch_add(1, Ordering::Relaxed)
    }

    /// Gives an event to the shard, if there is one; it casts doubt when it does not fit.
    pub(super) fn deliver(&self, organization: &OrganizationId, event: Box<BusEvent>) {
        let door = self.lock().get(organization).cloned();
        let Some(door) = door else { return };
        match door.inbox.try_send(Message::Event(event)) {
            // Without a shard nobody follows anything.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(_)) => {
                metrics::counter!("switchboard_bus_lagged_total").increment(1);
                door.doubt.cast();
            }
        }
    }

    /// Casts doubt on what every shard has.
    pub(super) fn doubt(&self) {
        let doors: Vec<Door> = self.lock().values().cloned().collect();
        for door in doors {
            door.doubt.cast();
            // It looks at its doubt with every message; one whose queue is full has one.
            let _ = door.inbox.try_send(Message::Doubt);
        }
    }

    fn door(&self, organization: &OrganizationId) -> Door {
        let mut doors = self.lock();
        if let Some(door) = doors.get(organization) {
            return door.clone();
        }
        let inner = &self.0;
        let (sender, inbox) = mpsc::channel(SHARD_QUEUE);
        let door = Door {
            inbox: sender,
            doubt: Doubt::default(),
        };
        let shard = Shard::new(
            organization.clone(),
            inner.app.clone(),
            (inner.outlet.clone(), inner.sessions.clone()),
            inner.turns.clone(),
            door.doubt.clone(),
        );
        let running = shard.run(inbox, self.clone(), inner.stop.clone());
        inner.tasks.spawn(running);
        doors.insert(organization.clone(), door.clone());
        door
    }

    /// A shard has nothing left to do: whoever comes from here on gets another one.
    pub(super) fn leave(&self, organization: &OrganizationId) {
        self.lock().remove(organization);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrganizationId, Door>> {
        let doors = &self.0.by_organization;
        doors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
