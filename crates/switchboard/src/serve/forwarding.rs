//! The node's place among those that forward requests to each other.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use switchboard_config::Settings;
use switchboard_forward::{ClusterKey, ENDPOINT, Entrance, Forwarder, Forwarding, Parts, Route};
use switchboard_gateway::SocketService;
use switchboard_messaging::Messaging;
use switchboard_messaging::draining::DrainWindow;
use tokio::net::TcpListener;

use super::Listeners;

/// What the others know of this node, and how it forwards to them.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// What the ids of its sessions begin with.
    pub(crate) route: Route,
    /// Where it takes what the others forward, and what forwards; nothing for a node that is alone,
    /// or lacks a setting (`switchboard_config` warns of that).
    forwarding: Option<(String, Arc<Forwarding>)>,
}

impl Place {
    pub(crate) fn new(
        settings: &Settings,
        (route, admin): (Route, &TcpListener),
        messaging: &Messaging,
        listeners: &Listeners,
    ) -> Self {
        let address = address(settings, admin.local_addr().ok());
        let forwarding = address.zip(cluster_key(settings)).map(|(address, key)| {
            let parts = Parts {
                route,
                key,
                registry: Arc::clone(&messaging.hub) as _,
                clock: Arc::clone(&messaging.clock),
                tasks: listeners.tasks.clone(),
                stop: listeners.stop.clone(),
            };
            (address, Arc::new(Forwarding::new(parts)))
        });
        Self { route, forwarding }
    }

    pub(crate) fn address(&self) -> Option<String> {
        self.forwarding.as_ref().map(|(address, _)| address.clone())
    }

    /// Looks which other nodes there are.
    pub(crate) async fn refresh(&self) {
        if let Some((_, forwarding)) = &self.forwarding {
            forwarding.refresh().await;
        }
    }

    /// Ends what is forwarded for clients that have a WebSocket here, so that they reconnect
    /// elsewhere.
    pub(crate) async fn drain(&self, window: &DrainWindow) {
        if let Some((_, forwarding)) = &self.forwarding {
            forwarding.drain(window).await;
        }
    }

    /// The public side: other nodes' sessions go to them.
    pub(crate) fn around(&self, gateway: impl SocketService) -> impl SocketService {
        let forwarding = self.forwarding.as_ref();
        Forwarder::new(
            forwarding.map(|(_, forwarding)| Arc::clone(forwarding)),
            gateway,
        )
    }

    /// The inner side: what the others forward.
    pub(crate) fn entrance(&self, gateway: impl SocketService) -> Router {
        let Some((_, forwarding)) = &self.forwarding else {
            return Router::new();
        };
        let entrance = Entrance::new(Arc::clone(forwarding), gateway);
        Router::new().nest_service(ENDPOINT, entrance)
    }
}

/// Where the others reach the admin listener, if there are others.
fn address(settings: &Settings, bound: Option<SocketAddr>) -> Option<String> {
    settings.redis.url.as_ref()?;
    if let Some(url) = &settings.admin.advertise {
        return Some(url.as_str().to_owned());
    }
    bound
        .filter(|bound| !bound.ip().is_unspecified())
        .map(|bound| format!("http://{bound}"))
}

/// By what nodes know each other, if there is something.
pub(crate) fn cluster_key(settings: &Settings) -> Option<ClusterKey> {
    let bytes = |secret: &switchboard_config::Secret<String>| secret.expose().as_bytes().to_vec();
    let own = settings.admin.cluster_secret.as_ref().map(bytes);
    let shared = settings.auth.secret.as_ref().map(bytes);
    own.map(|own| ClusterKey::new(&own))
        .or_else(|| shared.map(|shared| ClusterKey::derived_from(&shared)))
}
