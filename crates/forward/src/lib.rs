//! Requests that came to the wrong node go to the right one: no sticky sessions.
//!
//! The id of an Engine.IO session begins with the [`Route`] of the node that holds it. A node looks
//! at the id in a request's query ([`Forwarder`]): its own it serves, that of another node it sends
//! there, to the admin listener ([`Entrance`]), and passes the answer on as it comes. A WebSocket
//! goes on as bytes in both directions. When the other node is gone the client hears "Session ID
//! unknown", as always when a session is gone, and starts over.

mod client;
mod entrance;
mod forwarder;
mod headers;
mod knock;
mod nodes;
mod route;
mod signature;
mod tunnel;

use std::fmt;
use std::sync::{Arc, Mutex};

use switchboard_messaging::Clock;
use switchboard_messaging::draining::DrainWindow;
use switchboard_messaging::hub::Registry;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use entrance::Entrance;
pub use forwarder::Forwarder;
pub use knock::{Answered, Knocker, Said};
pub use route::Route;
pub use signature::ClusterKey;

use client::NodeClient;
use nodes::Nodes;
use tunnel::Tunnels;

/// Where the [`Entrance`] is on the admin listener.
pub const ENDPOINT: &str = "/cluster/socket.io";

/// What forwarding needs.
pub struct Parts {
    /// This node's route.
    pub route: Route,
    /// By which nodes know each other.
    pub key: ClusterKey,
    /// Which nodes there are.
    pub registry: Arc<dyn Registry>,
    /// The time of signatures.
    pub clock: Arc<dyn Clock>,
    /// Owner of the connections to other nodes, and the signal that ends them and all that is
    /// forwarded.
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}

/// A node's forwarding, to and from it.
pub struct Forwarding {
    route: Route,
    key: ClusterKey,
    clock: Arc<dyn Clock>,
    nodes: Nodes,
    client: NodeClient,
    tunnels: Tunnels,
    stop: CancellationToken,
    /// When the log last said that another node refuses this one.
    warned: Mutex<Option<Instant>>,
}

impl Forwarding {
    /// Forwards until `parts.stop`.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            route,
            key,
            registry,
            clock,
            tasks,
            stop,
        } = parts;
        Self {
            route,
            key,
            clock,
            nodes: Nodes::new(registry),
            client: NodeClient::new(tasks, stop.clone()),
            tunnels: Tunnels::new(stop.clone()),
            stop,
            warned: Mutex::new(None),
        }
    }

    /// Looks which nodes there are; to be called every few seconds. What a request finds unknown is
    /// looked for at once.
    pub async fn refresh(&self) {
        self.nodes.refresh().await;
    }

    /// Ends the WebSockets that are forwarded, spread over `window`: their clients reconnect
    /// elsewhere.
    pub async fn drain(&self, window: &DrainWindow) {
        self.tunnels.drain(window).await;
    }
}

impl fmt::Debug for Forwarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarding")
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}
