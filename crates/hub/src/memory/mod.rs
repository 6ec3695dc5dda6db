//! The hub of a single process. Several logical nodes may share it, as tests do.

pub(crate) mod buckets;
mod bus;
mod connections;
mod order;
mod presence;
mod registry;
mod roster;
mod sessions;
pub(crate) mod typing;
mod unread;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use switchboard_messaging::Clock;
use switchboard_messaging::hub::{Arrival, Hub, HubResult};
use switchboard_protocol::Timestamp;
use tokio::sync::mpsc;

use crate::own_devices::OwnDevices;
use crate::{LogBounds, RECEIVER_QUEUE};

/// What the nodes of one process share.
#[derive(Clone, Debug)]
pub struct MemoryCluster(Arc<Shared>);

/// A node's view of a [`MemoryCluster`]. Everything in it lives by the cluster's clock.
pub struct MemoryHub {
    node: String,
    shared: Arc<Shared>,
    own: OwnDevices,
}

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Held while an ordered event gets its place and goes out, so that all nodes get those of an
    /// organization in one order.
    going_out: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    bus: bus::Subscriptions,
    orders: order::Orders,
    log: LogBounds,
    sessions: sessions::Shelf,
    presence: presence::Users,
    typing: typing::Notes,
    unread: unread::Books,
    buckets: buckets::Shelf,
    registry: registry::Leases,
    connections: connections::Logs,
}

impl Shared {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryCluster {
    /// An empty cluster that lives by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Shared {
            clock,
            state: Mutex::default(),
            going_out: tokio::sync::Mutex::default(),
        }))
    }

    /// How much of each room is remembered for those who are away for a while.
    #[must_use]
    pub fn with_log(self, log: LogBounds) -> Self {
        self.0.lock().log = log;
        self
    }

    /// A node of the cluster, and the queue on which its events arrive. `node` is to be unique.
    pub fn attach(&self, node: &str) -> (Arc<MemoryHub>, mpsc::Receiver<Arrival>) {
        let (queue, events) = mpsc::channel(RECEIVER_QUEUE);
        self.0.lock().bus.attach(node, queue);
        let hub = MemoryHub {
            node: node.to_owned(),
            shared: Arc::clone(&self.0),
            own: OwnDevices::default(),
        };
        (Arc::new(hub), events)
    }
}

impl MemoryHub {
    /// The same as [`MemoryCluster::new`]: a cluster to attach nodes to.
    pub fn cluster(clock: Arc<dyn Clock>) -> MemoryCluster {
        MemoryCluster::new(clock)
    }
}

impl fmt::Debug for MemoryHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryHub")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Hub for MemoryHub {
    async fn ping(&self) -> HubResult<()> {
        Ok(())
    }

    async fn close(&self) {
        self.shared.lock().bus.detach(&self.node);
    }
}
