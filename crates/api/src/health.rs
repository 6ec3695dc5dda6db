//! How the node is: what it is up to, and whether what it stands on answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use switchboard_messaging::{Circuit, Clock, Hub, Store};
use switchboard_protocol::Timestamp;
use tokio::sync::watch;

/// A dependency that has not answered by then does not answer. Probes commonly wait for a second,
/// and a database that hangs must not make them fail.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a node is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Not open yet.
    Starting,
    /// Open.
    Ready,
    /// On the way out: takes nobody new.
    Draining,
}

/// What a node is up to, shared by whoever decides it and whoever is asked. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lifecycle(Arc<watch::Sender<Phase>>);

impl Default for Lifecycle {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Phase::Starting)))
    }
}

impl Lifecycle {
    /// The node is in this phase from now on.
    pub fn enter(&self, phase: Phase) {
        self.0.send_replace(phase);
    }

    /// The phase it is in.
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Returns when it drains.
    pub async fn draining(&self) {
        let mut phases = self.0.subscribe();
        // The sender lives as long as this.
        let _ = phases.wait_for(|phase| *phase == Phase::Draining).await;
    }
}

/// One thing that the node stands on.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// `database` or `hub`.
    pub name: &'static str,
    /// What it is, such as `postgres` or `memory`.
    pub kind: &'static str,
    /// Whether it answered in time.
    pub ok: bool,
    /// How long the answer took.
    pub latency_ms: f64,
    /// Where the circuit before it is: `closed`, `half-open` or `open`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit: Option<&'static str>,
    /// Since when the node does without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How a node is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What it is up to.
    pub status: Phase,
    /// Whether something that it stands on does not answer. The node goes on with what it can.
    pub degraded: bool,
    pub node: String,
    pub version: &'static str,
    pub dependencies: Vec<Dependency>,
}

/// Finds out how the node is.
#[derive(Clone, Debug)]
pub struct Health {
    pub lifecycle: Lifecycle,
    pub node: String,
    pub version: &'static str,
    /// The database and what kind it is.
    pub store: (&'static str, Arc<dyn Store>),
    /// The shared memory and what kind it is.
    pub hub: (&'static str, Arc<dyn Hub>),
    pub clock: Arc<dyn Clock>,
}

impl Health {
    /// Asks everything that the node stands on, at the same time.
    pub async fn report(&self) -> Report {
        let store = async { self.store.1.ping().await.is_ok() };
        let hub = async { self.hub.1.ping().await.is_ok() };
        let (mut store, mut hub) = tokio::join!(
            asked("database", self.store.0, store),
            asked("hub", self.hub.0, hub)
        );
        self.explain(&mut store, self.store.1.circuit());
        self.explain(&mut hub, self.hub.1.circuit());
        let dependencies = vec![store, hub];
        let degraded = self.is_degraded() || dependencies.iter().any(|dependency| !dependency.ok);
        let (status, node) = (self.lifecycle.phase(), self.node.clone());
        Report {
            status,
            degraded,
            node,
            version: self.version,
            dependencies,
        }
    }
}

impl Health {
    /// Whether the node does without something now. Nobody is asked.
    pub fn is_degraded(&self) -> bool {
        let circuits = [self.store.1.circuit(), self.hub.1.circuit()];
        circuits
            .iter()
            .flatten()
            .any(|circuit| circuit.outage().is_some())
    }

    fn explain(&self, dependency: &mut Dependency, circuit: Option<&Circuit>) {
        let Some(circuit) = circuit else { return };
        dependency.circuit = Some(circuit.phase().as_str());
        if let Some(outage) = circuit.outage() {
            let lasts = i64::try_from(outage.began.elapsed().as_millis()).unwrap_or(i64::MAX);
            let now = self.clock.now().as_millis();
            dependency.since = Some(Timestamp::from_millis(now.saturating_sub(lasts)));
            dependency.why = Some(outage.why);
        }
    }
}

async fn asked(
    name: &'static str,
    kind: &'static str,
    answers: impl Future<Output = bool>,
) -> Dependency {
    let started = Instant::now();
    let ok = tokio::time::timeout(PATIENCE, answers)
        .await
        .unwrap_or(false);
    let latency_ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
    Dependency {
        name,
        kind,
        ok,
        latency_ms,
        circuit: None,
        since: None,
        why: None,
    }
}
