//! Events on their way to sockets.

use switchboard_messaging::hub::{BusEvent, Channel, Position, Room};
use switchboard_messaging::receipts;
use switchboard_protocol::DeliveryClass;
use switchboard_socketio::{Packet, Socket, SocketId};
use switchboard_trace::{Detached, SpanKind};

use super::super::following::Phase;
use super::super::place::Arrived;
use super::super::sequencer::Offered;
use super::super::{Entry, room_name};
use super::Shard;
use super::membership::ADDED;
use crate::NAMESPACE;
use crate::dialects::Dialects;
use crate::sessions::Membership;

impl Shard {
    /// An event arrives from the hub.
    pub(super) async fn event(&mut self, event: BusEvent) {
        if event.class != DeliveryClass::Volatile {
            let arrived = self.place.arrive(event.position.as_ref());
            if arrived == Arrived::Again && event.rev.is_none() {
                return;
            }
        }
        self.deliver(event).await;
        self.settle_place();
    }

    /// Brings an event into its room's order, and delivers what is due by that.
    pub(super) async fn deliver(&mut self, event: BusEvent) {
        let Some(room) = self.rooms.get_mut(&event.channel) else {
            return;
        };
        let Some(rev) = event.rev else {
            self.unsequenced(event).await;
            return;
        };
        match (room.phase, room.sequencer.as_mut()) {
            (Phase::Live, Some(sequencer)) => {
                if rev <= sequencer.delivered() {
                    metrics::counter!("switchboard_duplicates_dropped_total").increment(1);
                    // It was delivered here before it went out; whoever comes back has it to come.
                    if event.position.is_some() {
                        self.keep_for_held(&event);
                    }
                    return;
                }
                // The event itself, with its payload, moves on.
                let channel = event.channel.clone();
                let is_ordered = event.position.is_some();
                match sequencer.offer(rev, event) {
                    Offered::Duplicate => {}
                    Offered::Parked => {
                        if is_ordered {
                            // What goes out in order arrives in order, unless some of it is lost.
                            self.place.doubt();
                        }
                        self.watch_gap(&channel);
                    }
                    Offered::Ready(ready) => self.deliver_all(&channel, ready).await,
                }
            }
            (Phase::Opening, _) => room.early.push(event),
            _ => {}
        }
    }

    async fn unsequenced(&mut self, event: BusEvent) {
        if event.enters.is_some() {
            self.introduce(&event);
        } else if let Some(receipts) = receipts::apart(&event) {
            for receipt in &receipts {
                // Whoever has only some of them does not have what is placed here.
                let is_last = receipt.position == event.position;
                self.fan_out_at(receipt, self.place_before(!is_last)).await;
            }
        } else {
            self.fan_out(&event).await;
        }
        self.keep_for_held(&event);
    }

    /// Delivers events in their order; whoever waited for one of them is in right after it.
    pub(super) async fn deliver_all(&mut self, channel: &Channel, ready: Vec<(i64, BusEvent)>) {
        for (rev, event) in ready {
            let packet = self.fan_out(&event).await;
            let dialects = &self.outlet.dialects;
            let Some(room) = self.rooms.get_mut(channel) else {
                return;
            };
            if let Some(packet) = &packet {
                let except = event.except.as_deref().and_then(SocketId::parse);
                let told = |socket: &Socket| shared(dialects, socket, &event, packet);
                room.keep_for_newcomers(rev, told, except.as_ref());
            }
            let in_turn = room.take_those_in_turn(rev);
            self.keep_for_held(&event);
            self.admit_all(channel, in_turn);
            if let Some(packet) = packet {
                self.take_turn(channel, (rev, &event), &packet);
            }
        }
    }

    /// Lets a user's sockets follow a conversation from where this event says that it stands. They are
    /// told of it when they do, here or by the room: whatever comes next reaches them.
    fn introduce(&mut self, event: &BusEvent) {
        let Some(enters) = event.enters else { return };
        let Some(packet) = encode(event) else { return };
        let channel = Channel {
            organization: self.organization.clone(),
            room: Room::Conversation(enters.conversation),
        };
        let room = self.rooms.get(&channel);
        let order = room.and_then(|room| room.sequencer.as_ref());
        if order.is_some_and(|order| order.gave(enters.rev + 1)) && event.name == ADDED {
            // The room has told of it, and brought them in.
            return;
        }
        let sockets = self.outlet.sockets_in(&room_name(&event.channel));
        let whose = (event.channel.clone(), enters.conversation);
        let mut told = self.told_before.remove(&whose).unwrap_or_default();
        for socket in &sockets {
            let entry = Entry::after(channel.clone(), socket.clone(), enters.rev);
            if enters.told_there {
                self.enter(entry);
            } else if !told.contains(&socket.id())
                && event.except.as_deref() != Some(socket.id().as_str())
            {
                // The one that caused it enters with its ack.
                let packets = shared(&self.outlet.dialects, socket, event, &packet);
                self.enter(entry.announced_by(packets));
                told.push(socket.id());
            }
        }
        // What could not be published is told on this node at once, and comes again, until it can be.
        if event.position.is_none() && !told.is_empty() {
            self.told_before.insert(whose, told);
        }
        if enters.told_there {
            self.note_membership(&channel, &sockets, Membership::Began(enters.rev));
        }
    }

    /// Sends a socket an event that says where it stands.
    pub(super) fn tell(&self, socket: &Socket, packet: &Packet) {
        // A socket that is gone or full is closed by the runtime.
        let _ = socket.emit(&self.placed(packet));
    }

    /// An event that says how far its receivers have everything.
    pub(super) fn placed(&self, packet: &Packet) -> Packet {
        Self::placed_at(packet, self.place_before(false))
    }

    /// The place, or the one before it.
    pub(super) fn place_before(&self, is_before: bool) -> Option<Position> {
        let mut place = self.place.position()?;
        place.offset = place.offset.saturating_sub(u64::from(is_before));
        Some(place)
    }

    pub(super) fn placed_at(packet: &Packet, place: Option<Position>) -> Packet {
        match place {
            Some(position) => packet.with_offset(&position.to_string()),
            None => packet.without_certainty(),
        }
    }

    /// Sends an event to everybody in its room, encoded once per dialect. A large room takes several turns.
    async fn fan_out(&mut self, event: &BusEvent) -> Option<Packet> {
        self.fan_out_at(event, self.place_before(false)).await
    }

    async fn fan_out_at(&mut self, event: &BusEvent, place: Option<Position>) -> Option<Packet> {
        let io = self.outlet.io()?;
        let delivering = self.traced(event);
        let packet = encode(event)?;
        let room = room_name(&event.channel);
        let except = event.except.as_deref().and_then(SocketId::parse);
        let except = except.as_ref();
        let (packet, reached) = if event.class == DeliveryClass::Volatile {
            let reached = io
                .broadcast_volatile(NAMESPACE, &room, &packet, except)
                .await;
            (packet, reached)
        } else {
            let packet = Self::placed_at(&packet, place.clone());
            let reached = io.broadcast(NAMESPACE, &room, &packet, except).await;
            (packet, reached)
        };
        let reached = reached + self.tell_in_dialects(event, place, except).await;
        let class = event.class.as_str();
        metrics::counter!("switchboard_fanout_deliveries_total", "class" => class)
            .increment(reached as u64);
        if event.rev.is_some() {
            metrics::histogram!("switchboard_fanout_latency_seconds")
                .record(self.app.clock.now().since(event.at));
        }
        if let Some(mut span) = delivering {
            span.set("switchboard.sockets", reached as i64);
            span.end();
        }
        self.outlet.unread.heard(event);
        Some(packet)
    }

    /// The part that this node has in the trace of whoever published an event.
    fn traced(&self, event: &BusEvent) -> Option<Detached> {
        let from = event.trace.filter(|from| from.sampled)?;
        let tracer = self.app.tracer.as_ref()?;
        Some(tracer.join("deliver", SpanKind::Consumer, from))
    }
}

/// What a socket is told of an event: natively, the packet that all share.
pub(super) fn shared(
    dialects: &Dialects,
    socket: &Socket,
    event: &BusEvent,
    packet: &Packet,
) -> Vec<Packet> {
    if socket.namespace() == NAMESPACE {
        vec![packet.clone()]
    } else {
        dialects.packets(socket, &event.name, &event.data)
    }
}

fn encode(event: &BusEvent) -> Option<Packet> {
    Packet::event(NAMESPACE, &event.name, &event.data)
        .inspect_err(
            |error| tracing::error!(%error, event = event.name, "event could not be encoded"),
        )
        .ok()
}
