//! What a node does every few seconds: keeps its lease, and the metrics that are states.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use switchboard_api::health::{Health, Phase};
use switchboard_messaging::Messaging;
use switchboard_messaging::hub::NodeInfo;
use switchboard_protocol::Timestamp;
use switchboard_protocol::answers::NodeFigures;
use switchboard_socketio::{Io, Transport};
use switchboard_telemetry::{Metrics, names};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::figures::Figures;
use super::forwarding::Place;

/// A third of the lease is 5 s; a little less leaves room for a slow answer.
const EVERY: Duration = Duration::from_secs(4);

/// Does the rounds of a node.
#[derive(Debug)]
pub(crate) struct Keeper {
    started_at: Timestamp,
    messaging: Messaging,
    io: Io,
    place: Place,
    health: Health,
    metrics: Metrics,
    figures: Figures,
}

impl Keeper {
    pub(crate) fn new(
        health: Health,
        (messaging, place): (&Messaging, &Place),
        io: Io,
        metrics: Metrics,
    ) -> Self {
        let started_at = messaging.clock.now();
        let messaging = messaging.clone();
        Self {
            started_at,
            messaging,
            io,
            place: place.clone(),
            health,
            metrics,
            figures: Figures::default(),
        }
    }

    fn figures(&self, connections: u64) -> NodeFigures {
        measure_sockets(&self.io);
        let seen = self.figures.look(&self.metrics.snapshot(), Instant::now());
        let users = self.messaging.presence.count_by_status();
        let users: usize = users.into_iter().map(|(_, count)| count).sum();
        let without = |is_so: bool| i64::from(is_so);
        let hub = self.health.hub.1.circuit();
        let store = self.health.store.1.circuit();
        NodeFigures {
            connections: connections as i64,
            users: users as i64,
            without_database: without(store.is_some_and(|circuit| !circuit.is_closed())),
            without_redis: without(hub.is_some_and(|circuit| {
                !circuit.is_closed() || circuit.recovered_within(Duration::from_mins(1))
            })),
            ..seen
        }
    }

    /// Does the first round, and then all others.
    pub(crate) async fn start(self, (tasks, stop): (&TaskTracker, &CancellationToken)) {
        self.keep_place().await;
        tasks.spawn(self.run(stop.clone()));
    }

    /// Renews the lease, and looks after what dead nodes left.
    async fn keep_place(&self) {
        let connections = self
            .io
            .connections()
            .iter()
            .map(|row| row.count as u64)
            .sum();
        let info = NodeInfo {
            id: self.health.node.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            connections,
            address: self.place.address(),
            route: self.place.route.as_str().to_owned(),
            figures: self.figures(connections),
            draining: self.health.lifecycle.phase() == Phase::Draining,
        };
        self.messaging.presence.keep_place(&info).await;
        self.place.refresh().await;
    }

    /// Does the rounds until `stop`, and one at once when the node drains: the others want to know.
    async fn run(self, stop: CancellationToken) {
        let mut rounds = tokio::time::interval(EVERY);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut draining = pin!(self.health.lifecycle.draining().fuse());
        loop {
            tokio::select! {
                _ = rounds.tick() => {}
                () = &mut draining => {}
                () = stop.cancelled() => return,
            }
            self.keep_place().await;
            self.measure();
            self.metrics.run_upkeep();
        }
    }

    fn measure(&self) {
        measure_sockets(&self.io);
        for (status, count) in self.messaging.presence.count_by_status() {
            let status = status.as_str();
            metrics::gauge!(names::PRESENCE_USERS, "status" => status).set(count as f64);
        }
        measure_dependencies(&self.health);
    }
}

/// The metrics of what the node stands on, as its circuits are now.
pub(crate) fn measure_dependencies(health: &Health) {
    metrics::gauge!(names::DEGRADED).set(f64::from(u8::from(health.is_degraded())));
    let circuits = [
        (names::POSTGRES_UP, health.store.1.circuit()),
        (names::REDIS_UP, health.hub.1.circuit()),
    ];
    for (name, circuit) in circuits {
        if let Some(circuit) = circuit {
            metrics::gauge!(name).set(f64::from(u8::from(circuit.is_closed())));
        }
    }
}

/// The metrics of the sockets as they are now.
pub(crate) fn measure_sockets(io: &Io) {
    let counted = io.connections();
    // Those that are served: no client makes another one.
    for namespace in io.namespaces() {
        for transport in [Transport::Polling, Transport::WebSocket] {
            let here = counted.iter().filter(|row| row.transport == transport);
            let here = here.filter(|row| row.namespace == namespace);
            let count: usize = here.map(|row| row.count).sum();
            let labels = [
                ("transport", transport.as_str().to_owned()),
                ("namespace", namespace.clone()),
            ];
            metrics::gauge!(names::CONNECTIONS, &labels).set(count as f64);
        }
    }
    metrics::gauge!(names::SEND_QUEUE_BYTES).set(io.queued_bytes() as f64);
    metrics::counter!(names::CONNECTIONS_REFUSED_TOTAL, "limit" => "address")
        .absolute(io.addresses_refused());
    metrics::counter!(names::SLOW_CONSUMERS_TOTAL).absolute(io.slow_consumers());
}
