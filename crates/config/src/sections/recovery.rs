//! Clients that come back.

use std::time::Duration;

use super::section;
use crate::key::value;

section! {
    /// What clients get back after a short absence, on whichever node (Socket.IO's connection state
    /// recovery).
    pub struct Recovery at "recovery", "recovery." {
        /// How long a client may be away; `0` turns recovery off.
        max_disconnection: Duration = value("2m").within("0", "1h");
        /// How many events are remembered for each room. A client that missed more in one of its rooms
        /// begins anew, and reads what it missed with `conversation:sync`.
        log_length: u32 = value("500").within("1", "10000");
        /// How long they are remembered after the last one; longer than `max_disconnection`.
        log_ttl: Duration = value("10m").within("1s", "24h");
    }
}
