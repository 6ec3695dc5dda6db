//! The addresses that a node listens on: free, or had by the node that runs here.

use std::io::ErrorKind;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::net::TcpListener;

use super::finding::Finding;
use super::patient::Patient;
use crate::commands::health;

/// The node that runs on this host with this configuration.
#[derive(Clone, Debug)]
pub(super) struct LocalNode {
    pub(super) id: String,
    /// The descriptors that it may have.
    pub(super) max_files: Option<u64>,
}

pub(super) struct Listeners {
    pub(super) findings: Vec<Finding>,
    pub(super) node: Option<LocalNode>,
}

pub(super) async fn look(patient: &Patient<'_>) -> Listeners {
    let settings = patient.settings();
    let node = local_node(patient, settings.admin.listen).await;
    let id = node.as_ref().map(|node| node.id.as_str());
    let findings = vec![
        free("http.listen", settings.http.listen, id).await,
        free("admin.listen", settings.admin.listen, id).await,
    ];
    Listeners { findings, node }
}

async fn free(key: &str, address: SocketAddr, node: Option<&str>) -> Finding {
    match (TcpListener::bind(address).await, node) {
        (Ok(_), _) => Finding::ok(key, format!("{address} is free")),
        (Err(error), Some(node)) if error.kind() == ErrorKind::AddrInUse => {
            let found = format!("{address} is in use, by node {node}, which runs here");
            Finding::ok(key, found)
        }
        (Err(error), None) if error.kind() == ErrorKind::AddrInUse => Finding::warn(
            key,
            format!("{address} is in use, and no node of this configuration answers"),
            format!(
                "`ss -ltnp 'sport = :{}'` says by whom; end that, or choose another {key}",
                address.port()
            ),
        ),
        (Err(error), _) => Finding::fail(
            key,
            format!("{address} cannot be listened on: {error}"),
            format!("set {key} to an address of this host (`ip address`), and a port above 1023"),
        ),
    }
}

async fn local_node(patient: &Patient<'_>, listen: SocketAddr) -> Option<LocalNode> {
    let base = health::admin_url(listen);
    let (_, health) = health::ask(&format!("{base}/healthz"), patient.within)
        .await
        .ok()?;
    let health: Value = serde_json::from_str(&health).ok()?;
    let id = health["node"].as_str()?.to_owned();
    let metrics = health::ask(&format!("{base}/metrics"), patient.within).await;
    let max_files = metrics.ok().and_then(|(_, text)| max_files(&text));
    Some(LocalNode { id, max_files })
}

fn max_files(metrics: &str) -> Option<u64> {
    let mut lines = metrics.lines();
    let value = lines.find_map(|line| line.strip_prefix("process_max_fds "))?;
    value.trim().parse::<f64>().ok().map(|number| number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_a_node_is_in_its_metrics() {
        let metrics = "# TYPE process_max_fds gauge\nprocess_max_fds 65536\n";
        assert_eq!(max_files(metrics), Some(65_536));
        assert_eq!(max_files("process_open_fds 3"), None);
    }
}
