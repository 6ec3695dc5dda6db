//! Limits and timings of a server.

use std::{sync::Arc, time::Duration};

use http::HeaderName;

use crate::{Transport, bundle::ClientBundle};

/// How a [`Server`](crate::Server) behaves. Defaults are those of the JavaScript server, with
/// smaller limits.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where [`Server::router`](crate::Server::router) serves, `/socket.io`.
    pub path: String,
    /// Transports that are served; all. Without WebSocket there are no upgrades.
    pub transports: Vec<Transport>,
    /// Whether `EIO=3` clients (socket.io-client 2) are served; yes. In the JavaScript server they
    /// are not, by default (`allowEIO3`).
    pub allow_eio3: bool,
    /// Bytes of one POST body or one WebSocket message: more is answered 413 or closes the
    /// connection. It is told to clients as `maxPayload`. 100 KiB.
    pub max_packet: usize,
    /// Between two pings. 25 s.
    pub ping_interval: Duration,
    /// For the answer to a ping. 20 s.
    pub ping_timeout: Duration,
    /// For an upgrade, from the WebSocket's opening until its `5` packet. 10 s.
    pub upgrade_timeout: Duration,
    /// A connection that is in no namespace for this long is closed. 45 s.
    pub connect_timeout: Duration,
    /// Bytes that may wait for one peer to read before it is cut off as too slow; volatile events
    /// are skipped from half of it on. A packet larger than this can only be sent to a peer for
    /// which nothing else waits. 256 KiB.
    pub send_queue: usize,
    /// Shortest time between two writes of broadcasts to one peer: what is broadcast meanwhile is
    /// written at once when it is over. Neither answers nor what is sent to one socket wait for it. To the
    /// millisecond; 0 lets nothing wait. 10 ms.
    pub write_interval: Duration,
    /// Events that may wait for one socket's handler; their bytes are bounded by 1 MiB too. While
    /// either is reached nothing more is read from the connection. 128.
    pub mailbox: usize,
    /// How long a handler that runs, and the events already received, may go on after their
    /// socket is gone; then they are dropped. 10 s.
    pub handler_grace: Duration,
    /// Most sessions of one client address, or of one IPv6 network of 64 bits; one more is answered
    /// 403. 0 is no limit, and the default.
    pub connections_per_address: usize,
    /// Namespaces that may be joined; any other is answered `Invalid namespace`. `["/"]`.
    pub namespaces: Vec<String>,
    /// Whether messages are handed to [`Application::message`](crate::Application::message) instead
    /// of being read as Socket.IO packets. No.
    pub engine_only: bool,
    /// Headers of the opening request that [`Handshake`](crate::Handshake) shows. They are kept for
    /// as long as the connection, so name what the application reads. None.
    pub headers: Vec<HeaderName>,
    /// What Engine.IO session ids begin with, such as a node's name in a cluster: at most 6
    /// characters of base64url, which are part of the 20. Empty.
    pub engine_id_prefix: String,
    /// permessage-deflate for WebSocket clients that offer it, in both directions and without
    /// context takeover: a broadcast is compressed once for all sockets. Off, as in JavaScript.
    pub compression: bool,
    /// Outgoing packets smaller than this are not compressed; the same for the bodies of polls,
    /// which are compressed whenever the client accepts it. 1 KiB.
    pub compression_threshold: usize,
    /// A cookie with the session id on the answer that opens a polling session, for balancers that
    /// stick to it. None.
    pub cookie: Option<Cookie>,
    /// Files served under the path, such as `/socket.io/socket.io.js`. None.
    pub client_bundle: Option<Arc<ClientBundle>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            path: "/socket.io".to_owned(),
            transports: vec![Transport::Polling, Transport::WebSocket],
            allow_eio3: true,
            max_packet: 100 * 1024,
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(45),
            send_queue: 256 * 1024,
            write_interval: Duration::from_millis(10),
            mailbox: 128,
            handler_grace: Duration::from_secs(10),
            connections_per_address: 0,
            namespaces: vec!["/".to_owned()],
            engine_only: false,
            headers: Vec::new(),
            engine_id_prefix: String::new(),
            compression: false,
            compression_threshold: 1024,
            cookie: None,
            client_bundle: None,
        }
    }
}

/// The cookie of [`Options::cookie`]: `HttpOnly`, `SameSite=Lax`, gone with the browser session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// Its name, `io`.
    pub name: String,
    /// Where browsers send it, `/`.
    pub path: String,
    /// Only over TLS; no.
    pub secure: bool,
}

impl Default for Cookie {
    fn default() -> Self {
        Self {
            name: "io".to_owned(),
            path: "/".to_owned(),
            secure: false,
        }
    }
}

impl Cookie {
    pub(crate) fn set(&self, value: &str) -> String {
        let Self { name, path, secure } = self;
        let secure = if *secure { "; Secure" } else { "" };
        format!("{name}={value}; Path={path}; HttpOnly{secure}; SameSite=Lax")
    }
}
