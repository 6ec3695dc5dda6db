//! What a server of this runtime is written against: the trait that it implements and what it is
//! handed.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use serde_json::Value;

use crate::{Ack, EngineConnection, EngineMessage, Socket, SocketId};

/// What happens on the sockets of a [`Server`](crate::Server).
///
/// Every session that [`connect`](Self::connect) returns gets exactly one
/// [`disconnected`](Self::disconnected), whatever ended the socket; if that happened while
/// `connect` was still running, `connected` is not called in between. A panic in any of these is
/// caught and logged: the socket goes on with its next event.
pub trait Application: Send + Sync + 'static {
    /// What the application knows about one connected socket.
    type Session: Send + Sync + 'static;

    /// Runs before a session is opened, on its first request. A message refuses it: the client gets
    /// `403 {"code":4,"message":…}`.
    fn allow_request(
        &self,
        _request: &http::request::Parts,
    ) -> impl Future<Output = Result<(), String>> + Send {
        std::future::ready(Ok(()))
    }

    /// Takes a message of a client when [`Options::engine_only`](crate::Options::engine_only) is
    /// set; then nothing else here is called. It runs in the connection's task and must not block.
    fn message(&self, _connection: &EngineConnection, _message: EngineMessage<'_>) {}

    /// Runs before the CONNECT packet is answered and decides whether it is accepted.
    ///
    /// The socket may join rooms here. What is emitted to it meanwhile is held back and follows
    /// the CONNECT answer. On refusal its rooms and what was held back are dropped.
    fn connect(
        &self,
        handshake: Handshake,
        socket: Socket,
    ) -> impl Future<Output = Result<Self::Session, Refusal>> + Send;

    /// Runs after the CONNECT answer and before the first event.
    fn connected(
        &self,
        socket: Socket,
        session: Arc<Self::Session>,
    ) -> impl Future<Output = ()> + Send;

    /// Runs for each event, one at a time and in the order in which the client sent them: the next
    /// one begins when this one is done, or has passed its [`Turn`] and the next
    /// [may overtake](Self::may_overtake) it.
    fn event(
        &self,
        socket: Socket,
        session: Arc<Self::Session>,
        event: Event,
    ) -> impl Future<Output = ()> + Send;

    /// Whether an event may begin while earlier ones that have passed their turn are still at work.
    fn may_overtake(&self, _socket: &Socket, _event: &Event) -> bool {
        false
    }

    /// Runs once, after the socket has left all rooms and after its last event handler finished
    /// or was dropped. It is never dropped itself: it has to come to an end.
    fn disconnected(
        &self,
        socket_id: SocketId,
        session: Arc<Self::Session>,
        reason: DisconnectReason,
    ) -> impl Future<Output = ()> + Send;
}

/// Revision of the Socket.IO protocol that a client speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Over Engine.IO 3: socket.io-client 2. Joins `/` without asking and sends no auth payload.
    V4,
    /// Over Engine.IO 4: socket.io-client 3 and 4.
    #[default]
    V5,
}

/// How a connection is carried at the moment; it may change by upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// WebSocket.
    WebSocket,
}

impl Transport {
    /// The name that Engine.IO uses in URLs: `polling` or `websocket`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }
}

/// Everything that is known about a client when it asks to join a namespace.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// The namespace to join, one of [`Options::namespaces`](crate::Options::namespaces).
    pub namespace: String,
    /// Revision of the protocol.
    pub protocol: Protocol,
    /// Payload of the CONNECT packet, an object; `Null` when there is none. For a v4 client that
    /// gave the namespace a query of its own (`/chat?token=…`), its parameters.
    pub auth: Value,
    /// Those headers of the request that opened the connection which
    /// [`Options::headers`](crate::Options::headers) names.
    pub headers: http::HeaderMap,
    /// Query of that request without `?`, behind the namespace's own if a v4 client gave it one.
    pub query: String,
    /// Peer address, see [`RemoteAddr`](crate::RemoteAddr).
    pub remote_addr: Option<SocketAddr>,
    /// Transport at this moment.
    pub transport: Transport,
}

/// Why a socket may not join a namespace: the client's `connect_error` has both fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// `err.message` on the client.
    pub message: String,
    /// `err.data` on the client; left out when `Null`. v4 clients get only this, or else the
    /// message.
    pub data: Value,
}

/// An event as a client sent it.
#[derive(Debug)]
pub struct Event {
    /// First element of the packet.
    pub name: String,
    /// The others. Where one holds `{"_placeholder":true,"num":n}`, `attachments[n]` belongs, if
    /// there is one.
    pub args: Vec<Value>,
    /// Binary content, at most 10 pieces.
    pub attachments: Vec<Bytes>,
    /// Present when the client waits for an answer.
    pub ack: Option<Ack>,
    /// To let the next one begin.
    pub turn: Turn,
}

/// An event's turn among those of its socket. A handler whose place in the order is sure, though it is
/// not done, may pass it on; that counts when the handler waits next.
#[derive(Clone, Debug, Default)]
pub struct Turn(Arc<AtomicBool>);

impl Turn {
    /// The next event may begin.
    pub fn pass(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_passed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a socket ended, under the names of the JavaScript server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum DisconnectReason {
    /// The client closed the connection, or it went away.
    #[default]
    TransportClose,
    /// Writing failed, a poll or POST was aborted, or the client broke the rules of the transport.
    TransportError,
    /// No answer to a ping within `ping_timeout`.
    PingTimeout,
    /// The client sent what is no Engine.IO packet.
    ParseError,
    /// [`Socket::close`], a full send queue, or what is no Socket.IO packet.
    ForcedClose,
    /// The client sent a packet that does not fit the state.
    ForcedServerClose,
    /// The client left the namespace.
    ClientNamespaceDisconnect,
    /// [`Socket::disconnect`].
    ServerNamespaceDisconnect,
    /// [`Io::close`](crate::Io::close) or [`Io::drain`](crate::Io::drain).
    ServerShuttingDown,
}

impl DisconnectReason {
    /// The JavaScript server's name for it, such as `transport close`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
            Self::ForcedServerClose => "forced server close",
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::ServerNamespaceDisconnect => "server namespace disconnect",
            Self::ServerShuttingDown => "server shutting down",
        }
    }

    /// Whether the client may come back and be recovered, as in the JavaScript server: not after it
    /// left or was thrown out of the namespace.
    pub const fn is_recoverable(self) -> bool {
        !matches!(
            self,
            Self::ParseError | Self::ClientNamespaceDisconnect | Self::ServerNamespaceDisconnect
        )
    }

    /// Whether events that were received before the end are still handled: a client that sends
    /// and closes at once means what it sent, one that was thrown out does not get more done.
    pub(crate) const fn keeps_received_events(self) -> bool {
        !matches!(
            self,
            Self::ServerNamespaceDisconnect
                | Self::ForcedClose
                | Self::ForcedServerClose
                | Self::ParseError
        )
    }
}

impl std::fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
