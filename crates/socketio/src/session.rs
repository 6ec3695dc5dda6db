//! One Engine.IO session: its transport, what waits to be sent, and the sockets on it.

mod heartbeat;
mod inbox;
mod outgoing;
mod writer;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
    task::Waker,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

use crate::{
    DisconnectReason, Protocol, SendError, Socket, Transport, addresses::AddressPlace,
    frame::Frame, ids::EngineId, lock, packet::Form, registry::Registry, wheel::Alarm, ws,
};

use heartbeat::Heartbeat;
use inbox::Inbox;
pub(crate) use inbox::{Delivery, Inbound};
pub(crate) use outgoing::{Class, Due, Haste, Polled};
use outgoing::{Next, Outgoing};
use writer::Writer;
pub(crate) use writer::{Flushed, Stream};

/// The client speaks msgpack: see [`wire::Decoder`](crate::wire::Decoder).
const MSGPACK: u8 = 1;
/// permessage-deflate was agreed on.
const DEFLATE: u8 = 2;

/// The parts of the opening request that are kept.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    pub(crate) remote_addr: Option<SocketAddr>,
    /// Copies: the originals would keep the whole request in memory.
    pub(crate) headers: Box<[(HeaderName, HeaderValue)]>,
    pub(crate) query: Box<str>,
    /// The client cannot take binary bodies (`b64=1`, Engine.IO 3).
    pub(crate) base64: bool,
    /// Held until nothing is left of the session.
    pub(crate) address_place: Option<AddressPlace>,
}

impl Opening {
    pub(crate) fn header_map(&self) -> HeaderMap {
        self.headers.iter().cloned().collect()
    }
}

pub(crate) struct Session {
    pub(crate) id: EngineId,
    pub(crate) registry: Arc<Registry>,
    pub(crate) protocol: Protocol,
    pub(crate) opening: Opening,
    dialect: AtomicU8,
    state: Mutex<State>,
    outgoing: Mutex<Outgoing>,
    /// Locked before `outgoing` by whoever needs both.
    writer: Mutex<Writer>,
}

struct State {
    ended: Option<(DisconnectReason, Farewell)>,
    transport: Transport,
    upgrading: bool,
    sockets: SmallVec<[Socket; 1]>,
    /// Of the connection's task.
    driver: Option<Waker>,
    heartbeat: Heartbeat,
    /// The driver is done: nobody would write or read any more.
    finished: bool,
    /// Nothing is read, because a mailbox is full: silence is not the client's fault.
    paused: bool,
    /// What a polling client posted. Boxed, because most sessions are WebSockets.
    inbox: Option<Box<Inbox>>,
    /// A WebSocket that the driver has not taken over yet.
    arriving: Option<Box<Arriving>>,
}

/// A WebSocket as an upgrade leaves it.
pub(crate) struct Arriving {
    pub(crate) decoder: ws::Decoder,
}

/// How a session that ends leaves its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// What is queued is still sent, then the transport is closed in good order.
    Flush,
    /// The client said that it goes.
    Answer,
    /// At once: the peer is gone, or does not deserve more.
    Drop,
    /// The client broke the rules of WebSocket, and is told this close code.
    Error(u16),
}

impl Session {
    pub(crate) fn new(
        registry: Arc<Registry>,
        protocol: Protocol,
        transport: Transport,
        opening: Opening,
    ) -> Arc<Self> {
        let id = EngineId::random(&registry.options.engine_id_prefix);
        let heartbeat = Heartbeat::new(&registry, protocol);
        let due = heartbeat.entry();
        let idle = registry.wheel.tick_in(registry.options.connect_timeout);
        let session = Arc::new(Self {
            id,
            protocol,
            opening,
            dialect: AtomicU8::new(0),
            state: Mutex::new(State {
                ended: None,
                transport,
                upgrading: false,
                sockets: SmallVec::new(),
                driver: None,
                finished: false,
                heartbeat,
                paused: false,
                inbox: (transport == Transport::Polling).then(Box::default),
                arriving: None,
            }),
            outgoing: Mutex::new(Outgoing::new(transport)),
            writer: Mutex::default(),
            registry,
        });
        let wheel = &session.registry.wheel;
        wheel.set(due, id, Alarm::Heartbeat);
        if !session.registry.options.engine_only {
            wheel.set(idle, id, Alarm::Idle);
        }
        session
    }

    pub(crate) fn transport(&self) -> Transport {
        lock(&self.state).transport
    }

    /// The form in which packets are sent to it.
    pub(crate) fn form(&self) -> Form {
        let dialect = self.dialect.load(Ordering::Relaxed);
        Form {
            protocol: self.protocol,
            msgpack: dialect & MSGPACK != 0,
            deflate: (dialect & DEFLATE != 0)
                .then_some(self.registry.options.compression_threshold),
        }
    }

    pub(crate) fn speaks_msgpack(&self) {
        self.dialect.fetch_or(MSGPACK, Ordering::Relaxed);
    }

    pub(crate) fn speaks_deflate(&self) {
        self.dialect.fetch_or(DEFLATE, Ordering::Relaxed);
    }

    /// Queues frames that belong together. Never waits; a full queue is the caller's to act on.
    pub(crate) fn send(self: &Arc<Self>, frames: &[Frame], class: Class) -> Result<(), SendError> {
        let limit = self.registry.options.send_queue;
        let push = || lock(&self.outgoing).push(frames, class, limit);
        let pushed = match push() {
            Err(SendError::Full) if matches!(class, Class::Queued(_)) => {
                self.make_room();
                push()
            }
            pushed => pushed,
        };
        self.follow(pushed?);
        Ok(())
    }

    /// [`send`](Self::send) of what the session itself says; cuts a peer that cannot take it.
    pub(crate) fn say(self: &Arc<Self>, frame: Frame) {
        if matches!(
            self.send(&[frame], Class::Queued(Haste::Now)),
            Err(SendError::Full)
        ) {
            self.cut_slow_consumer();
        }
    }

    fn follow(self: &Arc<Self>, next: Next) {
        match next {
            Next::Nothing => {}
            Next::Flush => self.registry.flusher.enlist(self.clone()),
            Next::FlushInAWhile => self.registry.flusher.enlist_for_later(self.clone()),
            Next::Wake(waker) => waker.wake(),
        }
    }

    pub(crate) fn cut_slow_consumer(self: &Arc<Self>) {
        if self.end(DisconnectReason::ForcedClose, Farewell::Drop) {
            self.registry.slow_consumers.fetch_add(1, Ordering::Relaxed);
            tracing::info!(remote = ?self.opening.remote_addr, "connection cut: send queue full");
        }
    }

    /// Bytes that wait to be sent.
    pub(crate) fn queued_bytes(&self) -> usize {
        lock(&self.outgoing).bytes()
    }

    pub(crate) fn ended(&self) -> Option<(DisconnectReason, Farewell)> {
        lock(&self.state).ended
    }

    /// [`end`](Self::end), unless the session goes on over WebSocket.
    pub(crate) fn end_polling(self: &Arc<Self>, reason: DisconnectReason) {
        if self.transport() == Transport::Polling {
            self.stop_polling();
            self.end_on(Some(Transport::Polling), reason, Farewell::Drop);
        }
    }

    /// Ends the session once: its sockets end, its transport closes. `false` when that happened
    /// before.
    pub(crate) fn end(self: &Arc<Self>, reason: DisconnectReason, farewell: Farewell) -> bool {
        self.end_on(None, reason, farewell)
    }

    fn end_on(
        self: &Arc<Self>,
        only: Option<Transport>,
        reason: DisconnectReason,
        farewell: Farewell,
    ) -> bool {
        let (sockets, driver, transport, inbox) = {
            let mut state = lock(&self.state);
            if state.ended.is_some() || only.is_some_and(|only| only != state.transport) {
                return false;
            }
            state.ended = Some((reason, farewell));
            state.arriving = None;
            let posting = state.inbox.as_mut().and_then(|inbox| inbox.waker.take());
            (
                std::mem::take(&mut state.sockets),
                state.driver.clone(),
                state.transport,
                posting,
            )
        };
        let stays = self.say_farewell(transport, farewell);
        // Whoever waits to be sent its last words can still be found; the driver removes it.
        if !stays {
            self.registry.remove(&self.id);
        }
        for socket in sockets {
            socket.end(reason);
        }
        for waker in driver.into_iter().chain(inbox) {
            waker.wake();
        }
        true
    }

    /// Returns whether a polling client may still fetch something.
    fn say_farewell(self: &Arc<Self>, transport: Transport, farewell: Farewell) -> bool {
        let mut outgoing = lock(&self.outgoing);
        let next = match (transport, farewell) {
            (Transport::WebSocket, Farewell::Drop) => {
                outgoing.close(None);
                drop(outgoing);
                // A writer that is at work right now drops the stream when it sees the end.
                if let Ok(mut writer) = self.writer.try_lock() {
                    writer.drop_stream();
                }
                return false;
            }
            (Transport::WebSocket, Farewell::Flush | Farewell::Answer) => {
                outgoing.close(Some(Frame::websocket(ws::close_frame(None))))
            }
            (Transport::WebSocket, Farewell::Error(code)) => {
                outgoing.close(Some(Frame::websocket(ws::close_frame(Some(code)))))
            }
            (Transport::Polling, Farewell::Flush) => outgoing.close(Some(Frame::engine("1"))),
            // A poll may be on its way that left the client before its POST of the close packet.
            (Transport::Polling, Farewell::Answer) => outgoing.close(Some(Frame::engine("6"))),
            (Transport::Polling, _) if outgoing.is_polled() => {
                outgoing.close(Some(Frame::engine("1")))
            }
            (Transport::Polling, _) => outgoing.close(None),
        };
        let stays = transport == Transport::Polling
            && matches!(farewell, Farewell::Flush | Farewell::Answer);
        drop(outgoing);
        self.follow(next);
        stays
    }

    /// Puts a new socket on the session; `false` when it has one in that namespace, or has ended.
    pub(crate) fn add_socket(&self, socket: &Socket) -> bool {
        let mut state = lock(&self.state);
        let taken = state
            .sockets
            .iter()
            .any(|other| other.namespace() == socket.namespace());
        if taken || state.ended.is_some() {
            return false;
        }
        state.sockets.push(socket.clone());
        true
    }

    /// A socket that ended is no longer this session's.
    pub(crate) fn forget(&self, socket: &Socket) {
        lock(&self.state).sockets.retain(|other| other != socket);
    }

    /// Sockets whose CONNECT packet was accepted.
    pub(crate) fn connected_sockets(&self) -> SmallVec<[Socket; 1]> {
        let sockets = lock(&self.state).sockets.clone();
        sockets.into_iter().filter(Socket::is_connected).collect()
    }

    /// Closes the session unless it is in a namespace by then.
    pub(crate) fn close_if_idle_in(&self, time: std::time::Duration) {
        let wheel = &self.registry.wheel;
        wheel.set(wheel.tick_in(time), self.id, Alarm::Idle);
    }

    pub(crate) fn idle_due(self: &Arc<Self>) {
        if self.connected_sockets().is_empty() {
            tracing::debug!(remote = ?self.opening.remote_addr, "closed: it is in no namespace");
            self.end(DisconnectReason::ForcedServerClose, Farewell::Flush);
        }
    }

    /// To be called by the driver when it is first polled, and when its waker changes.
    pub(crate) fn register_driver(&self, waker: &Waker) {
        lock(&self.state).driver = Some(waker.clone());
        self.register_writer(waker);
    }

    pub(crate) fn wake_driver(&self) {
        let driver = lock(&self.state).driver.clone();
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        lock(&self.state).paused = paused;
    }

    /// Starts an upgrade; `false` when one is under way or done, or the session has ended.
    pub(crate) fn begin_upgrade(&self) -> bool {
        let mut state = lock(&self.state);
        let may =
            state.ended.is_none() && !state.upgrading && state.transport == Transport::Polling;
        state.upgrading |= may;
        may
    }

    pub(crate) fn cancel_upgrade(&self) {
        lock(&self.state).upgrading = false;
    }

    /// Whether an upgrade that is under way may go on: also one of a session that only waits to be
    /// asked for its last words, because its client has stopped asking.
    pub(crate) fn may_upgrade(&self) -> bool {
        let state = lock(&self.state);
        let last_words = |(_, farewell)| matches!(farewell, Farewell::Flush | Farewell::Answer);
        !state.finished && state.ended.is_none_or(last_words)
    }

    /// From here on the WebSocket is the transport. Everything that was queued goes over it; a
    /// poll that still waits is answered like every later one. When the session has ended for good
    /// the stream comes back.
    pub(crate) fn complete_upgrade(
        self: &Arc<Self>,
        stream: Stream,
        decoder: ws::Decoder,
        deflate: bool,
    ) -> Result<(), Stream> {
        if !self.may_upgrade() {
            return Err(stream);
        }
        let (next, posting) = {
            let mut state = lock(&self.state);
            if state.finished {
                return Err(stream);
            }
            state.upgrading = false;
            state.transport = Transport::WebSocket;
            state.heartbeat.renew(&self.registry);
            if state.ended.is_none() {
                state.arriving = Some(Box::new(Arriving { decoder }));
            }
            lock(&self.writer).open(stream);
            let mut outgoing = lock(&self.outgoing);
            outgoing.replace_last(Frame::websocket(ws::close_frame(None)));
            let next = outgoing.turn_into_stream();
            // Only now: what was encoded for the poll that waits must not be compressed.
            if deflate {
                self.speaks_deflate();
            }
            (
                next,
                state.inbox.as_mut().and_then(|inbox| inbox.waker.take()),
            )
        };
        self.follow(next);
        if let Some(posting) = posting {
            posting.wake();
        }
        self.wake_driver();
        Ok(())
    }

    /// The driver is done with a session that has ended.
    pub(crate) fn finish(&self) {
        lock(&self.state).finished = true;
        self.drop_stream();
        self.registry.remove(&self.id);
    }

    /// The WebSocket that replaces polling, for the driver. Nothing can be posted any more.
    pub(crate) fn take_arriving(&self) -> Option<Box<Arriving>> {
        let (arriving, inbox) = {
            let mut state = lock(&self.state);
            (state.arriving.take()?, state.inbox.take())
        };
        // A POST whose body still comes has nobody to come to.
        if let Some(posting) = inbox.and_then(|inbox| inbox.waker) {
            posting.wake();
        }
        Some(arriving)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("remote_addr", &self.opening.remote_addr)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}
