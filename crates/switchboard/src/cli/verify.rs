//! The options of `switchboard verify`.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{ConfigFile, duration};

/// It makes conversations of its own, with users called `verify-RUN-N` in organizations called
/// `verify-N`. They stay in the database.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// An address of the cluster, such as `https://chat.example.com`; more than once, or with commas.
    /// Clients reconnect to the next one
    #[arg(
        long = "url",
        value_name = "URL",
        required = true,
        value_delimiter = ','
    )]
    pub(crate) urls: Vec<String>,
    /// The secret that tokens are signed with; without it, the configured one or the development key
    #[arg(long, value_name = "SECRET", conflicts_with = "secret_file")]
    pub(crate) secret: Option<String>,
    /// A file with the secret that tokens are signed with
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// How many clients, each a user of its own
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) clients: usize,
    /// How many conversations they make
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) conversations: usize,
    /// How many members a conversation has: a number, or a range such as 5..10
    #[arg(long, value_name = "N", default_value = "5..10", value_parser = members)]
    pub(crate) members: RangeInclusive<usize>,
    /// How many organizations the conversations are spread over
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) organizations: usize,
    /// Sends a second, over all clients
    #[arg(long, value_name = "N", default_value_t = 50.0)]
    pub(crate) rate: f64,
    /// How long is sent, such as 90s, 30m or 1h
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) duration: Duration,
    /// How long may pass after that until all is acked and delivered
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) grace: Duration,
    /// About how long a client waits before it reconnects, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = millis())]
    pub(crate) reconnect_delay: u64,
    /// The longest that it waits, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5000, value_parser = millis())]
    pub(crate) reconnect_delay_max: u64,
    /// How long a connection may take to open, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 20_000, value_parser = millis())]
    pub(crate) connect_timeout: u64,
    /// How long an answer may take before a call is repeated, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5000, value_parser = millis())]
    pub(crate) ack_timeout: u64,
    /// Write the report as JSON, to FILE or, without one or with -, to stdout instead of the text
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub(crate) json: Option<PathBuf>,
    /// Show no progress
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Make the same choices as the run that had this seed
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

/// A millisecond to an hour.
fn millis() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=3_600_000)
}

/// `7` or `5..10`, both ends included.
fn members(text: &str) -> Result<RangeInclusive<usize>, String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let number = |text: &str| text.trim_start_matches('=').parse::<usize>();
    match (number(least), number(most)) {
        (Ok(least), Ok(most)) if least <= most => Ok(least..=most),
        _ => Err("needs a number, or a range such as 5..10".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_a_number_or_a_range() {
        assert_eq!(members("7"), Ok(7..=7));
        assert_eq!(members("5..10"), Ok(5..=10));
        for bad in ["", "..", "5..", "..5", "10..5", "five", "-1"] {
            assert!(members(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
