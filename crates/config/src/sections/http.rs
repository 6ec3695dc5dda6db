//! The public listener.

use std::net::SocketAddr;

use super::section;
use crate::key::{derived, value};
use crate::values::{ApiPrefix, Network, Origin};

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
        /// What the paths of the HTTP API begin with; `/` for nothing.
        api_prefix: ApiPrefix = derived(
            "`/api/v1`, or `/` in the `marketplace` profile",
            |reader| match reader.text("profile") {
                Some("marketplace") => "/",
                _ => "/api/v1",
            },
        );
        /// Networks of the proxies whose `X-Forwarded-For` is believed.
        trusted_proxies: Vec<Network> = value("[]");
        /// Most connections that this node holds at once.
        max_connections: u32 = value("100000").within("1", "10000000");
    }
}
