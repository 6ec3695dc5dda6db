//! Where nodes meet.

use std::time::Duration;

use super::section;
use crate::key::{unset, value};
use crate::values::{KeyPrefix, RedisUrl, Secret};

section! {
    /// Where the nodes of a cluster meet. Without a URL the node is on its own.
    pub struct Redis at "redis", "redis." {
        /// `redis://h:6379/0`, `rediss://h:6379/0`, `redis-sentinel://h1:26379?node=h2:26379&sentinelServiceName=main`
        /// or `redis-cluster://h1:7000?node=h2:7001`.
        url: Option<RedisUrl> = unset();
        /// What every key and channel begins with, so that several clusters can share a Redis.
        key_prefix: KeyPrefix = value("sb");
        /// User name, if not in the URL.
        username: Option<String> = unset();
        /// Password, if not in the URL.
        password: Option<Secret<String>> = unset();
        /// A command that takes longer counts as failed.
        command_timeout: Duration = value("500ms").within("10ms", "1m");
    }
}
