//! What load to put on a server: files in `scenarios/`, typed, checked, each key documented here.

mod keys;

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::keys::{check, millis};

/// The scenario of a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Scenario {
    /// How fast sockets get in.
    Connect(Connect),
    /// What sockets cost that do nothing.
    Idle(Idle),
    /// A few send, many hear.
    Fanout(Fanout),
    /// Everybody sends, hears, reads and types.
    Chat(Chat),
}

/// When the next one is due.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Pace {
    /// So many a second over all clients, whether the earlier ones are answered or not. What takes
    /// long is counted from when it was due, and so is what had to wait behind it.
    Open(f64),
    /// So many at a time: the next one when one is answered. In `connect` over all clients, in
    /// `fanout` and `chat` of each sender. A slow server is asked less often, and so looks better.
    Closed(u32),
}

/// `kind = "connect"`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// How many sockets get in, each of a user of its own.
    pub connections: u32,
    /// Connects a second, or at a time.
    pub pace: Pace,
    /// How long each of them stays.
    #[serde(with = "millis")]
    pub hold: Duration,
}

/// `kind = "idle"`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Idle {
    /// How many sockets are held, each of a user of its own.
    pub connections: u32,
    /// Connects a second.
    pub connect_rate: f64,
    /// How long all of them are held.
    #[serde(with = "millis")]
    pub hold: Duration,
}

/// `kind = "fanout"`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fanout {
    /// How many rooms. Nobody is in two.
    pub rooms: u32,
    /// Members of a room, its sender among them.
    pub room_size: u32,
    /// Connects a second, before anything is sent.
    pub connect_rate: f64,
    /// Sends a second over all rooms, or at a time in each.
    pub pace: Pace,
    /// Length of a message's text.
    pub content_bytes: u32,
    /// How long is sent before anything is measured. Losses count from the first message.
    #[serde(with = "millis")]
    pub warmup: Duration,
    /// How long is sent and measured.
    #[serde(with = "millis")]
    pub duration: Duration,
    /// How long may pass after that until all is acked and delivered.
    #[serde(with = "millis")]
    pub grace: Duration,
}

/// `kind = "chat"`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Chat {
    /// How many rooms. Nobody is in two.
    pub rooms: u32,
    /// Members of a room; all of them send.
    pub room_size: u32,
    /// Connects a second, before anything is sent.
    pub connect_rate: f64,
    /// Sends a second over all members, or at a time of each.
    pub pace: Pace,
    /// Length of a message's text.
    pub content_bytes: u32,
    /// Share of deliveries that are answered by a receipt, `message:read`.
    pub receipts: f64,
    /// Share of sends before which the sender is said to type, `message:typing`.
    pub typing: f64,
    /// How long is sent before anything is measured. Losses count from the first message.
    #[serde(with = "millis")]
    pub warmup: Duration,
    /// How long is sent and measured.
    #[serde(with = "millis")]
    pub duration: Duration,
    /// How long may pass after that until all is acked and delivered.
    #[serde(with = "millis")]
    pub grace: Duration,
}

/// What is wrong with a scenario, and where.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file, or it may not be read.
    #[error("{file}: {error}")]
    Unreadable {
        /// As it was given.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// It is no scenario. The text shows the line and names the key.
    #[error("{file}: {error}")]
    Malformed {
        /// As it was given.
        file: String,
        /// With the line, as far as there is one.
        error: String,
    },
    /// A key of `--set` and its value.
    #[error("--set {0} needs the form key=value")]
    Override(String),
}

impl Scenario {
    /// Reads a file, and then `key=value` for each of `overrides`, whose values are TOML too (but
    /// need no quotes for text).
    pub fn read(path: &Path, overrides: &[String]) -> Result<Self, Error> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| Error::Unreadable {
            file: file.clone(),
            error,
        })?;
        let text = keys::replace(text, overrides, &file)?;
        Self::parse(&text).map_err(|error| Error::Malformed { file, error })
    }

    /// A scenario from the text of its file, or what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, text) = keys::kind(text)?;
        let words = |error: toml::de::Error| error.to_string().trim_end().to_owned();
        let scenario = match kind.as_str() {
            "connect" => toml::from_str(&text).map(Self::Connect),
            "idle" => toml::from_str(&text).map(Self::Idle),
            "fanout" => toml::from_str(&text).map(Self::Fanout),
            "chat" => toml::from_str(&text).map(Self::Chat),
            other => {
                return Err(format!(
                    "`kind` is {other:?}, and must be connect, idle, fanout or chat"
                ));
            }
        };
        let scenario = scenario.map_err(words)?;
        scenario.check()?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Connect(it) => {
                check::connections(it.connections)?;
                check::pace(it.pace)?;
                check::time("hold", it.hold)
            }
            Self::Idle(it) => {
                check::connections(it.connections)?;
                check::rate("connect_rate", it.connect_rate)?;
                check::time("hold", it.hold)
            }
            Self::Fanout(it) => {
                check::rooms(it.rooms, it.room_size)?;
                check::rate("connect_rate", it.connect_rate)?;
                check::pace(it.pace)?;
                check::content(it.content_bytes)?;
                check::times(it.warmup, it.duration, it.grace)
            }
            Self::Chat(it) => {
                check::rooms(it.rooms, it.room_size)?;
                check::rate("connect_rate", it.connect_rate)?;
                check::pace(it.pace)?;
                check::content(it.content_bytes)?;
                check::share("receipts", it.receipts)?;
                check::share("typing", it.typing)?;
                check::times(it.warmup, it.duration, it.grace)
            }
        }
    }

    /// The word in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::Idle(_) => "idle",
            Self::Fanout(_) => "fanout",
            Self::Chat(_) => "chat",
        }
    }
}

#[cfg(test)]
mod tests;
