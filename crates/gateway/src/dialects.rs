//! What sockets are told, each in the words of its namespace.
//!
//! The native namespace costs nothing of this: its events go out as they came. For each of the others
//! an event is put into words and encoded once, and only when it has sockets in the room.

mod exchange;
mod listeners;
mod written;

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use switchboard_messaging::{Actor, Messaging};
use switchboard_protocol::dialect::{Hearers, Told};
use switchboard_protocol::{Dialect, ServerEvent};
use switchboard_socketio::{Io, Packet, Socket, SocketId};
use tokio_util::sync::CancellationToken;

use crate::NAMESPACE;
use listeners::Listeners;
use written::Written;

/// The dialects that are spoken, and who listens to them. Cheap to clone; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dialects(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    tables: Vec<Dialect>,
    listeners: Listeners,
    written: Written,
}

/// An event in one dialect's words.
#[derive(Debug, Default)]
pub(crate) struct Wording(Vec<(Packet, Hearers)>);

impl Wording {
    /// What a dialect's sockets are told of a native event.
    pub(crate) fn of_event(dialect: &Dialect, native: &str, data: &Value) -> Self {
        Self::of(dialect, &dialect.tell(native, data))
    }

    fn of(dialect: &Dialect, told: &[Told<'_>]) -> Self {
        let encoded = told.iter().filter_map(|told| {
            let packet = encode(dialect.namespace(), told.event, &told.payload)?;
            Some((packet, told.hearers.clone()))
        });
        Self(encoded.collect())
    }

    /// Nobody is told.
    pub(crate) fn is_silent(&self) -> bool {
        self.0.is_empty()
    }

    /// What a user's socket is told, in order.
    pub(crate) fn for_user(&self, user: Option<&str>) -> impl Iterator<Item = &Packet> {
        let heard = self.0.iter().filter(move |(_, who)| who.include(user));
        heard.map(|(packet, _)| packet)
    }

    /// The same packets as `place` makes them.
    pub(crate) fn map(&self, place: impl Fn(&Packet) -> Packet) -> Self {
        let placed = self
            .0
            .iter()
            .map(|(packet, who)| (place(packet), who.clone()));
        Self(placed.collect())
    }
}

impl Dialects {
    pub(crate) fn new(tables: Vec<Dialect>) -> Self {
        let (listeners, written) = (Listeners::default(), Written::default());
        Self(Arc::new(Inner {
            tables,
            listeners,
            written,
        }))
    }

    /// Moves the watermarks of those who were written to, until `stop`.
    pub(crate) async fn run(self, messaging: Messaging, stop: CancellationToken) {
        self.0.written.run(messaging, stop).await;
    }

    /// Every namespace that may be joined.
    pub(crate) fn namespaces(&self) -> Vec<String> {
        let others = self.tables().iter().map(Dialect::namespace);
        std::iter::once(NAMESPACE)
            .chain(others)
            .map(str::to_owned)
            .collect()
    }

    /// Every dialect but the native one.
    pub(crate) fn tables(&self) -> &[Dialect] {
        &self.0.tables
    }

    /// What is spoken in a namespace; `None` for the native dialect.
    pub(crate) fn of(&self, namespace: &str) -> Option<&Dialect> {
        let mut tables = self.tables().iter();
        tables.find(|table| table.namespace() == namespace)
    }

    /// The sockets of a room, whatever they speak.
    pub(crate) fn sockets_in(&self, io: &Io, room: &str) -> Vec<Socket> {
        let mut sockets = io.sockets_in(NAMESPACE, room);
        for table in self.tables() {
            sockets.extend(io.sockets_in(table.namespace(), room));
        }
        sockets
    }

    /// A socket is somebody's, from before it is in any room.
    pub(crate) fn came(&self, socket: &Socket, actor: &Actor) {
        if self.of(socket.namespace()).is_some() {
            self.0.listeners.came(socket.id(), actor);
        }
    }

    /// A socket that comes back is to have this id.
    pub(crate) fn comes_back(&self, socket: &Socket, id: SocketId, actor: &Actor) {
        if self.of(socket.namespace()).is_some() {
            self.0.listeners.came(id, actor);
        }
    }

    pub(crate) fn gone(&self, id: &SocketId) {
        self.0.listeners.gone(id);
    }

    /// Whose a socket of a dialect is.
    pub(crate) fn listener(&self, id: &SocketId) -> Option<Arc<Actor>> {
        self.0.listeners.get(id)
    }

    /// What one socket is told of an event, and is sent now.
    pub(crate) fn packets(
        &self,
        socket: &Socket,
        native: &str,
        data: &impl Serialize,
    ) -> Vec<Packet> {
        let Some(dialect) = self.of(socket.namespace()) else {
            return encode(NAMESPACE, native, data).into_iter().collect();
        };
        if !dialect.tells_of(native) {
            return Vec::new();
        }
        let Ok(data) = serde_json::to_value(data) else {
            return Vec::new();
        };
        let listener = self.listener(&socket.id());
        let user = listener.as_ref().map(|actor| actor.viewer.user.as_str());
        let wording = Wording::of_event(dialect, native, &data);
        let packets: Vec<Packet> = wording.for_user(user).cloned().collect();
        if let Some(actor) = listener.filter(|_| !packets.is_empty()) {
            self.was_written(dialect, &actor, native, &data);
        }
        packets
    }

    /// Tells one socket of an event.
    pub(crate) fn emit(&self, socket: &Socket, event: &ServerEvent) {
        for packet in self.packets(socket, event.name(), event) {
            // A socket that is gone or full is closed by the runtime.
            let _ = socket.emit(&packet);
        }
    }

    /// Tells the socket whose call was answered with `data` of what it has done.
    pub(crate) fn emit_to_caller(&self, socket: &Socket, told: &[Told<'_>]) {
        if let Some(dialect) = self.of(socket.namespace()) {
            let listener = self.listener(&socket.id());
            let user = listener.as_ref().map(|actor| actor.viewer.user.as_str());
            for packet in Wording::of(dialect, told).for_user(user) {
                let _ = socket.emit(packet);
            }
        }
    }

    /// An event was written to a socket of somebody: if it was a message of another, and the dialect says
    /// so, it counts as delivered; what was queued, as acknowledged.
    pub(crate) fn was_written(
        &self,
        dialect: &Dialect,
        actor: &Arc<Actor>,
        native: &str,
        data: &Value,
    ) {
        if dialect.written_is_delivered() && native == "message:new" {
            self.0.written.note(actor, &data["message"]);
        }
        if dialect.written_is_acknowledged() && native == "queue:events" {
            self.0.written.note_queued(actor, &data["events"]);
        }
    }
}

fn encode(namespace: &str, name: &str, data: &impl Serialize) -> Option<Packet> {
    Packet::event(namespace, name, data)
        .inspect_err(|error| tracing::error!(%error, event = name, "event could not be encoded"))
        .ok()
}
