//! The boundary to the Engine.IO transports: nothing outside this file knows which crate they
//! come from.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock, Weak},
};

use axum::extract::ConnectInfo;
use engineioxide::{
    DisconnectReason as EngineReason, ProtocolVersion, Socket as EngineSocket, TransportType,
    config::EngineIoConfig,
    handler::EngineIoHandler,
    service::{EngineIoService, NotFoundService},
};
use tokio::sync::mpsc::error::TrySendError;

use crate::{
    Application, DisconnectReason, Options, Protocol, RemoteAddr, SendError, Transport,
    connection::{Connection, Joining, Origin},
    listen::Peer,
    lock,
    registry::Registry,
    worker,
};

/// Shared text of one packet.
pub(crate) type Frame = engineioxide::Str;

/// Slots that the engine needs for itself (pings, probes) beyond ours.
const SPARE_SLOTS: usize = 8;

/// What the engine keeps with each of its sockets.
type Slot = OnceLock<Arc<Connection>>;

/// Way to one engine session. It does not keep the session alive.
pub(crate) struct Link {
    session: Weak<EngineSocket<Slot>>,
    /// How many more packets may be queued before half of the queue can be taken: see
    /// [`send_volatile`](Self::send_volatile). The lock also puts senders in a row.
    headroom: Mutex<usize>,
    queue: usize,
}

impl Link {
    /// Queues a packet; never waits.
    pub(crate) fn send(&self, frame: Frame) -> Result<(), SendError> {
        let mut headroom = lock(&self.headroom);
        *headroom = headroom.saturating_sub(1);
        self.push(frame)
    }

    /// Queues a packet if less than half of the queue is taken.
    ///
    /// The engine does not tell the length of its queue, but slots can be reserved and given back.
    /// Counting them for each packet would be slow, so one count is good for a quarter of the
    /// queue: until that many were sent, half of it is free for certain.
    pub(crate) fn send_volatile(&self, frame: Frame) -> Result<(), SendError> {
        let mut headroom = lock(&self.headroom);
        if *headroom == 0 {
            let session = self.session.upgrade().ok_or(SendError::Closed)?;
            let half = self.queue.div_ceil(2) + SPARE_SLOTS;
            let wanted = half + (self.queue / 4).max(1);
            let free = std::iter::repeat_with(|| session.reserve().ok())
                .take(wanted)
                .map_while(|permit| permit)
                .collect::<Vec<_>>()
                .len();
            *headroom = free.saturating_sub(half);
        }
        if *headroom == 0 {
            return Err(SendError::Full);
        }
        *headroom -= 1;
        self.push(frame)
    }

    fn push(&self, frame: Frame) -> Result<(), SendError> {
        let session = self.session.upgrade().ok_or(SendError::Closed)?;
        session.emit(frame).map_err(|error| match error {
            TrySendError::Full(_) => SendError::Full,
            TrySendError::Closed(_) => SendError::Closed,
        })
    }

    pub(crate) fn transport(&self) -> Transport {
        match self
            .session
            .upgrade()
            .map(|session| session.transport_type())
        {
            Some(TransportType::Polling) => Transport::Polling,
            Some(TransportType::Websocket) | None => Transport::WebSocket,
        }
    }

    /// Headers and query of the request that opened the session; `None` when it is gone.
    pub(crate) fn request(&self) -> Option<(http::HeaderMap, String)> {
        let session = self.session.upgrade()?;
        let query = session.req_parts.uri.query().unwrap_or_default().to_owned();
        Some((session.req_parts.headers.clone(), query))
    }

    /// Sends the engine's close packet, if there is room for it, and ends the session.
    pub(crate) fn close(&self, reason: DisconnectReason) {
        if let Some(session) = self.session.upgrade() {
            session.close(match reason {
                DisconnectReason::ParseError => EngineReason::PacketParsingError,
                _ => EngineReason::ClosingServer,
            });
        }
    }
}

fn reason_of(reason: &EngineReason) -> DisconnectReason {
    match reason {
        EngineReason::TransportClose => DisconnectReason::TransportClose,
        EngineReason::TransportError | EngineReason::MultipleHttpPollingError => {
            DisconnectReason::TransportError
        }
        EngineReason::PacketParsingError => DisconnectReason::ParseError,
        EngineReason::HeartbeatTimeout => DisconnectReason::PingTimeout,
        EngineReason::ClosingServer => DisconnectReason::ServerShuttingDown,
    }
}

/// Receives what the engine reports, in reader order and without waiting.
pub(crate) struct Handler<A> {
    app: Arc<A>,
    registry: Arc<Registry>,
}

impl<A: Application> Handler<A> {
    fn start(&self, joining: Option<Joining>) {
        if let Some(joining) = joining {
            self.registry
                .workers
                .spawn(worker::run(self.app.clone(), joining));
        }
    }
}

impl<A> fmt::Debug for Handler<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").finish_non_exhaustive()
    }
}

impl<A: Application> EngineIoHandler for Handler<A> {
    type Data = Slot;

    fn on_connect(self: Arc<Self>, session: Arc<EngineSocket<Slot>>) {
        let link = Link {
            session: Arc::downgrade(&session),
            headroom: Mutex::new(0),
            queue: self.registry.options.send_queue,
        };
        let protocol = match session.protocol {
            ProtocolVersion::V3 => Protocol::V4,
            ProtocolVersion::V4 => Protocol::V5,
        };
        let origin = origin_of(&session);
        let registry = self.registry.clone();
        let connection = self
            .registry
            .admit(|serial| Arc::new(Connection::new(serial, registry, protocol, link, origin)));
        let Some(connection) = connection else {
            session.close(EngineReason::ClosingServer);
            return;
        };
        // The engine reports a session once, so the slot is empty.
        let _ = session.data.set(connection.clone());
        self.start(connection.opened());
    }

    fn on_disconnect(&self, session: Arc<EngineSocket<Slot>>, reason: EngineReason) {
        if let Some(connection) = session.data.get() {
            connection.finish(reason_of(&reason));
        }
    }

    fn on_message(self: &Arc<Self>, text: Frame, session: Arc<EngineSocket<Slot>>) {
        if let Some(connection) = session.data.get() {
            self.start(connection.receive_text(&text));
        }
    }

    fn on_binary(self: &Arc<Self>, _content: axum::body::Bytes, session: Arc<EngineSocket<Slot>>) {
        if let Some(connection) = session.data.get() {
            connection.receive_binary();
        }
    }
}

fn origin_of(session: &EngineSocket<Slot>) -> Origin {
    let extensions = &session.req_parts.extensions;
    let peer = extensions.get::<ConnectInfo<Peer>>().map(|info| &info.0);
    let remote_addr = extensions
        .get::<RemoteAddr>()
        .map(|remote| remote.0)
        .or_else(|| peer.map(Peer::addr))
        .or_else(|| {
            extensions
                .get::<ConnectInfo<SocketAddr>>()
                .map(|info| info.0)
        });
    // A polling connection may be shared with other clients by a proxy.
    let own_stream = session.transport_type() == TransportType::Websocket;
    let cut = peer.filter(|_| own_stream).map(Peer::cut);
    Origin { remote_addr, cut }
}

/// The engine's side of [`SocketIoService`](crate::SocketIoService).
pub(crate) type Service<A> = EngineIoService<Handler<A>, NotFoundService>;

pub(crate) fn service<A: Application>(app: Arc<A>, registry: Arc<Registry>) -> Service<A> {
    let config = config(&registry.options);
    EngineIoService::with_config(Arc::new(Handler { app, registry }), config)
}

fn config(options: &Options) -> EngineIoConfig {
    EngineIoConfig::builder()
        // Every path: which requests come here is decided by the router in front.
        .req_path("/")
        .ping_interval(options.ping_interval)
        .ping_timeout(options.ping_timeout)
        .max_buffer_size(options.send_queue + SPARE_SLOTS)
        .max_payload(options.max_packet as u64)
        .ws_max_message_size(options.max_packet)
        .ws_max_frame_size(options.max_packet)
        .build()
}
