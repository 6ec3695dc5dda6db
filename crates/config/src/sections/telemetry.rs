//! What the node says about itself.

use super::section;
use crate::key::value;
use crate::values::{LogLevel, choice};

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
    }
}
