//! The options of `switchboard doctor` and `switchboard health`.

use std::time::Duration;

use clap::Args;

use super::{ConfigFile, duration};

/// What is examined, and how it is told.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Print one JSON document instead of the text
    #[arg(long)]
    pub(crate) json: bool,
    /// How long one look may take
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub(crate) timeout: Duration,
}

/// Who is asked, and what.
#[derive(Debug, Args)]
pub(crate) struct Health {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// The node's admin listener; without it, where the configuration has it on this machine
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Ask whether the process runs, not whether it takes connections
    #[arg(long)]
    pub(crate) live: bool,
    /// How long the answer may take
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = duration)]
    pub(crate) timeout: Duration,
}
