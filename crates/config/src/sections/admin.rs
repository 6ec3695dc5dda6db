//! The listener for operators and for the other nodes.

use std::net::SocketAddr;

use super::section;
use crate::key::{unset, value};
use crate::values::{NodeUrl, Secret};

section! {
    /// The listener for metrics, probes and the other nodes. Never public: operators need no
    /// credentials.
    pub struct Admin at "admin", "admin." {
        /// Address and port to listen on; with port 0 the system chooses one.
        listen: SocketAddr = value("127.0.0.1:9090");
        /// Where the other nodes reach this listener, as `http://host:port`: they send requests there
        /// that came to the wrong node. Without it the address of `admin.listen`, if that is a
        /// certain one; with `0.0.0.0` nothing is forwarded to this node.
        advertise: Option<NodeUrl> = unset();
        /// Secret by which nodes know each other, the same on all; at least 32 bytes in production.
        /// Without it one is derived from `auth.secret`; without either nothing is forwarded.
        cluster_secret: Option<Secret<String>> = unset();
    }
}
