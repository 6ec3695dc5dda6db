//! Sockets that come back: what happens in their rooms is kept for them from before their past is
//! read until they are in, so that nothing falls between the two.

use std::collections::HashSet;
use std::time::Duration;

use switchboard_messaging::hub::Room;
use switchboard_messaging::hub::{BusEvent, Channel, Position};
use switchboard_socketio::{Packet, Recovery};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::following::Phase;
use super::super::resumption::{Resumption, ResumptionFailed};
use super::super::{Entry, room_name};
use super::Shard;
use super::past::{Past, offset};
use crate::NAMESPACE;

/// Events that are kept for one socket; one that lacks more begins anew.
const MOST_KEPT: usize = 2_000;

/// A hold that nobody came back to is let go of after this time.
const FORGOTTEN: Duration = Duration::from_secs(10);

type Reply = oneshot::Sender<Result<(), ResumptionFailed>>;

/// Rooms that are held for a socket.
#[derive(Debug)]
pub(super) struct Held {
    rooms: HashSet<Channel>,
    /// Those of them that are not live yet.
    opening: HashSet<Channel>,
    live: Option<oneshot::Sender<()>>,
    /// What happened in them since.
    tail: Vec<BusEvent>,
    /// Whether something happened that is not in the tail, or has no place in the order.
    is_broken: bool,
    /// Who comes back, once the past has been read.
    waiting: Option<(Box<Resumption>, Reply)>,
    since: Instant,
}

impl Held {
    /// The last offset of what was read.
    fn read_up_to(&self) -> u64 {
        let missed = self.waiting.iter().flat_map(|(who, _)| &who.missed);
        missed.filter_map(offset).max().unwrap_or(0)
    }
}

impl Shard {
    pub(super) fn hold(&mut self, serial: u64, channels: Vec<Channel>, live: oneshot::Sender<()>) {
        let mut opening = HashSet::new();
        for channel in &channels {
            let room = self.follow(channel);
            room.held += 1;
            room.empty_since = None;
            if room.phase != Phase::Live {
                opening.insert(channel.clone());
            }
        }
        let held = Held {
            rooms: channels.into_iter().collect(),
            opening,
            live: Some(live),
            tail: Vec::new(),
            is_broken: false,
            waiting: None,
            since: Instant::now(),
        };
        self.held.insert(serial, held);
        self.say_live();
    }

    /// A room is live.
    pub(super) fn live_for_held(&mut self, channel: &Channel) {
        for held in self.held.values_mut() {
            held.opening.remove(channel);
        }
        self.say_live();
    }

    fn say_live(&mut self) {
        for held in self.held.values_mut() {
            if held.opening.is_empty()
                && let Some(live) = held.live.take()
            {
                // One that does not wait any more lets go of it.
                let _ = live.send(());
            }
        }
    }

    /// Keeps what was just delivered for those who are coming back.
    pub(super) fn keep_for_held(&mut self, event: &BusEvent) {
        for held in self.held.values_mut() {
            if !held.rooms.contains(&event.channel) {
                continue;
            }
            if event.position.is_none() || held.tail.len() >= MOST_KEPT {
                // Of volatile events nothing is kept.
                held.is_broken |= event.is_ordered();
            } else {
                held.tail.push(event.clone());
            }
        }
    }

    pub(super) fn resume(&mut self, serial: u64, who: Box<Resumption>, reply: Reply) {
        match self.held.get_mut(&serial) {
            Some(held) => held.waiting = Some((who, reply)),
            None => drop(reply.send(Err(ResumptionFailed))),
        }
        self.resume_due();
    }

    /// Lets those in whose past and present have met.
    pub(super) fn resume_due(&mut self) {
        if self.held.is_empty() || !self.place.is_certain() {
            return;
        }
        let reached = self.place.reached();
        let is_due = |held: &Held| held.waiting.is_some() && held.read_up_to() <= reached;
        let due: Vec<u64> = self
            .held
            .iter()
            .filter(|(_, held)| is_due(held))
            .map(|(serial, _)| *serial)
            .collect();
        for serial in due {
            self.let_in(serial);
        }
    }

    fn let_in(&mut self, serial: u64) {
        let Some(mut held) = self.held.remove(&serial) else {
            return;
        };
        self.let_go(&held.rooms);
        let Some((who, reply)) = held.waiting.take() else {
            return;
        };
        let is_of_this_order = |position: &Position| {
            let here = self.place.position();
            here.is_some_and(|here| here.epoch == position.epoch)
        };
        if reply.is_closed() || held.is_broken || !is_of_this_order(&who.position) {
            let _ = reply.send(Err(ResumptionFailed));
            return;
        }
        let socket = who.socket.clone();
        let result = self.restore(held, *who);
        if reply.send(result).is_err() && result.is_ok() {
            // It has been taken for lost just now: its client comes once more.
            socket.close();
        }
    }

    fn restore(&mut self, held: Held, who: Resumption) -> Result<(), ResumptionFailed> {
        let past = Past::of(&who, held.tail, held.rooms);
        let Past { events, rooms, .. } = &past;
        let socket = &who.socket;
        let mut replay = Vec::with_capacity(events.len());
        for event in events {
            let position = event.position.as_ref().ok_or(ResumptionFailed)?;
            let mut packets = match socket.namespace() {
                NAMESPACE => {
                    let packet = Packet::event(NAMESPACE, &event.name, &event.data);
                    vec![packet.map_err(|_| ResumptionFailed)?]
                }
                _ => self.replayed_in_dialect(&who, event),
            };
            // With the last of them the client has all.
            if let Some(last) = packets.last_mut() {
                *last = last.with_offset(&position.to_string());
            }
            replay.append(&mut packets);
        }
        let recovery = Recovery {
            id: who.id,
            pid: who.pid,
            rooms: rooms.iter().map(room_name).collect(),
            replay,
        };
        let restored = who.socket.restore(recovery);
        restored.map_err(|_| ResumptionFailed)?;
        let missed: HashSet<&Channel> = events.iter().map(|event| &event.channel).collect();
        for channel in missed {
            self.outlet.unread.caught_up(channel, &who.socket);
        }
        for channel in rooms {
            self.note(channel, who.id);
            if let Some(room) = self.rooms.get_mut(channel) {
                room.members.insert(who.id);
            }
        }
        // Conversations that began meanwhile, or to which its user was added.
        for enters in past.enters {
            let channel = Channel {
                organization: self.organization.clone(),
                room: Room::Conversation(enters.conversation),
            };
            self.enter(Entry::after(channel, who.socket.clone(), enters.rev));
        }
        Ok(())
    }

    pub(super) fn release(&mut self, serial: u64) {
        if let Some(held) = self.held.remove(&serial) {
            self.let_go(&held.rooms);
        }
    }

    fn let_go(&mut self, rooms: &HashSet<Channel>) {
        for channel in rooms {
            if let Some(room) = self.rooms.get_mut(channel) {
                room.held = room.held.saturating_sub(1);
            }
            self.linger_if_empty(channel);
        }
    }

    /// Whoever asked for them is gone.
    pub(super) fn drop_old_holds(&mut self) {
        let old = |held: &Held| held.since.elapsed() >= FORGOTTEN;
        let old: Vec<u64> = self
            .held
            .iter()
            .filter(|(_, held)| old(held))
            .map(|(serial, _)| *serial)
            .collect();
        for serial in old {
            self.release(serial);
        }
    }
}
