//! The public listener.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::section;
use crate::key::{derived, unset, value};
use crate::values::{Network, Origin, PathPrefix};

section! {
    /// The public listener: Socket.IO, the HTTP API and the playground.
    pub struct Http at "http", "http." {
        /// Address and port to listen on; with port 0 the system chooses one.
        listen: SocketAddr = value("0.0.0.0:8080");
        /// Web origins that may connect: exact, `https://*.example.com`, or `*` for any. With an
        /// empty list only the origin that the node itself is served from.
        allowed_origins: Vec<Origin> = derived(
            "`[\"*\"]` in development, `[]` in production",
            |reader| match reader.text("environment") {
                Some("production") => "[]",
                _ => "[\"*\"]",
            },
        ).reloadable();
        /// Path below which the HTTP API is; empty: at the root.
        api_prefix: PathPrefix = derived(
            "`\"/api/v1\"`, empty in the `marketplace` profile",
            |reader| match reader.text("profile") {
                Some("marketplace") => "",
                _ => "/api/v1",
            },
        );
        /// Addresses and networks (`10.0.0.0/8`) of the proxies whose `X-Forwarded-For` is believed:
        /// the client is the last address in it that is none of theirs.
        trusted_proxies: Vec<Network> = value("[]");
        /// Most connections at a time, polls included; one more is answered 503 and closed, or, with
        /// TLS, closed. `0` is no limit.
        max_connections: u32 = value("0");
        /// PEM file with the certificate of this listener, and after it those between it and its
        /// authority. With it the listener speaks TLS (1.2 and 1.3), and nothing else. The file is read
        /// again once a minute and at SIGHUP.
        tls_cert_file: Option<PathBuf> = unset();
        /// PEM file with the key of `http.tls_cert_file`, without a passphrase; read again with it.
        tls_key_file: Option<PathBuf> = unset();
    }
}
