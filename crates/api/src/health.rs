//! How the node is: what it is up to, and whether what it stands on answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use switchboard_messaging::{Hub, Store};

/// A dependency that has not answered by then does not answer. Probes commonly wait for a second,
/// and a database that hangs must not make them fail.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a node is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Not open yet.
    Starting = 0,
    /// Open.
    Ready = 1,
    /// On the way out: takes nobody new.
    Draining = 2,
}

/// What a node is up to, shared by whoever decides it and whoever is asked. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle(Arc<AtomicU8>);

impl Lifecycle {
    /// The node is in this phase from now on.
    pub fn enter(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::SeqCst);
    }

    /// The phase it is in.
    pub fn phase(&self) -> Phase {
        match self.0.load(Ordering::SeqCst) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Draining,
        }
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
}

impl Health {
    /// Asks everything that the node stands on, at the same time.
    pub async fn report(&self) -> Report {
        let store = async { self.store.1.ping().await.is_ok() };
        let hub = async { self.hub.1.ping().await.is_ok() };
        let (store, hub) = tokio::join!(
            asked("database", self.store.0, store),
            asked("hub", self.hub.0, hub)
        );
        let dependencies = vec![store, hub];
        let degraded = dependencies.iter().any(|dependency| !dependency.ok);
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
    }
}
