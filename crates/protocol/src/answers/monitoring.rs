//! Answers to `monitoring:*`.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// Figures of the whole cluster.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MonitoringMetrics {
    #[serde(flatten)]
    pub figures: Map<String, Value>,
}

/// The newest connection events.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MonitoringEvents {
    pub events: Vec<Value>,
}

/// Connections by address and user agent.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MonitoringStats {
    #[serde(flatten)]
    pub figures: Map<String, Value>,
}

/// How the cluster is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MonitoringHealth {
    #[serde(flatten)]
    pub figures: Map<String, Value>,
}
