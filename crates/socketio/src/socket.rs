//! One client in one namespace.

use std::{
    collections::HashSet,
    hash::{Hash, Hasher},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    Ack, AckError, Answer, DisconnectReason, Packet, PacketError, Protocol, Refusal, SocketId,
    Transport,
    ack::Owed,
    frame::Frame,
    lock,
    packet::Form,
    recovery::{Recovery, RestoreError},
    registry::Namespace,
    session::{Class, Farewell, Haste, Session},
    wire,
};

/// How long a client that was disconnected from its last namespace may take to hang up.
const LINGER: Duration = Duration::from_secs(3);

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
    /// The values of an ack cannot be encoded.
    #[error(transparent)]
    Encode(#[from] PacketError),
}

/// Handle of one client in one namespace; a clone is a reference to the same socket.
#[derive(Clone)]
pub struct Socket {
    inner: Arc<Inner>,
}

struct Inner {
    /// Fixed when it is first asked for: until then it may be restored.
    id: OnceLock<SocketId>,
    namespace: Arc<Namespace>,
    session: Arc<Session>,
    phase: Mutex<Phase>,
    membership: Mutex<Membership>,
    owed: Mutex<Option<Box<Owed>>>,
    /// See [`Socket::withhold_offsets`].
    withheld: AtomicBool,
    /// Events that were received and whose handler has not finished.
    unhandled: AtomicUsize,
    idle: Notify,
}

enum Phase {
    /// The application has not decided yet.
    Connecting(Box<Connecting>),
    Connected {
        /// Secret of a client that can be recovered.
        pid: Option<Box<str>>,
    },
    Gone(DisconnectReason),
}

#[derive(Default)]
struct Connecting {
    /// Sent before the CONNECT answer.
    replay: Vec<Packet>,
    pid: Option<Box<str>>,
    /// What was sent meanwhile, which follows the answer.
    held: Vec<Held>,
    held_bytes: usize,
}

/// What a client is told about where it stands in the stream of events.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Offsets {
    /// It takes no part in recovery.
    None,
    Told,
    /// For now it is not known where exactly it stands.
    Withheld,
}

/// Something to send. What an event looks like depends on what its client will have been told.
#[derive(Clone, Copy)]
enum Sent<'a> {
    Event(&'a Packet),
    Frames(&'a [Frame]),
}

impl<'a> Sent<'a> {
    fn frames(self, form: Form, offsets: Offsets) -> &'a [Frame] {
        match (self, offsets) {
            (Self::Event(packet), Offsets::Told) => packet.for_recoverable().frames(form),
            (Self::Event(packet), Offsets::Withheld) => packet.for_uncertain().frames(form),
            (Self::Event(packet), Offsets::None) => packet.for_plain().frames(form),
            (Self::Frames(frames), _) => frames,
        }
    }
}

/// [`Sent`] that waits for the CONNECT answer.
enum Held {
    Event(Packet),
    Frames(Box<[Frame]>),
}

impl Held {
    fn as_sent(&self) -> Sent<'_> {
        match self {
            Self::Event(packet) => Sent::Event(packet),
            Self::Frames(frames) => Sent::Frames(frames),
        }
    }
}

#[derive(Default)]
struct Membership {
    /// Set in the same section in which the rooms are left, so that nothing can join afterwards.
    gone: bool,
    rooms: HashSet<Arc<str>>,
}

impl Socket {
    pub(crate) fn new(namespace: Arc<Namespace>, session: Arc<Session>) -> Self {
        let inner = Inner {
            id: OnceLock::new(),
            namespace,
            session,
            phase: Mutex::new(Phase::Connecting(Box::default())),
            membership: Mutex::default(),
            owed: Mutex::default(),
            withheld: AtomicBool::new(false),
            unhandled: AtomicUsize::new(0),
            idle: Notify::new(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Public identity. It differs per namespace and says nothing of the connection.
    pub fn id(&self) -> SocketId {
        *self.inner.id.get_or_init(SocketId::random)
    }

    /// Whether this is its id; unlike [`id`](Self::id) it does not fix one.
    pub(crate) fn has_id(&self, id: &SocketId) -> bool {
        self.inner.id.get() == Some(id)
    }

    /// The namespace it is in.
    pub fn namespace(&self) -> &str {
        &self.inner.namespace.name
    }

    pub(crate) fn namespace_name(&self) -> Arc<str> {
        self.inner.namespace.name.clone()
    }

    /// Protocol revision of the client.
    pub fn protocol(&self) -> Protocol {
        self.inner.session.protocol
    }

    /// Transport at this moment.
    pub fn transport(&self) -> Transport {
        self.inner.session.transport()
    }

    /// Whether the CONNECT packet was accepted and the socket is not gone.
    pub fn is_connected(&self) -> bool {
        matches!(*lock(&self.inner.phase), Phase::Connected { .. })
    }

    /// Whether it has ended, or its client went away while it connected.
    pub fn is_gone(&self) -> bool {
        self.gone().is_some() || self.inner.session.ended().is_some()
    }

    /// Makes the client recoverable: it is told `pid`, a secret under which it asks for its
    /// session when it comes back, in `auth.pid` of its next CONNECT. Only while it connects, and
    /// only for clients of protocol v5.
    pub fn set_pid(&self, pid: &str) -> Result<(), RestoreError> {
        match &mut *lock(&self.inner.phase) {
            Phase::Connecting(connecting) => {
                connecting.pid = Some(pid.into());
                Ok(())
            }
            Phase::Connected { .. } | Phase::Gone(_) => Err(RestoreError::NotConnecting),
        }
    }

    /// Gives the client its former session back: the old id and rooms, and the events it missed
    /// before the answer to its CONNECT. It then sees `socket.recovered === true`. Only while it
    /// connects, and before anything asked for its [`id`](Self::id).
    pub fn restore(&self, recovery: Recovery) -> Result<(), RestoreError> {
        let Recovery {
            id,
            pid,
            rooms,
            replay,
        } = recovery;
        {
            let mut phase = lock(&self.inner.phase);
            let Phase::Connecting(connecting) = &mut *phase else {
                return Err(RestoreError::NotConnecting);
            };
            if replay
                .iter()
                .any(|packet| self.check_namespace(packet).is_err())
            {
                return Err(RestoreError::WrongNamespace);
            }
            self.inner
                .id
                .set(id)
                .map_err(|_| RestoreError::AlreadyNamed)?;
            connecting.pid = Some(pid.into());
            connecting.replay = replay;
        }
        for room in &rooms {
            self.join(room);
        }
        Ok(())
    }

    /// While this is `true`, events reach a recoverable client with an offset with which it is not
    /// recovered: there are others, of those that it is due, which it may not have yet.
    pub fn withhold_offsets(&self, withhold: bool) {
        self.inner.withheld.store(withhold, Ordering::Release);
    }

    fn offsets(&self, recoverable: bool) -> Offsets {
        match (recoverable, self.inner.withheld.load(Ordering::Acquire)) {
            (false, _) => Offsets::None,
            (true, false) => Offsets::Told,
            (true, true) => Offsets::Withheld,
        }
    }

    /// Joins `room`; `false` when the socket is gone, and then nothing is left behind.
    pub fn join(&self, room: &str) -> bool {
        let mut membership = lock(&self.inner.membership);
        if membership.gone {
            return false;
        }
        if !membership.rooms.contains(room) {
            let name = self.inner.namespace.rooms.add(room, self);
            membership.rooms.insert(name);
        }
        true
    }

    /// Leaves `room`; `false` when it was not in it.
    pub fn leave(&self, room: &str) -> bool {
        let mut membership = lock(&self.inner.membership);
        let was_in = membership.rooms.remove(room);
        if was_in {
            self.inner.namespace.rooms.remove(room, self);
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
        self.deliver(packet, Class::Queued(Haste::Now))
    }

    /// Queues `packet`, in its place, to be written with whatever is written next: nobody waits for it. It
    /// goes by itself when nothing else was for a quarter of a second.
    pub fn emit_whenever(&self, packet: &Packet) -> Result<(), SendError> {
        self.check_namespace(packet)?;
        self.deliver(packet, Class::Queued(Haste::Whenever))
    }

    /// Queues `packet` unless half of the queue is taken; dropping it harms nothing else.
    pub fn emit_volatile(&self, packet: &Packet) -> Result<(), SendError> {
        self.check_namespace(packet)?;
        self.deliver(packet, Class::Volatile(Haste::Now))
    }

    /// Queues `packet` and waits for the client's answer.
    pub async fn emit_with_ack(
        &self,
        packet: &Packet,
        timeout: Duration,
    ) -> Result<Answer, AckError> {
        self.check_namespace(packet)?;
        let (id, answer) = lock(&self.inner.owed).get_or_insert_default().add();
        let _owing = Owing { socket: self, id };
        self.send(&packet.frames_with_id(self.form(), id))?;
        match tokio::time::timeout(timeout, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_ended)) => Err(AckError::Ended),
            Err(_elapsed) => Err(AckError::Timeout(timeout)),
        }
    }

    /// Forgets an answer that nobody waits for any more.
    fn give_up(&self, id: u64) {
        if let Some(owed) = &mut *lock(&self.inner.owed) {
            owed.give_up(id);
        }
    }

    /// Answers that are waited for.
    #[cfg(test)]
    pub(crate) fn owed(&self) -> usize {
        lock(&self.inner.owed).as_ref().map_or(0, |owed| owed.len())
    }

    /// Sends DISCONNECT: the client does not come back by itself. With its last namespace the
    /// connection is closed too, a moment later. Rooms are left and the disconnect handler is due
    /// at once.
    pub fn disconnect(&self) {
        if self.is_connected() {
            let frame = self.packet_frame(&wire::disconnect_text(self.namespace()), || {
                wire::disconnect_msgpack(self.namespace())
            });
            // One that cannot take it is cut.
            let _ = self.send(&[frame]);
        }
        if self.end(DisconnectReason::ServerNamespaceDisconnect) {
            self.inner.session.close_if_idle_in(LINGER);
        }
    }

    /// Closes the connection under it, with all its namespaces, once what is queued is sent: the
    /// client comes back.
    pub fn close(&self) {
        let session = &self.inner.session;
        session.end(DisconnectReason::ForcedClose, Farewell::Flush);
    }

    fn check_namespace(&self, packet: &Packet) -> Result<(), SendError> {
        if packet.namespace() == self.namespace() {
            Ok(())
        } else {
            Err(SendError::WrongNamespace)
        }
    }

    pub(crate) fn form(&self) -> Form {
        self.inner.session.form()
    }

    /// The caller made sure that the packet is of this namespace.
    pub(crate) fn deliver(&self, packet: &Packet, class: Class) -> Result<(), SendError> {
        self.send_classed(class, Sent::Event(packet))
    }

    pub(crate) fn send(&self, frames: &[Frame]) -> Result<(), SendError> {
        self.send_classed(Class::Queued(Haste::Now), Sent::Frames(frames))
    }

    fn send_classed(&self, class: Class, sent: Sent<'_>) -> Result<(), SendError> {
        let form = self.form();
        let result = match &mut *lock(&self.inner.phase) {
            Phase::Connecting(connecting) => {
                let limit = self.inner.session.registry.options.send_queue;
                connecting.hold(sent, form, class, limit)
            }
            Phase::Connected { pid } => {
                let frames = sent.frames(form, self.offsets(pid.is_some()));
                self.inner.session.send(frames, class)
            }
            Phase::Gone(_) => Err(SendError::Closed),
        };
        // Outside the section: cutting ends all sockets of the connection, this one included.
        if matches!(result, Err(SendError::Full)) && matches!(class, Class::Queued(_)) {
            self.inner.session.cut_slow_consumer();
        }
        result
    }

    /// A packet of the protocol itself in the client's form.
    fn packet_frame(&self, text: &str, msgpack: impl FnOnce() -> Vec<u8>) -> Frame {
        if self.form().msgpack {
            Frame::binary(self.protocol(), &msgpack())
        } else {
            Frame::text(text)
        }
    }

    /// Answers the CONNECT packet; `false` when the socket is gone meanwhile.
    pub(crate) fn accept(&self) -> bool {
        let sent = {
            let mut phase = lock(&self.inner.phase);
            let Phase::Connecting(connecting) = &mut *phase else {
                return false;
            };
            let Connecting {
                replay, pid, held, ..
            } = std::mem::take(&mut **connecting);
            let pid = pid.filter(|_| self.protocol() == Protocol::V5);
            let answer = self.connect_frame(pid.as_deref());
            let (form, offsets) = (self.form(), self.offsets(pid.is_some()));
            *phase = Phase::Connected { pid };
            let mut frames = Vec::with_capacity(replay.len() + 1 + held.len());
            for packet in &replay {
                frames.extend_from_slice(Sent::Event(packet).frames(form, offsets));
            }
            frames.push(answer);
            for held in &held {
                frames.extend_from_slice(held.as_sent().frames(form, offsets));
            }
            self.inner.session.send(&frames, Class::Opening)
        };
        // A session that is just ending, on another thread, has not come to its sockets yet.
        if sent.is_err()
            && let Some((reason, _)) = self.inner.session.ended()
        {
            self.end(reason);
        }
        sent.is_ok()
    }

    fn connect_frame(&self, pid: Option<&str>) -> Frame {
        let id = self.id();
        let payload = match (self.protocol(), pid) {
            (Protocol::V4, _) => None,
            (Protocol::V5, None) => Some(json!({ "sid": id.as_str() })),
            (Protocol::V5, Some(pid)) => Some(json!({ "sid": id.as_str(), "pid": pid })),
        };
        self.packet_frame(
            &wire::connect_text(self.namespace(), payload.as_ref()),
            || wire::connect_msgpack(self.namespace(), payload.as_ref()),
        )
    }

    /// Answers the CONNECT packet with an error and undoes what the application did meanwhile.
    pub(crate) fn refuse(&self, refusal: &Refusal) {
        if self.end(DisconnectReason::ServerNamespaceDisconnect) {
            refuse(&self.inner.session, self.namespace(), refusal);
        }
    }

    /// Ends the socket once: no more events, out of all rooms, nobody waits for its acks. `false`
    /// when it was gone already. The connection's task sees it when it is next woken.
    pub(crate) fn end(&self, reason: DisconnectReason) -> bool {
        {
            let mut phase = lock(&self.inner.phase);
            if matches!(*phase, Phase::Gone(_)) {
                return false;
            }
            *phase = Phase::Gone(reason);
        }
        {
            let mut membership = lock(&self.inner.membership);
            membership.gone = true;
            for room in std::mem::take(&mut membership.rooms) {
                self.inner.namespace.rooms.remove(&room, self);
            }
        }
        *lock(&self.inner.owed) = None;
        self.inner.session.forget(self);
        self.inner.session.wake_driver();
        self.inner.idle.notify_waiters();
        true
    }

    /// Why it is gone, once it is.
    pub(crate) fn gone(&self) -> Option<DisconnectReason> {
        match *lock(&self.inner.phase) {
            Phase::Gone(reason) => Some(reason),
            Phase::Connecting(_) | Phase::Connected { .. } => None,
        }
    }

    pub(crate) fn ack(&self, id: u64) -> Ack {
        Ack::new(self.clone(), id)
    }

    pub(crate) fn settle(&self, id: u64, answer: Answer) {
        if let Some(owed) = &mut *lock(&self.inner.owed) {
            owed.settle(id, answer);
        }
    }

    /// Whether every event that was received has been handled.
    pub fn is_idle(&self) -> bool {
        !self.is_connected() || self.inner.unhandled.load(Ordering::Acquire) == 0
    }

    /// Waits until every event that was received has been handled, or the socket is gone.
    pub async fn wait_until_idle(&self) {
        loop {
            let idle = self.inner.idle.notified();
            if self.is_idle() {
                return;
            }
            idle.await;
        }
    }

    /// To be called for each event that is received.
    pub(crate) fn received(&self) {
        self.inner.unhandled.fetch_add(1, Ordering::AcqRel);
    }

    /// To be called for each event whose handler has finished.
    pub(crate) fn handled(&self) {
        if self.inner.unhandled.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.inner.idle.notify_waiters();
        }
    }

    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.inner.session
    }

    /// Tells two handles of one socket from handles of two.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.inner) as usize
    }
}

/// An answer that somebody waits for, who may stop waiting at any time.
struct Owing<'a> {
    socket: &'a Socket,
    id: u64,
}

impl Drop for Owing<'_> {
    fn drop(&mut self) {
        self.socket.give_up(self.id);
    }
}

impl Connecting {
    fn hold(
        &mut self,
        sent: Sent<'_>,
        form: Form,
        class: Class,
        limit: usize,
    ) -> Result<(), SendError> {
        if matches!(class, Class::Volatile(_)) {
            return Err(SendError::Closed);
        }
        let offsets = if self.pid.is_some() {
            Offsets::Told
        } else {
            Offsets::None
        };
        let frames = sent.frames(form, offsets);
        let size: usize = frames.iter().map(Frame::len).sum();
        if self.held_bytes > 0 && self.held_bytes + size > limit {
            return Err(SendError::Full);
        }
        self.held_bytes += size;
        self.held.push(match sent {
            Sent::Event(packet) => Held::Event(packet.clone()),
            Sent::Frames(frames) => Held::Frames(frames.into()),
        });
        Ok(())
    }
}

/// Answers a CONNECT packet with an error.
pub(crate) fn refuse(session: &Arc<Session>, namespace: &str, refusal: &Refusal) {
    let Refusal { message, data } = refusal;
    let protocol = session.protocol;
    let payload = match (protocol, data) {
        (Protocol::V4, Value::Null) => json!(message),
        (Protocol::V4, data) => data.clone(),
        (Protocol::V5, Value::Null) => json!({ "message": message }),
        (Protocol::V5, data) => json!({ "message": message, "data": data }),
    };
    session.say(if session.form().msgpack {
        Frame::binary(protocol, &wire::connect_error_msgpack(namespace, &payload))
    } else {
        Frame::text(&wire::connect_error_text(namespace, &payload))
    });
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
            .field("id", &self.inner.id.get())
            .field("namespace", &self.namespace())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
