//! What a node says about itself: logs to the standard error output, metrics for Prometheus, and traces
//! by OTLP.
//!
//! Every metric has one row in the table ([`METRICS`]), from which the exporter's help texts, the
//! buckets and the reference page come. Code that counts something uses the constant in [`names`].

mod describe;
mod docs;
mod error;
mod lines;
mod logs;
mod metrics;
pub mod names;
mod traces;

pub use describe::{METRICS, MetricInfo, MetricKind};
pub use docs::render_metrics_docs;
pub use error::TelemetryError;
pub use logs::{LogControl, LogFormat, init_logs};
pub use metrics::{
    METRICS_CONTENT_TYPE, Metrics, Snapshot, UPKEEP_INTERVAL, install_metrics, set_build_info,
};
pub use traces::{TRACE_QUEUE, TraceExport, TraceTarget};
