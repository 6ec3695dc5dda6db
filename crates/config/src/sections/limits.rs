//! How much of a node one user, organization, address or socket may take.

use super::section;
use crate::key::{unset, value};
use crate::values::Rate;

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
        /// How many calls all users of one organization may make together, over all nodes; without
        /// it as many as they like. It comes after the rates of `[rate_limits]`.
        events_per_org: Option<Rate> = unset().reloadable();
        /// Most conversations that one socket may follow.
        rooms_per_socket: u32 = value("1000");
    }
}
