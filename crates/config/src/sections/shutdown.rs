//! How the node goes away.

use std::time::Duration;

use super::section;
use crate::key::value;

section! {
    /// How the node goes away.
    pub struct Shutdown at "shutdown", "shutdown." {
        /// How long to spread the closing of the sockets over, so that the other nodes can take
        /// them.
        drain: Duration = value("30s").within("0", "1h");
        /// How long to wait after that for work that has begun.
        grace: Duration = value("10s").within("0", "1h");
    }
}
