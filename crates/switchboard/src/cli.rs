//! The command line.

mod doctor;
#[cfg(test)]
mod reference;
mod verify;

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub(crate) use self::doctor::{Doctor, Health};
pub(crate) use self::verify::Verify;

/// A Socket.IO-compatible messaging gateway: acked means stored; in order, no gap, no double.
#[derive(Debug, Parser)]
#[command(name = "switchboard", version = version(), arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a node. Without any configuration: SQLite and everything else in ./data, on port 8080
    Serve(ConfigFile),
    /// Bring the database's schema up to date
    Migrate(Migrate),
    /// Look at the configuration
    Config(Config),
    /// Print a token, signed with the configured secret or the development key
    Token(Token),
    /// Connect to everything that is configured, and say what is wrong and how to mend it
    ///
    /// It changes nothing, but for a key of its own in Redis that is gone after some seconds, and a file
    /// that it removes at once where the node is going to write. Exit code 0 when no check fails, else 1;
    /// 78 when the configuration cannot be used, so that nothing else could be looked at.
    Doctor(Doctor),
    /// Ask a running node whether it is ready: for health checks
    ///
    /// One line, and exit code 0 if it is and 1 if not, also when it does not answer.
    Health(Health),
    /// Run many clients against a live cluster, and judge whether it keeps its promises
    Verify(Verify),
    /// Print the version
    Version,
}

/// Where the configuration is. Every key can also be set by environment, which wins:
/// `SWITCHBOARD__SECTION__KEY`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConfigFile {
    /// TOML file to read
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Only print what would be applied
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check it: every mistake is listed, with its file or variable, key and reason
    Check(ConfigFile),
    /// Print what is in force, and where it comes from; secrets are not shown
    Show(ConfigFile),
    /// Print a commented file with every key and its default
    Default,
    /// Print the reference of every key, as Markdown
    Docs,
}

#[derive(Debug, Args)]
pub(crate) struct Token {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Whose token: the user's id
    #[arg(long, value_name = "USER")]
    pub(crate) sub: String,
    /// The organization's id
    #[arg(long, value_name = "ORGANIZATION")]
    pub(crate) org: String,
    /// A role, such as operator or service; may be given more than once
    #[arg(long = "role", value_name = "ROLE")]
    pub(crate) roles: Vec<String>,
    /// How long it is good, such as 90s, 30m, 1h or 7d
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    pub(crate) ttl: Duration,
}

/// `1h` and the like, as in the configuration.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return Err("needs a number and a unit: 90s, 30m, 1h or 7d".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "needs a number before its unit".to_owned())?;
    match number.checked_mul(seconds) {
        Some(0) => Err("must not be 0".to_owned()),
        // A hundred years: beyond it, a date no longer fits.
        Some(total) if total <= 100 * 366 * 24 * 3600 => Ok(Duration::from_secs(total)),
        _ => Err("must be at most a hundred years".to_owned()),
    }
}

/// Version and, when it was known at build time, commit.
pub(crate) fn version() -> &'static str {
    static VERSION: LazyLock<String> =
        LazyLock::new(|| format!("{} ({})", env!("CARGO_PKG_VERSION"), commit()));
    &VERSION
}

/// The commit that this was built from.
pub(crate) fn commit() -> &'static str {
    option_env!("SWITCHBOARD_COMMIT").unwrap_or("unknown commit")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_duration_has_a_number_and_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("7d"), Ok(Duration::from_hours(7 * 24)));
        for bad in [
            "",
            "h",
            "5",
            "5w",
            "-1h",
            "0s",
            "99999999999999999999d",
            "36601d",
        ] {
            assert!(duration(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(duration("36600d").is_ok());
    }
}
