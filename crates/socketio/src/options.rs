//! Limits and timings of a server.

use std::time::Duration;

/// How a [`Server`](crate::Server) behaves. Defaults are those of the JavaScript server, with a
/// smaller packet limit.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where [`Server::router`](crate::Server::router) serves, `/socket.io`.
    pub path: String,
    /// Bytes of one POST body, one WebSocket message or frame: more closes the connection. It is
    /// told to clients as `maxPayload`. 100 KiB.
    pub max_packet: usize,
    /// Between two pings. 25 s.
    pub ping_interval: Duration,
    /// For the answer to a ping. 20 s.
    pub ping_timeout: Duration,
    /// A connection that joined no namespace for this long is closed. 45 s.
    pub connect_timeout: Duration,
    /// Packets that may wait for the peer to read before it is cut off as too slow. 256.
    pub send_queue: usize,
    /// Events that may wait for one socket's handler before the connection is closed. 128; their
    /// bytes are bounded by 1 MiB too.
    pub mailbox: usize,
    /// How long a handler that runs, and the events already received, may go on after their
    /// socket is gone; then they are dropped. 10 s.
    pub handler_grace: Duration,
    /// Namespaces that may be joined; any other is answered `Invalid namespace`. `["/"]`.
    pub namespaces: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            path: "/socket.io".to_owned(),
            max_packet: 100 * 1024,
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(45),
            send_queue: 256,
            mailbox: 128,
            handler_grace: Duration::from_secs(10),
            namespaces: vec!["/".to_owned()],
        }
    }
}
