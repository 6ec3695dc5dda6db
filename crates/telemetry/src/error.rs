//! Why telemetry could not be set up or changed.

/// Why telemetry could not be set up or changed.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log level is not in the grammar of `tracing_subscriber::EnvFilter`.
    #[error("invalid log level: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// Another subscriber was installed in this process before.
    #[error("logs are already set up: {0}")]
    LogsAlreadySetUp(#[from] tracing_subscriber::util::TryInitError),
    /// The subscriber is gone, so its level cannot be changed.
    #[error("the log level cannot be changed: {0}")]
    Reload(#[from] tracing_subscriber::reload::Error),
    /// Another recorder was installed in this process before, or a bucket list is empty.
    #[error("metrics could not be set up: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// Traces cannot be sent where they are to go.
    #[error("traces could not be set up: {0}")]
    Traces(String),
}
