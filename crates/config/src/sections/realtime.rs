//! Socket.IO connections.

use std::path::PathBuf;
use std::time::Duration;

use super::section;
use crate::key::value;
use crate::values::Size;

section! {
    /// Socket.IO connections.
    pub struct Realtime at "realtime", "realtime." {
        /// Largest packet that a client may send; a larger one closes the connection.
        max_packet: Size = value("100KiB").within("1KiB", "64MiB");
        /// Time between two pings from the server.
        ping_interval: Duration = value("25s").within("100ms", "1h");
        /// How long to wait for the answer to a ping before closing the connection.
        ping_timeout: Duration = value("20s").within("100ms", "1h");
        /// How long a new connection may take to join a namespace.
        connect_timeout: Duration = value("45s").within("100ms", "1h");
        /// Whether a socket joins the rooms of its user's newest 200 conversations by itself.
        auto_join: bool = value("true");
        /// How many bytes may wait for one socket before it counts as too slow and is closed.
        send_queue: Size = value("256KiB").within("16KiB", "1GiB");
        /// Shortest time between two writes of events to one client; those that come meanwhile are
        /// written together when it is over. A longer one makes busy rooms cheaper and later. Acks do not
        /// wait, nor does a client that heard nothing for this long. `0s` lets nothing wait.
        write_interval: Duration = value("10ms").within("0s", "1s");
        /// Whether WebSocket messages of 1 KiB and more are compressed for clients that offer it
        /// (`permessage-deflate`). A broadcast is compressed once, but it costs clients memory.
        compression: bool = value("false");
        /// Files with tables of dialects besides those that come with the program: each lets the front
        /// ends of another system connect on its namespace (`docs/dialects.md`). One for the
        /// namespace of a built-in one takes its place.
        dialects: Vec<PathBuf> = value("[]");
    }
}
