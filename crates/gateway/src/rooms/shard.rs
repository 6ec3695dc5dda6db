//! The task that some of the rooms belong to.

mod gaps;

use std::collections::HashMap;

use switchboard_messaging::Messaging;
use switchboard_messaging::hub::{BusEvent, Channel, Room};
use switchboard_protocol::{ConversationId, DeliveryClass};
use switchboard_socketio::{Packet, Socket, SocketId};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::following::{Following, Newcomer, Phase, Waiting};
use super::jobs::{self, Done};
use super::own::OwnChanges;
use super::sequencer::{Offered, Sequencer};
use super::{Entry, Outlet, SHARDS, room_name};
use crate::NAMESPACE;

/// What is asked of a shard.
#[derive(Debug)]
pub(super) enum Message {
    Enter(Entry),
    Leave(Channel, Socket, oneshot::Sender<()>),
    Gone(SocketId),
    Event(BusEvent),
}

/// Rooms, and the jobs that are under way for them.
#[derive(Debug)]
pub(super) struct Shard {
    app: Messaging,
    outlet: Outlet,
    own: OwnChanges,
    rooms: HashMap<Channel, Following>,
    /// Which rooms a socket is in or on the way into: seldom more than a few of a shard's.
    by_socket: HashMap<SocketId, Vec<Channel>>,
    /// Rooms to be subscribed together when the inbox is empty.
    to_open: Vec<Channel>,
    jobs: JoinSet<Done>,
    /// Counts newcomers.
    newcomers: u64,
    /// A look at where the store stands is under way.
    looking: bool,
}

impl Shard {
    pub(super) fn new(app: Messaging, outlet: Outlet, own: OwnChanges) -> Self {
        let (rooms, by_socket) = (HashMap::new(), HashMap::new());
        Self {
            app,
            outlet,
            own,
            rooms,
            by_socket,
            to_open: Vec::new(),
            jobs: JoinSet::new(),
            newcomers: 0,
            looking: false,
        }
    }

    /// Runs until `stop`. The shards of a node look at the store one after the other.
    pub(super) async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Message>,
        index: u32,
        stop: CancellationToken,
    ) {
        let first = Instant::now() + jobs::LOOK * (index + 1) / SHARDS as u32;
        let mut looks = tokio::time::interval_at(first, jobs::LOOK);
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
                _ = looks.tick() => self.look(),
                () = stop.cancelled() => return,
            }
            while let Ok(message) = inbox.try_recv() {
                self.handle(message).await;
            }
            self.open_waiting();
        }
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
            Message::Event(event) => self.event(event).await,
        }
    }

    async fn finish(&mut self, done: Done) {
        match done {
            Done::Opened {
                channels,
                subscribed,
                heads,
            } => {
                for channel in channels {
                    self.opened(channel, subscribed, &heads).await;
                }
            }
            Done::RetryOpen(channel) => {
                // One that is being left is opened again, if need be, when it is.
                if let Some(room) = self.rooms.get_mut(&channel)
                    && room.phase == Phase::Live
                    && !room.subscribing
                {
                    room.subscribing = true;
                    self.to_open.push(channel);
                }
            }
            Done::Looked(channels, heads) => {
                self.looking = false;
                for channel in channels {
                    if let Room::Conversation(conversation) = channel.room
                        && let Some(head) = heads.get(&conversation)
                    {
                        self.looked(&channel, *head);
                    }
                }
            }
            Done::GapDue(channel, up_to) => self.repair(channel, up_to),
            Done::Repaired(channel, changes) => self.repaired(&channel, changes).await,
            Done::Past {
                channel,
                newcomer,
                changes,
                up_to,
            } => {
                self.past(&channel, newcomer, changes, up_to);
            }
            Done::LingerOver(channel) => self.close_if_empty(channel),
            Done::Closed(channel) => self.closed(channel),
        }
    }

    /// Has it read where the store stands in all conversations of this shard.
    fn look(&mut self) {
        let is_followed = |(channel, room): &(&Channel, &Following)| {
            room.phase == Phase::Live && matches!(channel.room, Room::Conversation(_))
        };
        let rooms = self.rooms.iter().filter(is_followed);
        let channels: Vec<Channel> = rooms.map(|(channel, _)| channel.clone()).collect();
        if !channels.is_empty() && !self.looking {
            self.looking = true;
            self.jobs.spawn(jobs::look(self.app.clone(), channels));
        }
    }

    fn open_waiting(&mut self) {
        if !self.to_open.is_empty() {
            let channels = std::mem::take(&mut self.to_open);
            self.jobs.spawn(jobs::open(self.app.clone(), channels));
        }
    }

    // --- coming and going

    fn enter(&mut self, mut entry: Entry) {
        let (channel, id) = (entry.channel.clone(), entry.socket.id());
        let room = self.rooms.entry(channel.clone()).or_insert_with(|| {
            self.to_open.push(channel.clone());
            Following::opening()
        });
        room.empty_since = None;
        if room.members.contains(&id) {
            entry.entered();
            return;
        }
        if let Some(earlier) = room.newcomer(&id) {
            earlier.ask_again(entry);
            return;
        }
        let channels = self.by_socket.entry(id).or_default();
        if !channels.contains(&channel) {
            channels.reserve_exact(1);
            channels.push(channel.clone());
        }
        self.newcomers += 1;
        room.newcomers.push(Newcomer {
            serial: self.newcomers,
            entry,
            state: Waiting::Room,
        });
        if room.phase == Phase::Live {
            self.place_newcomers(&channel);
        }
    }

    /// Finds every newcomer of a live room its place in the order.
    fn place_newcomers(&mut self, channel: &Channel) {
        let Some(room) = self.rooms.get_mut(channel) else {
            return;
        };
        let delivered = room.delivered();
        let mut ahead = None;
        for newcomer in &mut room.newcomers {
            if !matches!(newcomer.state, Waiting::Room) {
                continue;
            }
            newcomer.entry.entered();
            let after = newcomer.entry.after_rev;
            newcomer.state = Waiting::Turn;
            if room.sequencer.is_some() && after < delivered {
                let (serial, span) = (newcomer.serial, (after, delivered));
                self.jobs
                    .spawn(jobs::past(self.app.clone(), channel.clone(), serial, span));
                newcomer.state = Waiting::Past(Vec::new());
            }
            ahead = ahead.max(Some(after));
        }
        if let (Some(sequencer), Some(ahead)) = (room.sequencer.as_mut(), ahead) {
            sequencer.learn(ahead);
        }
        let in_turn = room.take_those_in_turn(delivered);
        self.admit_all(channel, in_turn);
        self.watch_gap(channel);
    }

    fn admit_all(&mut self, channel: &Channel, entries: Vec<Entry>) {
        for entry in entries {
            let id = entry.socket.id();
            if !entry.socket.join(&room_name(channel)) {
                self.forget(channel, &id);
            } else if let Some(room) = self.rooms.get_mut(channel) {
                room.members.insert(id);
            }
        }
    }

    fn leave(&mut self, channel: &Channel, socket: &Socket) {
        socket.leave(&room_name(channel));
        self.forget(channel, &socket.id());
    }

    fn gone(&mut self, id: &SocketId) {
        for channel in self.by_socket.remove(id).unwrap_or_default() {
            self.forget(&channel, id);
        }
    }

    fn forget(&mut self, channel: &Channel, id: &SocketId) {
        if let Some(channels) = self.by_socket.get_mut(id) {
            channels.retain(|other| other != channel);
            if channels.is_empty() {
                self.by_socket.remove(id);
            }
        }
        let Some(room) = self.rooms.get_mut(channel) else {
            return;
        };
        room.members.remove(id);
        if let Some(mut newcomer) = room.take_newcomer(id) {
            newcomer.entry.entered();
        }
        if room.is_empty() && room.phase == Phase::Live {
            self.linger(channel.clone());
        }
    }

    /// Nobody is in the room: it is closed if that stays so.
    fn linger(&mut self, channel: Channel) {
        if let Some(room) = self.rooms.get_mut(&channel) {
            room.empty_since = Some(Instant::now());
            let due = Done::LingerOver(channel);
            self.jobs.spawn(jobs::after(jobs::LINGER, due));
        }
    }

    // --- opening and closing

    async fn opened(
        &mut self,
        channel: Channel,
        subscribed: bool,
        heads: &HashMap<ConversationId, i64>,
    ) {
        let Some(room) = self.rooms.get_mut(&channel) else {
            return;
        };
        if !subscribed {
            // This node's own events flow; what others sent meanwhile is found when it works.
            self.jobs
                .spawn(jobs::after(jobs::RETRY, Done::RetryOpen(channel.clone())));
        }
        if let Room::Conversation(conversation) = channel.room {
            let head = heads.get(&conversation).copied();
            if room.sequencer.is_none() && head.is_none() && room.newcomers.is_empty() {
                // Nobody waits, and nothing tells where its events begin.
                room.phase = Phase::Closing;
                self.jobs.spawn(jobs::close(self.app.clone(), channel));
                return;
            }
            if let Some(sequencer) = room.sequencer.as_mut() {
                sequencer.learn(head.unwrap_or_default());
            } else {
                // Without the store, what the newcomers were told is what is known.
                let told = room
                    .newcomers
                    .iter()
                    .map(|newcomer| newcomer.entry.after_rev)
                    .max();
                room.sequencer = Some(Sequencer::new(head.or(told).unwrap_or_default()));
            }
        }
        (room.phase, room.subscribing) = (Phase::Live, false);
        let early = std::mem::take(&mut room.early);
        self.place_newcomers(&channel);
        for event in early {
            self.event(event).await;
        }
        match self.rooms.get(&channel) {
            Some(room) if !room.is_empty() => {}
            Some(room) if room.empty_since.is_none() => self.linger(channel),
            _ => self.close_if_empty(channel),
        }
    }

    fn close_if_empty(&mut self, channel: Channel) {
        if let Some(room) = self.rooms.get_mut(&channel)
            && room.is_empty()
            && room.phase == Phase::Live
            // Or it would be subscribed after all, with nobody to unsubscribe it.
            && !room.subscribing
            // It may have been left, entered and left again since this was asked for.
            && room.empty_since.is_some_and(|since| since.elapsed() >= jobs::LINGER)
        {
            room.phase = Phase::Closing;
            self.jobs.spawn(jobs::close(self.app.clone(), channel));
        }
    }

    fn closed(&mut self, channel: Channel) {
        let Some(mut room) = self.rooms.remove(&channel) else {
            return;
        };
        if !room.is_empty() {
            // Somebody came meanwhile: begin again from where the store stands.
            let newcomers = std::mem::take(&mut room.newcomers);
            self.rooms.insert(
                channel.clone(),
                Following {
                    newcomers,
                    ..Following::opening()
                },
            );
            self.to_open.push(channel);
        }
    }

    // --- events

    async fn event(&mut self, event: BusEvent) {
        let Some(room) = self.rooms.get_mut(&event.channel) else {
            return;
        };
        let Some(rev) = event.rev else {
            self.fan_out(&event).await;
            return;
        };
        match (room.phase, room.sequencer.as_mut()) {
            (Phase::Live, Some(sequencer)) => {
                // The event itself, with its payload, moves on.
                let channel = event.channel.clone();
                match sequencer.offer(rev, event) {
                    Offered::Duplicate => {
                        metrics::counter!("switchboard_duplicates_dropped_total").increment(1);
                    }
                    Offered::Parked => self.watch_gap(&channel),
                    Offered::Ready(ready) => self.deliver_all(&channel, ready).await,
                }
            }
            (Phase::Opening, _) => room.early.push(event),
            _ => {}
        }
    }

    /// Delivers events in their order; whoever waited for one of them is in right after it.
    pub(super) async fn deliver_all(&mut self, channel: &Channel, ready: Vec<(i64, BusEvent)>) {
        for (rev, event) in ready {
            let packet = self.fan_out(&event).await;
            let Some(room) = self.rooms.get_mut(channel) else {
                return;
            };
            if let Some(packet) = packet {
                let except = event.except.as_deref().and_then(SocketId::parse);
                room.keep_for_newcomers(rev, &packet, except.as_ref());
            }
            let in_turn = room.take_those_in_turn(rev);
            self.admit_all(channel, in_turn);
        }
    }

    /// Sends an event to everybody in its room.
    async fn fan_out(&mut self, event: &BusEvent) -> Option<Packet> {
        let packet = fan_out(&self.outlet, event).await?;
        metrics::histogram!("switchboard_fanout_latency_seconds")
            .record(self.app.clock.now().since(event.at));
        Some(packet)
    }
}

/// Sends an event to everybody in its room, encoded once. A large room takes several turns.
async fn fan_out(outlet: &Outlet, event: &BusEvent) -> Option<Packet> {
    let io = outlet.io()?;
    let packet = match Packet::event(NAMESPACE, &event.name, &event.data) {
        Ok(packet) => packet,
        Err(error) => {
            tracing::error!(%error, event = event.name, "event could not be encoded");
            return None;
        }
    };
    let room = room_name(&event.channel);
    let except = event.except.as_deref().and_then(SocketId::parse);
    let reached = match event.class {
        DeliveryClass::Volatile => {
            io.broadcast_volatile(NAMESPACE, &room, &packet, except.as_ref())
                .await
        }
        DeliveryClass::Sequenced | DeliveryClass::Logged => {
            io.broadcast(NAMESPACE, &room, &packet, except.as_ref())
                .await
        }
    };
    let class = event.class.as_str();
    metrics::counter!("switchboard_fanout_deliveries_total", "class" => class)
        .increment(reached as u64);
    Some(packet)
}
