//! How much of a node one user, organization, address or socket may take.

use super::section;
use crate::key::{derived, unset, value};
use crate::values::{Rate, RateLimit};

section! {
    /// How much one user, organization, address or socket may take. `0` is no limit.
    pub struct Limits at "limits", "limits." {
        /// Most sockets of one user at a time on this node.
        connections_per_user: u32 = value("50");
        /// Most sockets of one organization at a time on this node.
        connections_per_org: u32 = value("0");
        /// Most connections of one client address at a time on this node; all addresses of an IPv6
        /// network of 64 bits are one. Behind a proxy, see `http.trusted_proxies`.
        connections_per_address: u32 = value("0");
        /// How many attempts to connect of one client address may fail, over all nodes; further ones are
        /// refused without a word on why, while good tokens still get in. Addresses count as for
        /// `limits.connections_per_address`.
        failed_connects: RateLimit = value("5/5m").reloadable();
        /// How many attempts to connect one client address has, good ones too, over all nodes. Behind a
        /// proxy that `http.trusted_proxies` does not name, everybody has one address.
        connects: RateLimit = derived(
            "`6000/1m`; `5/5m` when `profile` is `strict`",
            |reader| match reader.text("profile") {
                Some("strict") => "5/5m",
                _ => "6000/1m",
            },
        ).reloadable();
        /// How many calls all users of one organization may make together, over all nodes; without
        /// it as many as they like. It comes after the rates of `[rate_limits]`.
        events_per_org: Option<Rate> = unset().reloadable();
        /// Most conversations that one socket may follow.
        rooms_per_socket: u32 = value("1000");
    }
}
