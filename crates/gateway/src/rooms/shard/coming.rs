//! Sockets come and go, and rooms with them.

use std::collections::HashMap;

use switchboard_messaging::hub::{Channel, Room};
use switchboard_protocol::ConversationId;
use switchboard_socketio::{Socket, SocketId};
use tokio::time::Instant;

use super::super::following::{Following, Newcomer, Phase, Waiting};
use super::super::jobs::{self, Done, Found};
use super::super::sequencer::Sequencer;
use super::super::{Entry, room_name};
use super::Shard;

impl Shard {
    pub(super) fn open_waiting(&mut self) {
        if !self.to_open.is_empty() {
            let channels = std::mem::take(&mut self.to_open);
            let organization = self.organization.clone();
            let (app, is_found) = (self.app.clone(), self.place.is_found());
            self.jobs
                .spawn(jobs::open(app, organization, channels, is_found));
        }
    }

    /// The room of a channel; it is opened if it is not followed.
    pub(super) fn follow(&mut self, channel: &Channel) -> &mut Following {
        let to_open = &mut self.to_open;
        self.rooms.entry(channel.clone()).or_insert_with(|| {
            to_open.push(channel.clone());
            Box::new(Following::opening())
        })
    }

    pub(super) fn enter(&mut self, mut entry: Entry) {
        let (channel, id) = (entry.channel.clone(), entry.socket.id());
        let room = self.follow(&channel);
        room.empty_since = None;
        if room.members.contains(&id) {
            self.has_entered(&mut entry);
            return;
        }
        if let Some(earlier) = room.newcomer(&id) {
            earlier.ask_again(entry);
            return;
        }
        // What it gets on the way says nothing about what it has of this room.
        entry.socket.withhold_offsets(true);
        self.note(&channel, id);
        *self.entering.entry(id).or_default() += 1;
        self.newcomers += 1;
        let newcomer = Newcomer {
            serial: self.newcomers,
            entry,
            state: Waiting::Room,
        };
        let room = self.follow(&channel);
        room.newcomers.push(newcomer);
        if room.phase == Phase::Live {
            self.place_newcomers(&channel);
        }
    }

    /// Notes that a socket is in a room or on the way into it.
    pub(super) fn note(&mut self, channel: &Channel, id: SocketId) {
        let channels = self.by_socket.entry(id).or_default();
        if !channels.contains(channel) {
            channels.reserve_exact(1);
            channels.push(channel.clone());
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
            let after = newcomer.entry.after_rev;
            newcomer.state = Waiting::Turn;
            if let Some(after) = after
                && room.sequencer.is_some()
                && after < delivered
            {
                let (serial, span) = (newcomer.serial, (after, delivered));
                self.jobs
                    .spawn(jobs::past(self.app.clone(), channel.clone(), serial, span));
                newcomer.state = Waiting::Past(Vec::new());
            }
            if after.is_some_and(|after| after != delivered) {
                // The room is live, but it takes a moment until it is there.
                let entry = &mut newcomer.entry;
                for packet in entry.announcement.drain(..) {
                    // A socket that is gone or full is closed by the runtime.
                    let _ = entry.socket.emit(&packet.without_certainty());
                }
                entry.entered(delivered);
            }
            ahead = ahead.max(after);
        }
        if let (Some(sequencer), Some(ahead)) = (room.sequencer.as_mut(), ahead) {
            sequencer.learn(ahead);
        }
        let in_turn = room.take_those_in_turn(delivered);
        self.admit_all(channel, in_turn);
        self.watch_gap(channel);
    }

    pub(super) fn admit_all(&mut self, channel: &Channel, entries: Vec<Entry>) {
        for mut entry in entries {
            let id = entry.socket.id();
            if !entry.socket.join(&room_name(channel)) {
                self.forget(channel, &id);
            } else if let Some(room) = self.rooms.get_mut(channel) {
                room.members.insert(id);
            }
            self.no_longer_entering(&entry.socket);
            self.has_entered(&mut entry);
        }
    }

    /// A socket follows a room: it is told so, and whoever waited for it.
    fn has_entered(&self, entry: &mut Entry) {
        for packet in entry.announcement.drain(..) {
            self.tell(&entry.socket, &packet);
        }
        let room = self.rooms.get(&entry.channel);
        entry.entered(room.map_or(0, |room| room.delivered()));
    }

    /// A socket is in one of the rooms that it was on the way into, or gave it up.
    pub(super) fn no_longer_entering(&mut self, socket: &Socket) {
        let id = socket.id();
        if let Some(rooms) = self.entering.get_mut(&id) {
            *rooms -= 1;
            if *rooms == 0 {
                self.entering.remove(&id);
                socket.withhold_offsets(false);
            }
        }
    }

    pub(super) fn leave(&mut self, channel: &Channel, socket: &Socket) {
        socket.leave(&room_name(channel));
        self.forget(channel, &socket.id());
    }

    pub(super) fn gone(&mut self, id: &SocketId) {
        for channel in self.by_socket.remove(id).unwrap_or_default() {
            self.forget(&channel, id);
        }
        self.entering.remove(id);
    }

    pub(super) fn forget(&mut self, channel: &Channel, id: &SocketId) {
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
        let newcomer = room.take_newcomer(id);
        if let Some(mut newcomer) = newcomer {
            newcomer.entry.entered(0);
            self.no_longer_entering(&newcomer.entry.socket);
        }
        self.linger_if_empty(channel);
    }

    /// When nobody is in a room, it is closed if that stays so.
    pub(super) fn linger_if_empty(&mut self, channel: &Channel) {
        if let Some(room) = self.rooms.get_mut(channel)
            && room.is_empty()
            && room.phase == Phase::Live
        {
            room.empty_since = Some(Instant::now());
            let due = Done::LingerOver(channel.clone());
            self.jobs.spawn(jobs::after(jobs::LINGER, due));
        }
    }

    // --- opening and closing

    /// Rooms were subscribed; when they are all there are, the organization's place is found, too.
    pub(super) async fn all_opened(&mut self, channels: Vec<Channel>, found: Option<Found>) {
        let are_all = self.rooms.len() == channels.len();
        let went_out = found.as_ref().map(Found::went_out).unwrap_or_default();
        let unknown = HashMap::new();
        let heads = found.as_ref().map_or(&unknown, |found| &found.heads);
        for channel in channels {
            self.opened(channel, heads, &went_out).await;
        }
        if let Some(found) = found {
            self.new_rooms_found(found, are_all);
        }
    }

    async fn opened(
        &mut self,
        channel: Channel,
        heads: &HashMap<ConversationId, i64>,
        went_out: &HashMap<ConversationId, i64>,
    ) {
        let Some(room) = self.rooms.get_mut(&channel) else {
            return;
        };
        if let Room::Conversation(conversation) = channel.room {
            let head = heads.get(&conversation).copied();
            let nobody_waits = room.newcomers.is_empty() && room.held == 0;
            if room.sequencer.is_none() && head.is_none() && nobody_waits {
                // Nothing tells where its events begin.
                room.phase = Phase::Closing;
                self.jobs.spawn(jobs::close(self.app.clone(), channel));
                return;
            }
            if let Some(sequencer) = room.sequencer.as_mut() {
                sequencer.learn(head.unwrap_or_default());
            } else {
                // Without the store, what the newcomers were told is what is known.
                let newcomers = room.newcomers.iter();
                let told = newcomers.filter_map(|newcomer| newcomer.entry.after_rev);
                let stored = head.or(told.max()).unwrap_or_default();
                // What is stored and never went out, because its node died in between, is still to
                // come: whoever comes back has everything that went out, and not that.
                let out = went_out.get(&conversation).copied();
                let start = out.map_or(stored, |out| out.min(stored));
                let mut sequencer = Sequencer::new(start);
                sequencer.learn(stored);
                room.sequencer = Some(sequencer);
            }
        }
        room.phase = Phase::Live;
        let early = std::mem::take(&mut room.early);
        self.place_newcomers(&channel);
        for event in early {
            self.deliver(event).await;
        }
        self.live_for_held(&channel);
        match self.rooms.get(&channel) {
            Some(room) if !room.is_empty() => {}
            Some(room) if room.empty_since.is_none() => self.linger_if_empty(&channel),
            _ => self.close_if_empty(channel),
        }
    }

    pub(super) fn close_if_empty(&mut self, channel: Channel) {
        if let Some(room) = self.rooms.get_mut(&channel)
            && room.is_empty()
            && room.phase == Phase::Live
            // It may have been left, entered and left again since this was asked for.
            && room.empty_since.is_some_and(|since| since.elapsed() >= jobs::LINGER)
        {
            room.phase = Phase::Closing;
            self.jobs.spawn(jobs::close(self.app.clone(), channel));
        }
    }

    pub(super) fn closed(&mut self, channel: Channel) {
        self.told_before
            .retain(|(_, of), _| channel.room != Room::Conversation(*of));
        let Some(mut room) = self.rooms.remove(&channel) else {
            return;
        };
        if !room.is_empty() {
            // Somebody came meanwhile: begin again from where the store stands.
            let newcomers = std::mem::take(&mut room.newcomers);
            let again = Following {
                newcomers,
                held: room.held,
                ..Following::opening()
            };
            self.rooms.insert(channel.clone(), Box::new(again));
            self.to_open.push(channel);
        }
    }
}
