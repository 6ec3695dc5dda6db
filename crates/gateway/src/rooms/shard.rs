//! The task that an organization's rooms belong to.

mod coming;
mod events;
mod finding;
mod gaps;
mod membership;
mod past;
mod resuming;
mod wording;

use std::collections::HashMap;

use switchboard_messaging::Messaging;
use switchboard_messaging::hub::{BusEvent, Channel, Position};
use switchboard_protocol::{ConversationId, OrganizationId};
use switchboard_socketio::{Packet, Socket, SocketId};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::following::Following;
use super::jobs::{self, Done, Turns};
use super::place::Place;
use super::resumption::{Resumption, ResumptionFailed};
use super::shards::{Doubt, Shards};
use super::{Entry, Outlet};
use crate::sessions::Sessions;
use finding::Search;
use resuming::Held;

/// What is asked of a shard.
#[derive(Debug)]
pub(super) enum Message {
    Enter(Entry),
    Leave(Channel, Socket, oneshot::Sender<()>),
    Gone(SocketId),
    Event(Box<BusEvent>),
    /// Look at the doubt that was cast.
    Doubt,
    /// An event of one socket, which says where it stands.
    Tell(Socket, Packet),
    /// Say where the sockets stand, if that is certain.
    Place(oneshot::Sender<Option<Position>>),
    /// The same of several sockets, none of which waits for it.
    TellAll(Vec<(Socket, Packet)>),
    /// Keep what happens in these rooms, and say when they are live.
    Hold {
        serial: u64,
        channels: Vec<Channel>,
        live: oneshot::Sender<()>,
    },
    /// Give a socket its former place in the rooms that are held.
    Resume {
        serial: u64,
        resumption: Box<Resumption>,
        reply: oneshot::Sender<Result<(), ResumptionFailed>>,
    },
    /// Keep it no longer.
    Release(u64),
}

/// An organization's rooms, and the jobs that are under way for them.
#[derive(Debug)]
pub(super) struct Shard {
    organization: OrganizationId,
    app: Messaging,
    outlet: Outlet,
    sessions: Sessions,
    turns: Turns,
    /// Boxed: a map has room for nearly twice as many as it holds.
    rooms: HashMap<Channel, Box<Following>>,
    /// Which rooms a socket is in or on the way into.
    by_socket: HashMap<SocketId, Vec<Channel>>,
    /// How many rooms a socket is on the way into.
    entering: HashMap<SocketId, usize>,
    /// Rooms to be subscribed together when the inbox is empty.
    to_open: Vec<Channel>,
    /// The sockets of a user who were told of a conversation here before it could be published.
    told_before: HashMap<(Channel, ConversationId), Vec<SocketId>>,
    jobs: JoinSet<Done>,
    /// Counts newcomers.
    newcomers: u64,
    place: Place,
    search: Search,
    doubt: Doubt,
    held: HashMap<u64, Held>,
    /// When the store was last looked at, or asked for where all rooms stand.
    looked: Instant,
}

impl Shard {
    pub(super) fn new(
        organization: OrganizationId,
        app: Messaging,
        (outlet, sessions): (Outlet, Sessions),
        turns: Turns,
        doubt: Doubt,
    ) -> Self {
        Self {
            organization,
            app,
            outlet,
            sessions,
            turns,
            rooms: HashMap::new(),
            by_socket: HashMap::new(),
            entering: HashMap::new(),
            to_open: Vec::new(),
            told_before: HashMap::new(),
            jobs: JoinSet::new(),
            newcomers: 0,
            place: Place::default(),
            search: Search::default(),
            doubt,
            held: HashMap::new(),
            looked: Instant::now(),
        }
    }

    /// Runs until `stop`, or until there is nothing to do for a while.
    pub(super) async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Message>,
        shards: Shards,
        stop: CancellationToken,
    ) {
        let mut looks = tokio::time::interval_at(Instant::now() + jobs::LOOK, jobs::LOOK);
        loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    None => return,
                    Some(message) => self.handle(message).await,
                },
                Some(done) = self.jobs.join_next() => match done {
                    Ok(done) => self.finish(done).await,
                    Err(error) => tracing::error!(%error, "a job of a room failed"),
                },
                _ = looks.tick() => {
                    if self.is_idle() {
                        break;
                    }
                    self.look();
                }
                () = stop.cancelled() => return,
            }
            while let Ok(message) = inbox.try_recv() {
                self.handle(message).await;
            }
            self.open_waiting();
            self.heed_doubt();
        }
        // Whoever comes from here on gets another shard, and so does what came meanwhile.
        shards.leave(&self.organization);
        inbox.close();
        while let Some(message) = inbox.recv().await {
            shards.send(&self.organization, message).await;
        }
    }

    fn is_idle(&self) -> bool {
        self.rooms.is_empty() && self.held.is_empty() && self.jobs.is_empty()
    }

    async fn handle(&mut self, message: Message) {
        match message {
            Message::Enter(entry) => self.enter(entry),
            Message::Leave(channel, socket, done) => {
                self.leave(&channel, &socket);
                // Whoever waited may have gone.
                let _ = done.send(());
            }
            Message::Gone(id) => self.gone(&id),
            Message::Event(event) => self.event(*event).await,
            Message::Doubt => {}
            Message::Tell(socket, packet) => self.tell(&socket, &packet),
            // Whoever asked may have gone.
            Message::Place(reply) => drop(reply.send(self.place.position())),
            Message::TellAll(all) => {
                for (socket, packet) in &all {
                    // A socket that is gone or full is closed by the runtime.
                    let _ = socket.emit_whenever(&self.placed(packet));
                }
            }
            Message::Hold {
                serial,
                channels,
                live,
            } => self.hold(serial, channels, live),
            Message::Resume {
                serial,
                resumption,
                reply,
            } => self.resume(serial, resumption, reply),
            Message::Release(serial) => self.release(serial),
        }
    }

    async fn finish(&mut self, done: Done) {
        match done {
            Done::Opened { channels, found } => self.all_opened(channels, found).await,
            Done::Found(found) => self.found(found),
            Done::Told(floor) => self.told(floor),
            Done::Find => self.find(),
            Done::GapDue(channel, up_to) => self.repair(channel, up_to),
            Done::Repaired(channel, changes) => self.repaired(&channel, changes).await,
            Done::Past {
                channel,
                newcomer,
                changes,
                up_to,
            } => self.past(&channel, newcomer, changes, up_to),
            Done::Explained(receipt, message) => self.explained(&receipt, message).await,
            Done::Noted => {}
            Done::LingerOver(channel) => self.close_if_empty(channel),
            Done::Closed(channel) => self.closed(channel),
        }
        self.settle_place();
    }
}
