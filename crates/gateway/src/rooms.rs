//! Rooms: which sockets follow what, and in which order they hear of it.
//!
//! Every room belongs to one of a few shards, and every shard is one task, so that what happens in
//! a room happens one after the other without locks. A shard never waits: what takes time (the
//! hub, the store, timers) runs as a job whose end is one more message to the shard.

mod following;
mod jobs;
mod own;
mod sequencer;
mod shard;

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use switchboard_messaging::Messaging;
use switchboard_messaging::hub::{BusEvent, Channel, Room};
use switchboard_protocol::ConversationId;
use switchboard_socketio::{Io, Socket, SocketId};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::NAMESPACE;
use own::OwnChanges;
use shard::{Message, Shard};

/// Shards of a node: enough for the cores of large machines, few enough to cost nothing.
const SHARDS: usize = 16;
/// Messages that wait for a shard; whoever sends more waits.
const SHARD_QUEUE: usize = 1024;

/// Name of a channel's room in the Socket.IO runtime.
pub(crate) fn room_name(channel: &Channel) -> String {
    let organization = &channel.organization;
    match &channel.room {
        Room::Organization => format!("org:{organization}"),
        // `/` is in no id, so that no two users of different organizations share a name.
        Room::User(user) => format!("user:{organization}/{user}"),
        // Ids of conversations are unique over all organizations.
        Room::Conversation(conversation) => format!("conversation:{conversation}"),
    }
}

/// The conversation whose room has this name.
pub(crate) fn conversation_of(room: &str) -> Option<ConversationId> {
    room.strip_prefix("conversation:")?.parse().ok()
}

/// The Socket.IO runtime, which is there only after the door that it opens to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outlet(Arc<OnceLock<Io>>);

impl Outlet {
    pub(crate) fn open(&self, io: Io) {
        // It is opened once, where the gateway is made.
        let _ = self.0.set(io);
    }

    fn io(&self) -> Option<&Io> {
        self.0.get()
    }
}

/// A socket on its way into a room.
pub(crate) struct Entry {
    channel: Channel,
    socket: Socket,
    /// What the socket knows already: it gets everything after this `rev`.
    after_rev: i64,
    on_entered: Option<Box<dyn FnOnce() + Send>>,
    done: Option<oneshot::Sender<()>>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rev = self.after_rev;
        f.debug_struct("Entry")
            .field("channel", &self.channel)
            .field("after_rev", &rev)
            .finish_non_exhaustive()
    }
}

impl Entry {
    pub(crate) fn new(channel: Channel, socket: Socket, after_rev: i64) -> Self {
        Self {
            channel,
            socket,
            after_rev,
            on_entered: None,
            done: None,
        }
    }

    /// What is done once the room is live for the socket, before it gets the first event.
    pub(crate) fn then(self, on_entered: impl FnOnce() + Send + 'static) -> Self {
        Self {
            on_entered: Some(Box::new(on_entered)),
            ..self
        }
    }

    /// The room is live: tells whoever waits.
    fn entered(&mut self) {
        if let Some(on_entered) = self.on_entered.take() {
            on_entered();
        }
        if let Some(done) = self.done.take() {
            // Whoever waited may have gone.
            let _ = done.send(());
        }
    }
}

/// All rooms of this node. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Rooms {
    shards: Arc<[mpsc::Sender<Message>]>,
    outlet: Outlet,
    own: OwnChanges,
}

impl Rooms {
    /// Starts the shards; they run on `tasks` until `stop`.
    pub(crate) fn start(
        messaging: &Messaging,
        outlet: &Outlet,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let own = OwnChanges::default();
        let start = |index| {
            let (sender, inbox) = mpsc::channel(SHARD_QUEUE);
            let shard = Shard::new(messaging.clone(), outlet.clone(), own.clone());
            tasks.spawn(shard.run(inbox, index, stop.clone()));
            sender
        };
        Self {
            shards: (0..SHARDS as u32).map(start).collect(),
            outlet: outlet.clone(),
            own,
        }
    }

    /// Takes note of what a socket learns by its ack, which is sent right after this: the events
    /// that tell the others, or what is read in their place, will not tell it again.
    pub(crate) fn note_own(&self, events: &[BusEvent]) {
        self.own.note(events);
    }

    /// Lets sockets into rooms; returns when all are in (live events flow from then on).
    pub(crate) async fn enter_all(&self, entries: Vec<Entry>) {
        let mut waiting = Vec::with_capacity(entries.len());
        for mut entry in entries {
            let (done, entered) = oneshot::channel();
            entry.done = Some(done);
            waiting.push(entered);
            self.send(&entry.channel.clone(), Message::Enter(entry))
                .await;
        }
        for entered in waiting {
            // An error is the end of the shard, and so of the node.
            let _ = entered.await;
        }
    }

    /// Lets sockets into rooms without waiting for it.
    pub(crate) async fn request_all(&self, entries: Vec<Entry>) {
        for entry in entries {
            self.send(&entry.channel.clone(), Message::Enter(entry))
                .await;
        }
    }

    /// Takes a socket out of a room.
    pub(crate) async fn leave(&self, channel: &Channel, socket: &Socket) {
        let (done, left) = oneshot::channel();
        self.send(
            channel,
            Message::Leave(channel.clone(), socket.clone(), done),
        )
        .await;
        let _ = left.await;
    }

    /// Forgets a socket that is gone.
    pub(crate) async fn socket_gone(&self, id: &SocketId) {
        for shard in self.shards.iter() {
            // A closed shard has forgotten everything.
            let _ = shard.send(Message::Gone(*id)).await;
        }
    }

    /// Gives an event to its room.
    pub(crate) async fn deliver(&self, event: BusEvent) {
        self.send(&event.channel.clone(), Message::Event(event))
            .await;
    }

    /// How many sockets are in a room of this node.
    pub(crate) fn sockets_in(&self, room: &str) -> usize {
        self.outlet
            .io()
            .map_or(0, |io| io.sockets_in(NAMESPACE, room).len())
    }

    async fn send(&self, channel: &Channel, message: Message) {
        let mut hasher = DefaultHasher::new();
        channel.hash(&mut hasher);
        let index = (hasher.finish() % SHARDS as u64) as usize;
        if let Some(shard) = self.shards.get(index) {
            // A closed shard means that the node is stopping.
            let _ = shard.send(message).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_protocol::{OrganizationId, UserId};

    #[test]
    fn users_of_different_organizations_never_share_a_room() {
        let name = |organization: &str, user: &str| {
            room_name(&Channel {
                organization: OrganizationId::new(organization).unwrap(),
                room: Room::User(UserId::new(user).unwrap()),
            })
        };
        assert_ne!(name("a", "b:c"), name("a:b", "c"));
        assert_ne!(name("a", "b"), name("a", "B"));
    }

    #[test]
    fn a_room_of_a_conversation_names_it_and_other_rooms_name_none() {
        let conversation = "01890000-0000-7000-8000-000000000007"
            .parse::<ConversationId>()
            .unwrap();
        let channel = |room| Channel {
            organization: OrganizationId::new("conversation").unwrap(),
            room,
        };
        let of = |room| conversation_of(&room_name(&channel(room)));
        assert_eq!(of(Room::Conversation(conversation)), Some(conversation));
        assert_eq!(of(Room::Organization), None);
        assert_eq!(of(Room::User(UserId::new("conversation").unwrap())), None);
    }
}
