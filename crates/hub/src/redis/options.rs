//! What a connection to Redis needs to know.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fred::types::RespVersion;
use fred::types::config::{ClusterDiscoveryPolicy, Config, ServerConfig};
use switchboard_messaging::hub::{HubError, HubResult};
use switchboard_messaging::{Clock, SystemClock};

use super::RedisTls;
use crate::{LEASE, LogBounds};

/// Where Redis is, and as who to use it.
#[derive(Clone)]
pub struct RedisOptions {
    /// `redis://`, `redis-sentinel://` or `redis-cluster://`, in fred's grammar; with `rediss` for TLS.
    pub url: String,
    /// Begins every key and channel. Deployments that share a Redis need different ones.
    pub key_prefix: String,
    /// Beats the one in the URL.
    pub username: Option<String>,
    /// Beats the one in the URL.
    pub password: Option<String>,
    /// Who to be for the sentinels; beats `sentinelUsername` in the URL.
    pub sentinel_username: Option<String>,
    /// The password of the sentinels; beats `sentinelPassword` in the URL.
    pub sentinel_password: Option<String>,
    /// The files of TLS; only with a `rediss` URL.
    pub tls: RedisTls,
    /// After this time a command has failed.
    pub command_timeout: Duration,
    /// This node: unique in the cluster, of `A-Za-z0-9_.:-`.
    pub node_id: String,
    /// How long this node counts as alive after it last renewed its lease.
    pub lease: Duration,
    /// How much of each room is remembered for those who are away for a while.
    pub log: LogBounds,
    /// What the node goes by while Redis, whose time counts, is away.
    pub clock: Arc<dyn Clock>,
}

impl RedisOptions {
    /// The defaults, for a node at a URL.
    pub fn new(url: &str, node_id: &str) -> Self {
        Self {
            url: url.to_owned(),
            key_prefix: "sb".to_owned(),
            username: None,
            password: None,
            sentinel_username: None,
            sentinel_password: None,
            tls: RedisTls::default(),
            command_timeout: Duration::from_millis(500),
            node_id: node_id.to_owned(),
            lease: LEASE,
            log: LogBounds::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Whether a connection can be tried with these.
    ///
    /// # Errors
    /// Says what is wrong; never shows a password.
    pub fn validate(&self) -> HubResult<()> {
        self.config().map(drop)
    }

    /// What fred is to be told. The error never repeats the URL: it may hold a password.
    pub(super) fn config(&self) -> HubResult<Config> {
        self.check()?;
        // Fred would make a TLS configuration of its own from the scheme.
        let secure = self.url.strip_prefix("rediss");
        let plain = secure.map(|rest| format!("redis{rest}"));
        let mut config = Config::from_url(plain.as_deref().unwrap_or(&self.url))
            .map_err(|_| HubError("the redis url is not valid".into()))?;
        if secure.is_some() {
            config.tls = Some(self.tls.config()?);
        } else if self.tls != RedisTls::default() {
            let why = "files for tls to redis need a url that begins with rediss";
            return Err(HubError(why.into()));
        }
        config.username = self.username.clone().or(config.username);
        config.password = self.password.clone().or(config.password);
        self.set_up(&mut config.server);
        // Sharded pub/sub, and PING on a connection that listens.
        config.version = RespVersion::RESP3;
        Ok(config)
    }

    fn set_up(&self, server: &mut ServerConfig) {
        match server {
            ServerConfig::Sentinel {
                username, password, ..
            } => {
                *username = self.sentinel_username.clone().or(username.take());
                *password = self.sentinel_password.clone().or(password.take());
            }
            // Every node of the URL may be gone by the time a connection breaks.
            ServerConfig::Clustered { policy, .. } => *policy = ClusterDiscoveryPolicy::UseCache,
            ServerConfig::Centralized { .. } => {}
        }
    }

    fn check(&self) -> HubResult<()> {
        let harmless = |text: &str, more: &[u8]| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b) || more.contains(&b))
        };
        if !harmless(&self.key_prefix, b"/@") {
            let why = "the redis key prefix may only have A-Z a-z 0-9 _ . : - / @";
            return Err(HubError(why.into()));
        }
        if !harmless(&self.node_id, b"") {
            let why = "the node id may only have A-Z a-z 0-9 _ . : -";
            return Err(HubError(why.into()));
        }
        Ok(())
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("key_prefix", &self.key_prefix)
            .field("command_timeout", &self.command_timeout)
            .field("node_id", &self.node_id)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut RedisOptions)) -> Option<String> {
        let mut options = RedisOptions::new("redis://user:hunter2@127.0.0.1:6379/0", "node-1");
        change(&mut options);
        options.config().err().map(|error| error.to_string())
    }

    #[test]
    fn every_kind_of_url_is_understood() {
        for url in [
            "redis://h:6379/0",
            "rediss://h:6379",
            "redis-sentinel://h1:26379?node=h2:26379&sentinelServiceName=main",
            "redis-cluster://h1:7000?node=h2:7001",
        ] {
            let secure = url
                .replacen("redis", "rediss", 1)
                .replace("redisss", "rediss");
            assert_eq!(refusal(|options| options.url = secure), None, "{url}");
            assert_eq!(refusal(|options| options.url = url.into()), None, "{url}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in ["hunter2", "redis://:hunter2@", "http//u:hunter2@h:port"] {
            let mut options = RedisOptions::new(url, "node-1");
            options.password = Some("hunter2".into());
            options.sentinel_password = Some("hunter2".into());
            let refused = format!("{:?} {options:?}", options.config().err());
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn the_sentinels_may_have_credentials_of_their_own() {
        let mut options = RedisOptions::new(
            "redis-sentinel://:data@h:26379?sentinelServiceName=main&sentinelPassword=url",
            "node-1",
        );
        let of_sentinels = |options: &RedisOptions| match options.config().unwrap().server {
            ServerConfig::Sentinel {
                username, password, ..
            } => (username, password),
            other => panic!("{other:?}"),
        };
        assert_eq!(of_sentinels(&options), (None, Some("url".into())));
        options.sentinel_username = Some("watcher".into());
        options.sentinel_password = Some("own".into());
        let own = (Some("watcher".into()), Some("own".into()));
        assert_eq!(of_sentinels(&options), own);
        assert_eq!(options.config().unwrap().password, Some("data".into()));
    }

    #[test]
    fn tls_files_without_tls_are_a_mistake() {
        let refused = refusal(|options| options.tls.ca_file = Some("ca.crt".into()));
        assert!(refused.unwrap().contains("rediss"));
    }

    #[test]
    fn a_prefix_or_node_id_that_could_confuse_names_is_refused() {
        for bad in ["", "{a}", "a b", "a\n", "a*", "a~b", "a,b"] {
            assert!(refusal(|options| options.key_prefix = bad.into()).is_some());
            assert!(refusal(|options| options.node_id = bad.into()).is_some());
        }
        assert!(refusal(|options| options.node_id = "a/b".into()).is_some());
        assert_eq!(
            refusal(|options| options.node_id = "host-1.a:b_C".into()),
            None
        );
    }
}
