//! Where this node's traces go, if somebody wants them.

use std::time::Duration;

use switchboard_config::Settings;
use switchboard_messaging::SystemClock;
use switchboard_telemetry::{TRACE_QUEUE, TraceExport, TraceTarget};
use switchboard_trace::Tracer;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::exit::Failure;

/// How long a node that stops waits for its last traces to be taken.
const LAST: Duration = Duration::from_secs(3);

/// Owner of the task that exports traces. It outlives all others, whose last spans it takes.
pub(crate) struct Traces {
    pub(crate) tracer: Option<Tracer>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Traces {
    /// Begins to export, if there is somewhere to export to.
    pub(crate) fn start(settings: &Settings, node_id: &str) -> Result<Self, Failure> {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let telemetry = &settings.telemetry;
        let tracer = match &telemetry.otlp_endpoint {
            None => None,
            Some(endpoint) => {
                let how = switchboard_trace::Settings {
                    ratio: telemetry.trace_sample_ratio.get(),
                    now: SystemClock::system_time,
                    random: rand::random,
                };
                let (tracer, queue) = Tracer::new(how, TRACE_QUEUE);
                let target = TraceTarget {
                    url: endpoint.of_traces(),
                    service: telemetry.service_name.clone(),
                    node: node_id.to_owned(),
                    version: env!("CARGO_PKG_VERSION"),
                };
                let export = TraceExport::new(&target, queue);
                let export = export.map_err(anyhow::Error::from)?;
                tasks.spawn(export.run(stop.clone()));
                Some(tracer)
            }
        };
        tasks.close();
        Ok(Self {
            tracer,
            tasks,
            stop,
        })
    }

    /// Sends what is left, unless that takes too long.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        if tokio::time::timeout(LAST, self.tasks.wait()).await.is_err() {
            tracing::warn!("the last traces were not taken in time");
        }
    }
}
