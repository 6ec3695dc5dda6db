//! How the node goes away.

use std::time::Duration;

use super::section;
use crate::key::value;

section! {
    /// How the node goes away.
    pub struct Shutdown at "shutdown", "shutdown." {
        /// Most time for closing the sockets. With several nodes (`redis.url`), the closes are spread
        /// over two thirds of it, or nine tenths if other nodes drain at the same time, so that those
        /// that stay can take the sockets.
        drain: Duration = value("30s").within("0", "1h");
        /// Most time after that for HTTP requests, and then for the node's own tasks, to end.
        grace: Duration = value("10s").within("0", "1h");
    }
}
