//! One client in one namespace.

use std::{
    collections::HashSet,
    hash::{Hash, Hasher},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    Ack, DisconnectReason, Event, Packet, Protocol, Refusal, SocketId, Transport, codec,
    connection::Connection, engine::Frame, lock, registry::Namespace,
};

/// Bytes of JSON text that may wait in one socket's mailbox.
pub(crate) const MAILBOX_BYTES: usize = 1024 * 1024;

/// Why something was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The socket is gone.
    #[error("socket is closed")]
    Closed,
    /// The send queue is full. Unless the packet was volatile the connection has been cut.
    #[error("send queue is full")]
    Full,
    /// The packet was encoded for another namespace.
    #[error("packet belongs to another namespace")]
    WrongNamespace,
    /// The value of an ack cannot be written as JSON.
    #[error("value cannot be encoded: {0}")]
    Encode(#[from] serde_json::Error),
}

/// Handle of one client in one namespace; a clone is a reference to the same socket.
#[derive(Clone)]
pub struct Socket {
    inner: Arc<Inner>,
}

struct Inner {
    id: SocketId,
    namespace: Arc<Namespace>,
    connection: Arc<Connection>,
    phase: Mutex<Phase>,
    membership: Mutex<Membership>,
    mailbox: mpsc::Sender<Queued>,
    mailbox_bytes: AtomicUsize,
    /// Events that were received and whose handler has not finished.
    unhandled: AtomicUsize,
    gone: CancellationToken,
    reason: OnceLock<DisconnectReason>,
}

enum Phase {
    /// The application has not decided yet; what is sent meanwhile waits here.
    Connecting(Vec<Frame>),
    Connected,
    Gone,
}

#[derive(Default)]
struct Membership {
    /// Set in the same section in which the rooms are left, so that nothing can join afterwards.
    gone: bool,
    rooms: HashSet<Arc<str>>,
}

/// An event on its way to the worker.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) event: Event,
    bytes: usize,
}

/// Why an event was not taken.
pub(crate) enum Undelivered {
    /// The CONNECT packet was not answered yet, or the socket is gone.
    NotConnected,
    Overflow,
}

impl Socket {
    pub(crate) fn new(
        namespace: Arc<Namespace>,
        connection: Arc<Connection>,
    ) -> (Self, mpsc::Receiver<Queued>) {
        let (mailbox, events) = mpsc::channel(connection.registry.options.mailbox.max(1));
        let inner = Inner {
            id: SocketId::random(),
            namespace,
            connection,
            phase: Mutex::new(Phase::Connecting(Vec::new())),
            membership: Mutex::default(),
            mailbox,
            mailbox_bytes: AtomicUsize::new(0),
            unhandled: AtomicUsize::new(0),
            gone: CancellationToken::new(),
            reason: OnceLock::new(),
        };
        (
            Self {
                inner: Arc::new(inner),
            },
            events,
        )
    }

    /// Public identity.
    pub fn id(&self) -> &SocketId {
        &self.inner.id
    }

    /// The namespace it is in.
    pub fn namespace(&self) -> &str {
        &self.inner.namespace.name
    }

    /// Protocol revision of the client.
    pub fn protocol(&self) -> Protocol {
        self.inner.connection.protocol
    }

    /// Transport at this moment.
    pub fn transport(&self) -> Transport {
        self.inner.connection.transport()
    }

    /// Whether the CONNECT packet was accepted and the socket is not gone.
    pub fn is_connected(&self) -> bool {
        matches!(*lock(&self.inner.phase), Phase::Connected)
    }

    /// Joins `room`; `false` when the socket is gone, and then nothing is left behind.
    pub fn join(&self, room: &str) -> bool {
        let mut membership = lock(&self.inner.membership);
        if membership.gone {
            return false;
        }
        if !membership.rooms.contains(room) {
            let room: Arc<str> = room.into();
            membership.rooms.insert(room.clone());
            self.inner.namespace.rooms.add(&room, self);
        }
        true
    }

    /// Leaves `room`; `false` when it was not in it.
    pub fn leave(&self, room: &str) -> bool {
        let mut membership = lock(&self.inner.membership);
        let was_in = membership.rooms.remove(room);
        if was_in {
            self.inner.namespace.rooms.remove(room, &self.inner.id);
        }
        was_in
    }

    /// The rooms it is in, in no order.
    pub fn rooms(&self) -> Vec<String> {
        lock(&self.inner.membership)
            .rooms
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// Queues `packet`. Never waits: when the queue is full the connection is cut.
    pub fn emit(&self, packet: &Packet) -> Result<(), SendError> {
        self.check_namespace(packet)?;
        self.send(packet.frame())
    }

    /// Queues `packet` unless half of the queue is taken; dropping it harms nothing else.
    pub fn emit_volatile(&self, packet: &Packet) -> Result<(), SendError> {
        self.check_namespace(packet)?;
        match *lock(&self.inner.phase) {
            Phase::Connected => self.inner.connection.link.send_volatile(packet.frame()),
            Phase::Connecting(_) | Phase::Gone => Err(SendError::Closed),
        }
    }

    /// Sends DISCONNECT: the client does not come back by itself. With its last namespace the
    /// connection is closed too. Rooms are left and the disconnect handler is due at once.
    pub fn disconnect(&self) {
        let said = {
            let phase = lock(&self.inner.phase);
            match *phase {
                Phase::Connected => {
                    let frame = Frame::from(codec::disconnect(self.namespace()));
                    self.inner.connection.link.send(frame).is_ok()
                }
                Phase::Connecting(_) | Phase::Gone => false,
            }
        };
        if self.end(DisconnectReason::ServerNamespaceDisconnect) {
            self.inner.connection.after_server_disconnect(said);
        }
    }

    /// Closes the connection under it, with all its namespaces: the client comes back.
    pub fn close(&self) {
        self.inner.connection.shut(DisconnectReason::ForcedClose);
    }

    fn check_namespace(&self, packet: &Packet) -> Result<(), SendError> {
        if packet.namespace() == self.namespace() {
            Ok(())
        } else {
            Err(SendError::WrongNamespace)
        }
    }

    pub(crate) fn send(&self, frame: Frame) -> Result<(), SendError> {
        let limit = self.inner.connection.registry.options.send_queue;
        let sent = match &mut *lock(&self.inner.phase) {
            Phase::Connecting(held) if held.len() < limit => {
                held.push(frame);
                Ok(())
            }
            Phase::Connecting(_) => Err(SendError::Full),
            Phase::Connected => self.inner.connection.link.send(frame),
            Phase::Gone => Err(SendError::Closed),
        };
        // Outside the section: cutting ends all sockets of the connection, this one included.
        if matches!(sent, Err(SendError::Full)) {
            self.inner.connection.cut_slow_consumer();
        }
        sent
    }

    /// Answers the CONNECT packet; `false` when the socket is gone meanwhile.
    pub(crate) fn accept(&self) -> bool {
        let payload = match self.protocol() {
            Protocol::V4 => None,
            Protocol::V5 => Some(json!({ "sid": self.inner.id.as_str() })),
        };
        let answer = Frame::from(codec::connect(self.namespace(), payload.as_ref()));
        let sent = {
            let mut phase = lock(&self.inner.phase);
            let held = match &mut *phase {
                Phase::Connecting(held) => std::mem::take(held),
                Phase::Connected | Phase::Gone => return false,
            };
            *phase = Phase::Connected;
            let link = &self.inner.connection.link;
            link.send(answer)
                .and_then(|()| held.into_iter().try_for_each(|frame| link.send(frame)))
        };
        match sent {
            Err(SendError::Full) => self.inner.connection.cut_slow_consumer(),
            Err(_) => {
                self.inner.connection.shut(DisconnectReason::TransportClose);
            }
            Ok(()) => {}
        }
        sent.is_ok()
    }

    /// Answers the CONNECT packet with an error and undoes what the application did meanwhile.
    pub(crate) fn refuse(&self, refusal: &Refusal) {
        let frame = connect_error_frame(self.protocol(), self.namespace(), refusal);
        if self.end(DisconnectReason::ServerNamespaceDisconnect) {
            self.inner.connection.send_or_cut(frame);
        }
    }

    /// Ends the socket once: no more events, out of all rooms, worker told. `false` when it was
    /// gone already.
    pub(crate) fn end(&self, reason: DisconnectReason) -> bool {
        {
            let mut phase = lock(&self.inner.phase);
            if matches!(*phase, Phase::Gone) {
                return false;
            }
            *phase = Phase::Gone;
            // First and only: the phase was not Gone.
            let _ = self.inner.reason.set(reason);
        }
        {
            let mut membership = lock(&self.inner.membership);
            membership.gone = true;
            for room in membership.rooms.drain() {
                self.inner.namespace.rooms.remove(&room, &self.inner.id);
            }
        }
        self.inner.connection.forget(self);
        self.inner.gone.cancel();
        true
    }

    pub(crate) fn gone(&self) -> &CancellationToken {
        &self.inner.gone
    }

    pub(crate) fn reason(&self) -> DisconnectReason {
        self.inner
            .reason
            .get()
            .copied()
            .unwrap_or(DisconnectReason::TransportClose)
    }

    /// Puts an event into the mailbox; `bytes` is the size of its text.
    pub(crate) fn deliver(
        &self,
        name: String,
        args: Vec<Value>,
        id: Option<u64>,
        bytes: usize,
    ) -> Result<(), Undelivered> {
        // Held across, so that nothing enters the mailbox once the socket has ended.
        let phase = lock(&self.inner.phase);
        if !matches!(*phase, Phase::Connected) {
            return Err(Undelivered::NotConnected);
        }
        let ack = id.map(|id| Ack::new(self.clone(), id));
        let waiting = self.inner.mailbox_bytes.fetch_add(bytes, Ordering::AcqRel) + bytes;
        if waiting > MAILBOX_BYTES {
            return Err(Undelivered::Overflow);
        }
        let queued = Queued {
            event: Event { name, args, ack },
            bytes,
        };
        self.inner
            .mailbox
            .try_send(queued)
            .map_err(|_| Undelivered::Overflow)?;
        self.inner.unhandled.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// Whether every event that was received has been handled.
    pub fn is_idle(&self) -> bool {
        !self.is_connected() || self.inner.unhandled.load(Ordering::Acquire) == 0
    }

    /// To be called for each event whose handler has finished.
    pub(crate) fn handled(&self) {
        self.inner.unhandled.fetch_sub(1, Ordering::AcqRel);
    }

    /// To be called for each event taken out of the mailbox.
    pub(crate) fn taken(&self, queued: Queued) -> Event {
        self.inner
            .mailbox_bytes
            .fetch_sub(queued.bytes, Ordering::AcqRel);
        queued.event
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.inner.connection
    }

    /// Tells two handles of one socket from handles of two.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.inner) as usize
    }
}

pub(crate) fn connect_error_frame(protocol: Protocol, namespace: &str, refusal: &Refusal) -> Frame {
    let Refusal { message, data } = refusal;
    let payload = match (protocol, data) {
        (Protocol::V4, Value::Null) => json!(message),
        (Protocol::V4, data) => data.clone(),
        (Protocol::V5, Value::Null) => json!({ "message": message }),
        (Protocol::V5, data) => json!({ "message": message, "data": data }),
    };
    Frame::from(codec::connect_error(namespace, &payload))
}

impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for Socket {}

impl Hash for Socket {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket")
            .field("id", &self.inner.id)
            .field("namespace", &self.namespace())
            .finish_non_exhaustive()
    }
}
