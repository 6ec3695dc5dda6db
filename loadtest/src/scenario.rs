//! What load to put on a server: files in `scenarios/`, typed, checked, each key documented here.

mod keys;
mod kinds;

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use self::kinds::Keys;
pub use self::kinds::{
    Chat, Connect, Fanout, History, Idle, PresenceStorm, ReconnectStorm, SlowConsumers, Tenants,
};

/// The scenario of a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Scenario {
    /// How fast sockets get in.
    Connect(Connect),
    /// What sockets cost that do nothing.
    Idle(Idle),
    /// A few send, many hear.
    Fanout(Fanout),
    /// Everybody sends, hears, reads and types.
    Chat(Chat),
    /// All are cut at once and come back.
    ReconnectStorm(ReconnectStorm),
    /// Users come, go and change, and others are told.
    PresenceStorm(PresenceStorm),
    /// Some stop reading what they are sent.
    SlowConsumers(SlowConsumers),
    /// A noisy organization beside a quiet one.
    Tenants(Tenants),
    /// Old messages are read, page by page.
    History(History),
}

/// What can stand behind `kind`.
const KINDS: &str = "connect, idle, fanout, chat, reconnect-storm, presence-storm, slow-consumers, \
tenants or history";

/// By what sockets are connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// One WebSocket.
    #[default]
    WebSocket,
    /// HTTP long-polling: a `GET` that waits for packets, and a `POST` for what is sent, each on a
    /// connection that is kept.
    Polling,
}

/// When the next one is due.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Pace {
    /// So many a second over all clients, whether the earlier ones are answered or not. What takes
    /// long is counted from when it was due, and so is what had to wait behind it.
    Open(f64),
    /// So many at a time: the next one when one is answered. In `connect` over all clients, in
    /// others of each sender. A slow server is asked less often, and so looks better.
    Closed(u32),
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
        match kind.as_str() {
            "connect" => read(&text, Self::Connect),
            "idle" => read(&text, Self::Idle),
            "fanout" => read(&text, Self::Fanout),
            "chat" => read(&text, Self::Chat),
            "reconnect-storm" => read(&text, Self::ReconnectStorm),
            "presence-storm" => read(&text, Self::PresenceStorm),
            "slow-consumers" => read(&text, Self::SlowConsumers),
            "tenants" => read(&text, Self::Tenants),
            "history" => read(&text, Self::History),
            other => Err(format!("`kind` is {other:?}, and must be {KINDS}")),
        }
    }

    /// The word in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::Idle(_) => "idle",
            Self::Fanout(_) => "fanout",
            Self::Chat(_) => "chat",
            Self::ReconnectStorm(_) => "reconnect-storm",
            Self::PresenceStorm(_) => "presence-storm",
            Self::SlowConsumers(_) => "slow-consumers",
            Self::Tenants(_) => "tenants",
            Self::History(_) => "history",
        }
    }

    /// By what its sockets are connected.
    pub fn transport(&self) -> Transport {
        match self {
            Self::Connect(it) => it.transport,
            Self::Idle(it) => it.transport,
            Self::Fanout(it) => it.transport,
            Self::Chat(it) => it.transport,
            Self::ReconnectStorm(it) => it.transport,
            Self::PresenceStorm(it) => it.transport,
            Self::SlowConsumers(it) => it.transport,
            Self::Tenants(it) => it.transport,
            Self::History(it) => it.transport,
        }
    }
}

fn read<T: DeserializeOwned + Keys>(text: &str, of: fn(T) -> Scenario) -> Result<Scenario, String> {
    let keys: T = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    keys.check()?;
    Ok(of(keys))
}

#[cfg(test)]
mod tests;
