//! The reference page of the metrics.

use std::fmt::Write as _;

use crate::describe::METRICS;

const INTRODUCTION: &str = "\
<!-- Generated from crates/telemetry/src/describe.rs by
     `UPDATE_DOCS=1 cargo test -p switchboard-telemetry`; do not edit. -->

# Metrics

`GET /metrics` on the admin listener, in Prometheus' text format. Times are in seconds. Every label has a
bounded set of values: no metric names a user. Histograms in seconds have buckets from 0.1 ms to 10 s.

Beside these there are the usual figures of the process: `process_cpu_seconds_total`,
`process_resident_memory_bytes`, `process_virtual_memory_bytes`, `process_open_fds`, `process_max_fds`,
`process_threads` and `process_start_time_seconds`.

| metric | type | labels | description |
|---|---|---|---|
";

/// The reference of every metric, in Markdown.
pub fn render_metrics_docs() -> String {
    let mut out = INTRODUCTION.to_owned();
    for metric in METRICS {
        let labels: Vec<_> = metric
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} |",
            metric.name,
            metric.kind.as_str(),
            labels.join(", "),
            metric.doc
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_page_is_up_to_date() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/reference/metrics.md"
        );
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, render_metrics_docs()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            page == render_metrics_docs(),
            "docs/reference/metrics.md is stale; regenerate it with\n  \
             UPDATE_DOCS=1 cargo test -p switchboard-telemetry"
        );
    }
}
