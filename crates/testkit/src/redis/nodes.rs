//! The processes of one set-up, each known by its port.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::instance::Instance;

/// How long a set-up may take to be as it should.
const SETTLED_WITHIN: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(super) struct Nodes(pub(super) Vec<Instance>);

impl Nodes {
    pub(super) fn at(&self, port: u16) -> Result<&Instance> {
        let found = self.0.iter().find(|node| node.port() == port);
        found.with_context(|| format!("no node at port {port}"))
    }

    pub(super) fn at_mut(&mut self, port: u16) -> Result<&mut Instance> {
        let found = self.0.iter_mut().find(|node| node.port() == port);
        found.with_context(|| format!("no node at port {port}"))
    }

    pub(super) fn ports(&self) -> Vec<u16> {
        self.0.iter().map(Instance::port).collect()
    }

    /// `{port, pid}` of each.
    pub(super) fn described(&self) -> Vec<serde_json::Value> {
        let nodes = self.0.iter();
        nodes
            .map(|node| serde_json::json!({ "port": node.port(), "pid": node.pid() }))
            .collect()
    }
}

/// Waits until `look` finds something; a look that fails has found nothing yet.
pub(super) async fn until<T>(what: &str, look: impl AsyncFn() -> Result<Option<T>>) -> Result<T> {
    let patience = Instant::now() + SETTLED_WITHIN;
    loop {
        let seen = look().await;
        if let Ok(Some(found)) = seen {
            return Ok(found);
        }
        ensure!(
            Instant::now() < patience,
            "{what}: not within {SETTLED_WITHIN:?}; last: {:?}",
            seen.err()
        );
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}
