//! Traces leave the process by OTLP, as protobuf over HTTP.

mod spans;

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanExporter as _;
use switchboard_trace::FinishedSpan;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::{TelemetryError, names};

/// Traces that wait for their export at most: some seconds' worth.
pub const TRACE_QUEUE: usize = 2_048;
/// Most spans of one request, but for the rest of a trace.
const MOST_SPANS: usize = 512;
/// How long spans wait for others to share a request.
const GATHER: Duration = Duration::from_secs(1);
/// How long one attempt may take, and all attempts for one request.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where traces go, and who says so.
#[derive(Clone, Debug)]
pub struct TraceTarget {
    /// The whole URL that spans are posted to.
    pub url: String,
    /// What the whole cluster is called among others.
    pub service: String,
    /// What this node is called.
    pub node: String,
    pub version: &'static str,
}

/// Takes spans from their queue to where they go.
#[derive(Debug)]
pub struct TraceExport {
    exporter: opentelemetry_otlp::SpanExporter,
    queue: mpsc::Receiver<Vec<FinishedSpan>>,
    /// Whether the last request failed: that is said once.
    is_failing: bool,
}

impl TraceExport {
    /// Fails when the URL or one of the `OTEL_EXPORTER_OTLP_…` variables (headers, compression) cannot be
    /// used; nothing is sent yet.
    pub fn new(
        target: &TraceTarget,
        queue: mpsc::Receiver<Vec<FinishedSpan>>,
    ) -> Result<Self, TelemetryError> {
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| TelemetryError::Traces(error.to_string()))?;
        let mut exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(http)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&target.url)
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| TelemetryError::Traces(error.to_string()))?;
        exporter.set_resource(&resource(target));
        Ok(Self {
            exporter,
            queue,
            is_failing: false,
        })
    }

    /// Exports until nobody makes spans any more, or `stop`; then what waits goes out with one last
    /// request or a few, for which the caller sets the time.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let first = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                first = self.queue.recv() => first,
            };
            let Some(mut spans) = first else { return };
            let gathering = self.gather(&mut spans, Instant::now() + GATHER);
            stop.run_until_cancelled(gathering).await;
            // An attempt that is under way is the last one for its spans anyway.
            self.export(spans).await;
        }
        while let Ok(mut spans) = self.queue.try_recv() {
            while spans.len() < MOST_SPANS
                && let Ok(more) = self.queue.try_recv()
            {
                spans.extend(more);
            }
            self.export(spans).await;
        }
    }

    /// Waits for more until `end`, or until there are enough.
    async fn gather(&mut self, spans: &mut Vec<FinishedSpan>, end: Instant) {
        while spans.len() < MOST_SPANS
            && let Ok(Some(more)) = timeout_at(end, self.queue.recv()).await
        {
            spans.extend(more);
        }
    }

    async fn export(&mut self, spans: Vec<FinishedSpan>) {
        let count = spans.len() as u64;
        let spans = spans.into_iter().map(spans::exported).collect();
        match self.exporter.export(spans).await {
            Ok(()) => {
                metrics::counter!(names::TRACE_SPANS_EXPORTED_TOTAL).increment(count);
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!("traces are exported again");
                }
            }
            Err(error) => {
                metrics::counter!(names::TRACE_SPANS_DROPPED_TOTAL, "reason" => "export")
                    .increment(count);
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(%error, "traces not exported; dropped until that works again");
                }
            }
        }
    }
}

fn resource(target: &TraceTarget) -> Resource {
    let attributes = [
        ("service.name", target.service.clone()),
        ("service.version", target.version.to_owned()),
        ("service.instance.id", target.node.clone()),
        // As in log lines.
        ("node", target.node.clone()),
    ];
    let attributes = attributes.map(|(key, value)| KeyValue::new(key, value));
    Resource::builder_empty()
        .with_attributes(attributes)
        .build()
}

#[cfg(test)]
mod tests;
