//! Answers to `monitoring:*`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::UserId;
use crate::objects::ConnectionEventType;
use crate::timestamp::Timestamp;

/// Figures of a node, or of all nodes together. What is *per minute* or *per second* is of the last minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeFigures {
    /// Sockets.
    pub connections: i64,
    /// Users with a socket; one with sockets on two nodes counts on both.
    pub users: i64,
    /// Calls of clients.
    pub events_per_second: f64,
    /// Messages that were stored.
    pub messages_per_second: f64,
    /// Events that were put into sockets' queues.
    pub deliveries_per_second: f64,
    /// Calls that the pipeline has taken since the node started.
    pub events_total: i64,
    /// Messages that were stored since the node started.
    pub messages_total: i64,
    /// Sockets that connected.
    pub connects_per_minute: i64,
    /// Connects that were refused, for whatever reason.
    pub refused_per_minute: i64,
    /// Tokens that were refused.
    pub auth_failures_per_minute: i64,
    /// Connections that were refused for a limit.
    pub limited_connections_per_minute: i64,
    /// Clients that came back and got what they had.
    pub recoveries_per_minute: i64,
    /// Clients that came back and had to begin anew.
    pub recovery_failures_per_minute: i64,
    /// Calls that were refused for their frequency.
    pub rate_limited_per_minute: i64,
    /// Calls that were refused because too much waited.
    pub shed_per_minute: i64,
    /// Sockets that were closed because their queue was full.
    pub slow_consumers_per_minute: i64,
    /// How long the database took for an operation, on average, in milliseconds.
    pub store_ms: f64,
    /// What waits for clients to read.
    pub send_queue_bytes: i64,
    pub memory_bytes: i64,
    pub open_files: i64,
    /// Most files that the process may have open; 0 is not known.
    pub max_files: i64,
    /// Nodes whose database does not answer: of one node 0 or 1.
    pub without_database: i64,
    /// Nodes that did without Redis within the last minute: of one node 0 or 1.
    pub without_redis: i64,
}

/// Figures of the whole cluster.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MonitoringMetrics {
    pub at: Timestamp,
    /// By their ids.
    pub nodes: Vec<NodeMetrics>,
    /// Sums over all nodes; `storeMs` is the greatest.
    pub totals: NodeFigures,
}

/// A node, and its figures as it last told them, some seconds ago.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeMetrics {
    pub node_id: String,
    pub version: String,
    pub started_at: Timestamp,
    pub figures: NodeFigures,
}

/// The newest connection events.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MonitoringEvents {
    /// Of the own organization, the newest first.
    pub events: Vec<ConnectionEvent>,
}

/// Something that happened to a connection of somebody whose token was good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionEvent {
    #[serde(rename = "type")]
    pub kind: ConnectionEventType,
    pub at: Timestamp,
    pub node_id: String,
    pub user_id: UserId,
    /// The client's address; behind a proxy that is not trusted, the proxy's.
    pub address: Option<String>,
    /// What kind of program the client is, by its `User-Agent`: `Chrome`, `Node.js` … `other`, or `none`.
    pub user_agent: String,
    /// Why it was disconnected, or the code with which it was refused.
    pub reason: Option<String>,
}

/// The newest connection events, counted.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MonitoringStats {
    /// When the oldest of the events was that were counted; `null`: there are none.
    pub since: Option<Timestamp>,
    pub events: i64,
    /// Those with most events first; after 20 the others together, as `other`.
    pub by_address: Vec<ConnectionCounts>,
    /// As `byAddress`.
    pub by_user_agent: Vec<ConnectionCounts>,
}

/// Connection events of one address or kind of program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionCounts {
    pub name: String,
    pub connected: i64,
    pub disconnected: i64,
    pub refused: i64,
}

/// How the cluster is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MonitoringHealth {
    /// The worst of what `recommendations` say; `ok` without any.
    pub status: HealthStatus,
    /// Live nodes.
    pub nodes: i64,
    /// What to do, the worst first.
    pub recommendations: Vec<Recommendation>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// Nothing is.
    Ok,
    /// Something works, but not as well as it could.
    Warning,
    /// Something does not work.
    Critical,
}

/// What to do about something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recommendation {
    pub status: HealthStatus,
    /// The node that it is about; `null` is all of them.
    pub node_id: Option<String>,
    /// The setting to look at.
    pub setting: String,
    /// What was seen, and what helps.
    pub message: String,
}
