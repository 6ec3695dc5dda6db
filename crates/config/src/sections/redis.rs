//! Where nodes meet.

use std::path::PathBuf;
use std::time::Duration;

use super::section;
use crate::key::{unset, value};
use crate::values::{KeyPrefix, RedisUrl, Secret};

section! {
    /// Where the nodes of a cluster meet. Without a URL the node is on its own.
    pub struct Redis at "redis", "redis." {
        /// `redis://h:6379/0`, `redis-sentinel://h1:26379?node=h2:26379&sentinelServiceName=main` or
        /// `redis-cluster://h1:7000?node=h2:7001`; with TLS `rediss://…`, `rediss-sentinel://…` or
        /// `rediss-cluster://…`.
        url: Option<RedisUrl> = unset();
        /// What every key and channel begins with, so that several clusters can share a Redis.
        key_prefix: KeyPrefix = value("sb");
        /// User name, if not in the URL.
        username: Option<String> = unset();
        /// Password, if not in the URL.
        password: Option<Secret<String>> = unset();
        /// User name at the sentinels, if not in the URL (`sentinelUsername`).
        sentinel_username: Option<String> = unset();
        /// Password of the sentinels, if not in the URL (`sentinelPassword`). They are never given
        /// that of Redis.
        sentinel_password: Option<Secret<String>> = unset();
        /// PEM file with the only authorities whose certificates are believed. When not set, those that
        /// the machine trusts.
        tls_ca_file: Option<PathBuf> = unset();
        /// PEM file with the certificate to show to a Redis that asks for one, and those between it and
        /// its authority.
        tls_cert_file: Option<PathBuf> = unset();
        /// PEM file with the key of `redis.tls_cert_file`.
        tls_key_file: Option<PathBuf> = unset();
        /// A command that takes longer counts as failed.
        command_timeout: Duration = value("500ms").within("10ms", "1m");
    }
}
