//! What the node says about itself.

use super::section;
use crate::key::{unset, value};
use crate::values::{LogLevel, OtlpUrl, Ratio, choice};

choice! {
    /// How a log line is written.
    pub enum LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line, for machines.
        Json = "json",
    }
}

section! {
    /// What the node says about itself. Logs go to the standard error output.
    pub struct Telemetry at "telemetry", "telemetry." {
        /// `text` for people, `json` for machines.
        log_format: LogFormat = value("text");
        /// What to log; single modules may differ, as in `info,switchboard_hub=debug`.
        log_level: LogLevel = value("info").reloadable();
        /// Where traces go by OTLP (protobuf over HTTP), as in `http://collector:4318`; `/v1/traces` is added unless it is there. Unset: no traces. What the receiver wants in headers is in `OTEL_EXPORTER_OTLP_HEADERS`.
        otlp_endpoint: Option<OtlpUrl> = unset();
        /// The part of the clients' events that is traced, from 0 to 1, of those that come without a `traceparent`. Those that end with an error of ours always are.
        trace_sample_ratio: Ratio = value("0.01");
        /// What the cluster is called in traces.
        service_name: String = value("switchboard");
    }
}
