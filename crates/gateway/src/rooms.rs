//! Rooms: which sockets follow what, and in which order they hear of it.
//!
//! The rooms of an organization are one task (a shard), so that what happens in them happens one after
//! the other, in the order of the organization's events, without locks; and so that an organization
//! with a lot to say keeps nobody else waiting. A shard never waits: what takes time (the hub, the
//! store, timers) runs as a job whose end is one more message to the shard.

mod following;
mod jobs;
mod place;
mod posts;
mod resumption;
mod sequencer;
mod shard;
mod shards;

use std::fmt;
use std::sync::{Arc, OnceLock};

use switchboard_messaging::Messaging;
use switchboard_messaging::hub::{BusEvent, Channel, Position, Room};
use switchboard_protocol::{ConversationId, OrganizationId, UserId};
use switchboard_socketio::{Io, Packet, Socket, SocketId};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dialects::Dialects;
use crate::sessions::Sessions;
use crate::unread::Unread;
use shard::Message;
use shards::Shards;

pub(crate) use jobs::message_at;
pub(crate) use posts::{Post, is_receipt};
pub(crate) use resumption::{Hold, Resumption, ResumptionFailed};

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

/// The user whose room has this name.
pub(crate) fn user_of(room: &str) -> Option<UserId> {
    let (_, user) = room.strip_prefix("user:")?.split_once('/')?;
    UserId::new(user).ok()
}

/// The organization whose room has this name.
pub(crate) fn organization_of(room: &str) -> Option<OrganizationId> {
    OrganizationId::new(room.strip_prefix("org:")?).ok()
}

/// The Socket.IO runtime, which is there only after the door that it opens to, the words in which its
/// sockets are told, and who hears of what goes out there.
#[derive(Clone, Debug)]
pub(crate) struct Outlet {
    io: Arc<OnceLock<Io>>,
    pub(crate) dialects: Dialects,
    pub(crate) unread: Unread,
}

impl Outlet {
    pub(crate) fn new(dialects: Dialects) -> Self {
        Self {
            io: Arc::default(),
            dialects,
            unread: Unread::default(),
        }
    }

    pub(crate) fn open(&self, io: Io) {
        // It is opened once, where the gateway is made.
        let _ = self.io.set(io);
    }

    pub(crate) fn io(&self) -> Option<&Io> {
        self.io.get()
    }

    /// The sockets of a room, whatever they speak.
    pub(crate) fn sockets_in(&self, room: &str) -> Vec<Socket> {
        let sockets = self.io().map(|io| self.dialects.sockets_in(io, room));
        sockets.unwrap_or_default()
    }
}

/// A socket on its way into a room.
pub(crate) struct Entry {
    channel: Channel,
    socket: Socket,
    /// What the socket knows already: it gets everything after this `rev`. `None`: it begins where
    /// the room stands.
    after_rev: Option<i64>,
    /// What it is told once it follows the room.
    announcement: Vec<Packet>,
    on_entered: Option<Box<dyn FnOnce() + Send>>,
    /// Told where the room stands when it is live.
    done: Option<oneshot::Sender<i64>>,
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
    /// A socket that has been told everything up to a `rev`.
    pub(crate) fn after(channel: Channel, socket: Socket, rev: i64) -> Self {
        Self {
            after_rev: Some(rev),
            ..Self::new(channel, socket)
        }
    }

    /// A socket that begins where the room stands.
    pub(crate) fn new(channel: Channel, socket: Socket) -> Self {
        Self {
            channel,
            socket,
            after_rev: None,
            announcement: Vec::new(),
            on_entered: None,
            done: None,
        }
    }

    pub(crate) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// What the socket is told once it follows the room, before it gets the first event.
    pub(crate) fn announced_by(self, packets: Vec<Packet>) -> Self {
        Self {
            announcement: packets,
            ..self
        }
    }

    /// What is done once the room is live for the socket, before it gets the first event.
    pub(crate) fn then(self, on_entered: impl FnOnce() + Send + 'static) -> Self {
        Self {
            on_entered: Some(Box::new(on_entered)),
            ..self
        }
    }

    /// The room is live and stands at this `rev`: tells whoever waits.
    fn entered(&mut self, stands: i64) {
        if let Some(on_entered) = self.on_entered.take() {
            on_entered();
        }
        if let Some(done) = self.done.take() {
            // Whoever waited may have gone.
            let _ = done.send(stands);
        }
    }
}

/// All rooms of this node. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Rooms {
    shards: Shards,
    outlet: Outlet,
}

impl Rooms {
    /// No rooms yet; their tasks will run on `tasks` until `stop`.
    pub(crate) fn new(
        messaging: &Messaging,
        (outlet, sessions): (&Outlet, &Sessions),
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let owner = (tasks.clone(), stop.clone());
        let ways = (outlet.clone(), sessions.clone());
        Self {
            shards: Shards::new(messaging.clone(), ways, owner),
            outlet: outlet.clone(),
        }
    }

    /// Lets sockets into rooms; returns when all are in (live events flow from then on), with the
    /// `rev` at which each room stood then.
    pub(crate) async fn enter_all(&self, entries: Vec<Entry>) -> Vec<i64> {
        let mut waiting = Vec::with_capacity(entries.len());
        for mut entry in entries {
            let (done, entered) = oneshot::channel();
            entry.done = Some(done);
            waiting.push(entered);
            self.send(&entry.channel.clone(), Message::Enter(entry))
                .await;
        }
        let mut stood = Vec::with_capacity(waiting.len());
        for entered in waiting {
            // An error is the end of the shard, and so of the node.
            stood.push(entered.await.unwrap_or_default());
        }
        stood
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
    pub(crate) async fn socket_gone(&self, organization: &OrganizationId, id: &SocketId) {
        self.shards.send(organization, Message::Gone(*id)).await;
    }

    /// Sends a socket, in its turn, an event of its own that says where it stands.
    pub(crate) async fn tell(&self, organization: &OrganizationId, socket: Socket, packet: Packet) {
        let message = Message::Tell(socket, packet);
        self.shards.send(organization, message).await;
    }

    /// Where an organization's sockets stand that are in all of their rooms now, if that is certain.
    pub(crate) async fn place(&self, organization: &OrganizationId) -> Option<Position> {
        let (reply, place) = oneshot::channel();
        let message = Message::Place(reply);
        self.shards.send(organization, message).await;
        place.await.ok().flatten()
    }

    /// Sends sockets of an organization events of their own, in their turn.
    pub(crate) async fn tell_all(
        &self,
        organization: &OrganizationId,
        events: Vec<(Socket, Packet)>,
    ) {
        self.shards
            .send(organization, Message::TellAll(events))
            .await;
    }

    /// Gives an event to its room. Does not wait: an organization whose events come faster than they
    /// are dealt with reads what it misses from the store.
    pub(crate) fn deliver(&self, event: Box<BusEvent>) {
        let organization = event.channel.organization.clone();
        self.shards.deliver(&organization, event);
    }

    /// Events may have been lost.
    pub(crate) fn doubt(&self) {
        self.shards.doubt();
    }

    /// Keeps what happens in some rooms for a socket that comes back; returns when they are live.
    pub(crate) async fn hold(&self, organization: &OrganizationId, channels: Vec<Channel>) -> Hold {
        Hold::begin(&self.shards, organization, channels).await
    }

    /// Lets go of rooms that were held.
    pub(crate) async fn release(&self, hold: Hold) {
        hold.release(&self.shards).await;
    }

    /// Gives a socket its former place, with everything that it missed.
    pub(crate) async fn resume(
        &self,
        hold: Hold,
        resumption: Resumption,
    ) -> Result<(), ResumptionFailed> {
        hold.resume(&self.shards, resumption).await
    }

    /// How many sockets are in a room of this node.
    pub(crate) fn sockets_in(&self, room: &str) -> usize {
        self.outlet.sockets_in(room).len()
    }

    async fn send(&self, channel: &Channel, message: Message) {
        self.shards.send(&channel.organization, message).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let user = UserId::new("a:b@c").unwrap();
        assert_eq!(
            user_of(&room_name(&channel(Room::User(user.clone())))),
            Some(user)
        );
        assert_eq!(user_of(&room_name(&channel(Room::Organization))), None);
        let of = |room| conversation_of(&room_name(&channel(room)));
        assert_eq!(of(Room::Conversation(conversation)), Some(conversation));
        assert_eq!(of(Room::Organization), None);
        assert_eq!(of(Room::User(UserId::new("conversation").unwrap())), None);
    }
}
