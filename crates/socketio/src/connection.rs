//! One Engine.IO session and the namespaces that its client joined.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    DisconnectReason, Handshake, Protocol, Refusal, SendError, Socket, Transport,
    codec::{self, Incoming, Kind},
    engine::{Frame, Link},
    lock,
    registry::{Namespace, Registry},
    socket::{Queued, Undelivered, connect_error_frame},
};

/// How long a connection that the server is done with may take to flush and hang up before its
/// stream is dropped, and a polling client to fetch its DISCONNECT.
const LINGER: Duration = Duration::from_secs(3);

/// The parts of the opening request that are kept.
pub(crate) struct Origin {
    pub(crate) remote_addr: Option<SocketAddr>,
    /// Drops the byte stream under a WebSocket that was opened directly, however stuck it is.
    pub(crate) cut: Option<CancellationToken>,
}

pub(crate) struct Connection {
    serial: u64,
    pub(crate) registry: Arc<Registry>,
    pub(crate) protocol: Protocol,
    pub(crate) link: Link,
    origin: Origin,
    state: Mutex<State>,
    /// Cancelled when the connection is over.
    done: CancellationToken,
}

#[derive(Default)]
struct State {
    closed: bool,
    /// By namespace.
    sockets: HashMap<String, Socket>,
    /// A binary packet and how many of its attachments are still to come.
    unfinished: Option<Unfinished>,
}

struct Unfinished {
    packet: Incoming,
    missing: usize,
    bytes: usize,
}

/// A CONNECT packet that the application has to decide on.
pub(crate) struct Joining {
    pub(crate) socket: Socket,
    pub(crate) handshake: Handshake,
    pub(crate) mailbox: mpsc::Receiver<Queued>,
}

impl Connection {
    pub(crate) fn new(
        serial: u64,
        registry: Arc<Registry>,
        protocol: Protocol,
        link: Link,
        origin: Origin,
    ) -> Self {
        Self {
            serial,
            registry,
            protocol,
            link,
            origin,
            state: Mutex::default(),
            done: CancellationToken::new(),
        }
    }

    pub(crate) fn transport(&self) -> Transport {
        self.link.transport()
    }

    /// To be called once after the session opened; v4 clients are in `/` without asking.
    pub(crate) fn opened(self: &Arc<Self>) -> Option<Joining> {
        self.close_if_idle_after(self.registry.options.connect_timeout);
        match self.protocol {
            Protocol::V4 => self.join("/", Value::Null, None),
            Protocol::V5 => None,
        }
    }

    /// Takes a text packet in the order of arrival.
    pub(crate) fn receive_text(self: &Arc<Self>, text: &str) -> Option<Joining> {
        let packet = match codec::decode(text) {
            Ok(packet) => packet,
            Err(error) => {
                // serde_json's message may quote the payload.
                let kind = if matches!(error, codec::DecodeError::Json(_)) {
                    "payload is not json".to_owned()
                } else {
                    error.to_string()
                };
                self.protocol_error(&kind);
                return None;
            }
        };
        {
            let mut state = lock(&self.state);
            if state.closed {
                return None;
            }
            if state.unfinished.is_some() {
                drop(state);
                self.protocol_error("text packet in place of an attachment");
                return None;
            }
            if packet.attachments > 0 {
                let missing = packet.attachments;
                state.unfinished = Some(Unfinished {
                    packet,
                    missing,
                    bytes: text.len(),
                });
                return None;
            }
        }
        self.dispatch(packet, text.len())
    }

    /// Counts an attachment; its content is not kept.
    pub(crate) fn receive_binary(self: &Arc<Self>) {
        let finished = {
            let mut state = lock(&self.state);
            match state.unfinished.take() {
                Some(Unfinished {
                    packet,
                    missing: 1,
                    bytes,
                }) => Some((packet, bytes)),
                Some(Unfinished {
                    packet,
                    missing,
                    bytes,
                }) => {
                    let missing = missing - 1;
                    state.unfinished = Some(Unfinished {
                        packet,
                        missing,
                        bytes,
                    });
                    return;
                }
                None => None,
            }
        };
        match finished {
            // Only events and acks have attachments, so nothing joins here.
            Some((packet, bytes)) => drop(self.dispatch(packet, bytes)),
            None => self.protocol_error("unexpected binary frame"),
        }
    }

    /// What fits no state closes the connection, as the JavaScript server does (`client.ts`).
    fn dispatch(self: &Arc<Self>, packet: Incoming, bytes: usize) -> Option<Joining> {
        let Incoming {
            namespace,
            query,
            kind,
            ..
        } = packet;
        if let Kind::Connect { auth } = kind {
            return self.join(&namespace, auth, query);
        }
        let socket = lock(&self.state).sockets.get(&namespace).cloned();
        let Some(socket) = socket else {
            self.protocol_error("packet for a namespace that was not joined");
            return None;
        };
        match kind {
            Kind::Event { name, args, id } => match socket.deliver(name, args, id, bytes) {
                Ok(()) => {}
                Err(Undelivered::NotConnected) => {
                    self.protocol_error("event before the namespace was joined");
                }
                Err(Undelivered::Overflow) => self.mailbox_overflow(),
            },
            Kind::Disconnect => {
                socket.end(DisconnectReason::ClientNamespaceDisconnect);
                self.close_if_idle_after(self.registry.options.connect_timeout);
            }
            Kind::Ack => {}
            Kind::Connect { .. } | Kind::ConnectError => {
                self.protocol_error("packet that only servers send");
            }
        }
        None
    }

    fn join(
        self: &Arc<Self>,
        namespace: &str,
        auth: Value,
        own_query: Option<String>,
    ) -> Option<Joining> {
        let Some(namespace) = self.registry.namespaces.get(namespace) else {
            self.unknown_namespace(namespace);
            return None;
        };
        let (headers, query) = self.link.request()?;
        let handshake = Handshake {
            namespace: namespace.name.clone(),
            protocol: self.protocol,
            auth,
            headers,
            query: match own_query {
                Some(own) => format!("{own}&{query}"),
                None => query,
            },
            remote_addr: self.origin.remote_addr,
            transport: self.transport(),
        };
        let (socket, mailbox) = Socket::new(namespace.clone(), self.clone());
        if !self.remember(namespace, &socket) {
            return None;
        }
        Some(Joining {
            socket,
            handshake,
            mailbox,
        })
    }

    fn remember(self: &Arc<Self>, namespace: &Namespace, socket: &Socket) -> bool {
        {
            let mut state = lock(&self.state);
            if state.closed {
                return false;
            }
            if !state.sockets.contains_key(&namespace.name) {
                state.sockets.insert(namespace.name.clone(), socket.clone());
                return true;
            }
        }
        self.protocol_error("second connect packet for a namespace");
        false
    }

    fn unknown_namespace(self: &Arc<Self>, namespace: &str) {
        let refusal = Refusal {
            message: "Invalid namespace".to_owned(),
            data: Value::Null,
        };
        self.send_or_cut(connect_error_frame(self.protocol, namespace, &refusal));
    }

    pub(crate) fn send_or_cut(self: &Arc<Self>, frame: Frame) {
        if matches!(self.link.send(frame), Err(SendError::Full)) {
            self.cut_slow_consumer();
        }
    }

    /// A socket that ended is no longer this connection's.
    pub(crate) fn forget(&self, socket: &Socket) {
        let mut state = lock(&self.state);
        // A later socket may be in its place by now.
        if state
            .sockets
            .get(socket.namespace())
            .is_some_and(|known| known == socket)
        {
            state.sockets.remove(socket.namespace());
        }
    }

    /// Sockets whose CONNECT packet was accepted.
    pub(crate) fn connected_sockets(&self) -> Vec<Socket> {
        let sockets: Vec<_> = lock(&self.state).sockets.values().cloned().collect();
        sockets.into_iter().filter(Socket::is_connected).collect()
    }

    /// A polling client needs time to fetch the DISCONNECT packet; a WebSocket is flushed in order.
    pub(crate) fn after_server_disconnect(self: &Arc<Self>, said: bool) {
        if !lock(&self.state).sockets.is_empty() {
            return;
        }
        if said && self.transport() == Transport::Polling {
            self.close_if_idle_after(LINGER);
        } else {
            self.shut(DisconnectReason::ServerNamespaceDisconnect);
        }
    }

    pub(crate) fn cut_slow_consumer(self: &Arc<Self>) {
        if self.shut(DisconnectReason::ForcedClose) {
            self.registry.slow_consumers.fetch_add(1, Ordering::Relaxed);
            tracing::info!(remote = ?self.origin.remote_addr, "connection cut: send queue full");
        }
    }

    fn mailbox_overflow(self: &Arc<Self>) {
        if self.shut(DisconnectReason::ForcedClose) {
            self.registry
                .mailbox_overflows
                .fetch_add(1, Ordering::Relaxed);
            tracing::info!(remote = ?self.origin.remote_addr, "connection cut: mailbox overflow");
        }
    }

    fn protocol_error(self: &Arc<Self>, what: &str) {
        tracing::debug!(remote = ?self.origin.remote_addr, what, "connection closed: bad packet");
        self.shut(DisconnectReason::ParseError);
    }

    /// Ends everything on this side at once, however stuck the transport is, then closes the
    /// transport. `false` when the connection was over already.
    pub(crate) fn shut(self: &Arc<Self>, reason: DisconnectReason) -> bool {
        if !self.finish(reason) {
            return false;
        }
        self.link.close(reason);
        if let Some(cut) = self.origin.cut.clone() {
            self.registry.timers.spawn(async move {
                tokio::time::sleep(LINGER).await;
                cut.cancel();
            });
        }
        true
    }

    /// Ends the sockets; `false` when that happened before.
    pub(crate) fn finish(&self, reason: DisconnectReason) -> bool {
        let sockets = {
            let mut state = lock(&self.state);
            if state.closed {
                return false;
            }
            state.closed = true;
            state.unfinished = None;
            std::mem::take(&mut state.sockets)
        };
        for socket in sockets.into_values() {
            socket.end(reason);
        }
        self.registry.remove(self.serial);
        self.done.cancel();
        true
    }

    /// Closes the connection unless it is in a namespace by then. The timer keeps nothing alive.
    fn close_if_idle_after(self: &Arc<Self>, time: Duration) {
        let connection = Arc::downgrade(self);
        let done = self.done.clone();
        self.registry.timers.spawn(async move {
            if done
                .run_until_cancelled(tokio::time::sleep(time))
                .await
                .is_none()
            {
                return;
            }
            if let Some(connection) = connection.upgrade()
                && connection.connected_sockets().is_empty()
            {
                tracing::debug!(remote = ?connection.origin.remote_addr, "idle connection closed");
                connection.shut(DisconnectReason::ForcedClose);
            }
        });
    }
}
