//! What an operator wants to know of a Redis, found out with the connections that a node has. Nothing
//! of a cluster is changed: what is written has a name of its own, and is gone after some seconds.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use fred::clients::Client;
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, ClusterInterface, EventInterface, PubsubInterface};
use fred::types::cluster::ClusterRouting;
use fred::types::config::{Config, ReconnectPolicy, Server, ServerConfig};
use fred::types::scripts::Script;
use fred::types::{CustomCommand, InfoKind};
use futures_util::future::{join_all, try_join_all};
use switchboard_messaging::hub::{HubError, HubResult, NodeInfo};
use switchboard_protocol::Timestamp;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::keys::Keys;
use super::link::{Link, builder};
use super::{RedisOptions, ServerFacts, registry};

/// How long what is written is kept.
const KEPT: Duration = Duration::from_secs(10);

/// How long a sentinel may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why Redis cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisTrouble {
    /// It does not take the user name and password.
    Credentials(String),
    /// It cannot be connected to, or does not answer.
    Unreachable(String),
    /// What it was to be reached with cannot be used: files, URL, names.
    Unusable(String),
    /// Anything else.
    Other(String),
}

impl RedisTrouble {
    fn of(error: &Error) -> Self {
        let text = said(error.details()).to_owned();
        match error.kind() {
            ErrorKind::Auth => Self::Credentials(text),
            ErrorKind::IO | ErrorKind::Timeout | ErrorKind::Canceled => Self::Unreachable(text),
            _ => Self::Other(format!("{}: {text}", error.kind().to_str())),
        }
    }
}

/// The words in `Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }`, which is how fred
/// tells errors of the system; anything else as it is.
fn said(details: &str) -> &str {
    let message = details.split_once("message: \"");
    let message = message.and_then(|(_, rest)| rest.split_once('"'));
    message.map_or(details, |(message, _)| message)
}

impl fmt::Display for RedisTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credentials(text)
            | Self::Unreachable(text)
            | Self::Unusable(text)
            | Self::Other(text) => f.write_str(text),
        }
    }
}

/// Connections to a Redis, as a node has them.
pub struct RedisExamination {
    link: Link,
    keys: Keys,
    random: u64,
}

impl fmt::Debug for RedisExamination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisExamination").finish_non_exhaustive()
    }
}

impl RedisExamination {
    /// Connects as a node does. `random` names what is written, so that two examinations at the same
    /// time do not meet.
    pub async fn connect(options: &RedisOptions, random: u64) -> Result<Self, RedisTrouble> {
        let unusable = |error: HubError| RedisTrouble::Unusable(error.0);
        let config = options.config().map_err(unusable)?;
        let reached = Link::reach(options, config).await;
        Ok(Self {
            link: reached.map_err(|error| RedisTrouble::of(&error))?,
            keys: Keys::new(&options.key_prefix),
            random,
        })
    }

    /// What the server says of itself; of a cluster each primary, behind Sentinel the primary.
    pub async fn servers(&self) -> HubResult<Vec<ServerFacts>> {
        let client = &self.link.client;
        let primaries = client.cached_cluster_state();
        let primaries = primaries.map_or_else(Vec::new, |slots| slots.unique_primary_nodes());
        if primaries.is_empty() {
            let info: String = self.link.run(client.info(Some(InfoKind::Default))).await?;
            let connected = client.active_connections();
            let address = connected.first().map(Server::to_string);
            return Ok(vec![ServerFacts::read(address.unwrap_or_default(), &info)]);
        }
        let asked = primaries.into_iter().map(|primary| async move {
            let address = primary.to_string();
            let one = client.with_cluster_node(primary);
            let info: String = one.info(Some(InfoKind::Default)).await?;
            Ok(ServerFacts::read(address, &info))
        });
        self.link.run(try_join_all(asked)).await
    }

    /// How many of a cluster's 16,384 slots a primary has; nothing of a Redis that is no cluster.
    pub async fn slots(&self) -> HubResult<Option<u32>> {
        if !self.link.is_clustered() {
            return Ok(None);
        }
        let told = self.link.run(self.link.client.cluster_slots()).await?;
        let told = ClusterRouting::from_cluster_slots(told, "");
        let told = told.map_err(|error| HubError(error.to_string()))?;
        let ranges = told.slots().iter();
        Ok(Some(
            ranges
                .map(|range| u32::from(range.end) - u32::from(range.start) + 1)
                .sum(),
        ))
    }

    /// Has a script write a key and read it back; the time that it was for Redis.
    pub async fn runs_scripts(&self) -> HubResult<Timestamp> {
        let script = Script::from_lua(include_str!("examine.lua"));
        let keys = vec![self.keys.examined(self.random)];
        let args = vec!["examined".into(), super::millis(KEPT).into()];
        let (read, now): (String, i64) = self.link.call(&script, keys, args).await?;
        if read != "examined" {
            return Err(HubError("what was written was not what was read".into()));
        }
        Ok(Timestamp::from_millis(now))
    }

    /// Publishes something, and how long it took to be heard, on the connections and in the way that
    /// nodes use.
    pub async fn hears_itself(&self) -> HubResult<Duration> {
        let (listener, client) = (&self.link.listener, &self.link.client);
        let mut messages = listener.message_rx();
        let name = self.keys.examined(self.random);
        let sharded = self.link.is_clustered();
        if sharded {
            self.link
                .routed(|| listener.ssubscribe(name.as_str()))
                .await?;
        } else {
            self.link.run(listener.subscribe(name.as_str())).await?;
            self.link.run(listener.ping::<()>(None)).await?;
        }
        let began = Instant::now();
        if sharded {
            let send = || client.spublish::<(), _, _>(name.as_str(), "heard");
            self.link.routed(send).await?;
        } else {
            let sending = client.publish::<(), _, _>(name.as_str(), "heard");
            self.link.run(sending).await?;
        }
        let heard = async {
            loop {
                match messages.recv().await {
                    Ok(message) if *message.channel == *name => return true,
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return false,
                }
            }
        };
        match timeout(self.link.deadline, heard).await {
            Ok(true) => Ok(began.elapsed()),
            _ => Err(HubError("what was published was not heard".into())),
        }
    }

    /// The nodes whose lease is valid.
    pub async fn nodes(&self) -> HubResult<Vec<NodeInfo>> {
        registry::nodes(&self.link, &self.keys).await
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.link.close().await;
    }
}

/// The sentinels of a URL.
#[derive(Clone, Debug)]
pub struct SentinelsAsked {
    /// What the URL calls the primary.
    pub service: String,
    /// In the order of the URL.
    pub sentinels: Vec<SentinelFacts>,
}

/// One sentinel.
#[derive(Clone, Debug)]
pub struct SentinelFacts {
    /// `host:port`, as the URL has it.
    pub address: String,
    /// The names of the primaries that it watches, or why it does not say.
    pub names: Result<Vec<String>, RedisTrouble>,
}

/// Asks each sentinel of the URL which primaries it watches; nothing when the URL names none.
pub async fn ask_sentinels(options: &RedisOptions) -> HubResult<Option<SentinelsAsked>> {
    let config = options.config()?;
    let ServerConfig::Sentinel {
        hosts,
        service_name,
        username,
        password,
    } = config.server.clone()
    else {
        return Ok(None);
    };
    let as_whom = Config {
        username,
        password,
        database: None,
        ..config
    };
    let asked = hosts.into_iter().map(async |server| SentinelFacts {
        address: server.to_string(),
        names: names(&as_whom, server, options.command_timeout)
            .await
            .map_err(|error| RedisTrouble::of(&error)),
    });
    Ok(Some(SentinelsAsked {
        service: service_name,
        sentinels: join_all(asked).await,
    }))
}

async fn names(as_whom: &Config, server: Server, within: Duration) -> Result<Vec<String>, Error> {
    let config = Config {
        server: ServerConfig::Centralized { server },
        ..as_whom.clone()
    };
    let mut builder = builder(config, within, PATIENCE);
    builder.set_policy(ReconnectPolicy::new_constant(1, 0));
    let client = builder.build()?;
    client.init().await?;
    let masters = masters(&client).await;
    // What it said is known; a goodbye that fails changes nothing.
    let _ = client.quit().await;
    masters
}

async fn masters(client: &Client) -> Result<Vec<String>, Error> {
    let command = CustomCommand::new_static("SENTINEL", None::<u16>, false);
    let masters: Vec<HashMap<String, String>> = client.custom(command, vec!["MASTERS"]).await?;
    Ok(masters
        .into_iter()
        .filter_map(|mut one| one.remove("name"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_are_told_in_its_words() {
        let refused = r#"Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }"#;
        assert_eq!(said(refused), "Connection refused");
        assert_eq!(said("WRONGPASS invalid"), "WRONGPASS invalid");
        assert_eq!(said("message: \""), "message: \"");
    }
}
