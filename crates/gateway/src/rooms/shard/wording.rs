//! Events on their way to sockets of other dialects than the native one.

use serde_json::Value;
use switchboard_messaging::hub::{BusEvent, Position, Room};
use switchboard_protocol::{DeliveryClass, Dialect, Message};
use switchboard_socketio::{Packet, Socket, SocketId};

use super::super::jobs;
use super::super::posts::{Post, Posts, is_receipt};
use super::super::resumption::Resumption;
use super::super::room_name;
use super::Shard;
use crate::dialects::Wording;

/// Sockets that are told between two chances for other tasks.
const TURN: usize = 256;

impl Shard {
    /// Tells an event to those in its room who do not speak the native dialect; returns how many. For
    /// a room without them this is a look for each dialect.
    pub(super) async fn tell_in_dialects(
        &mut self,
        event: &BusEvent,
        place: Option<Position>,
        except: Option<&SocketId>,
    ) -> usize {
        let dialects = self.outlet.dialects.clone();
        let room = room_name(&event.channel);
        let mut data = None;
        let mut reached = 0;
        for dialect in dialects.tables() {
            let sockets = self.speakers_of(dialect, &room);
            if sockets.is_empty() || !dialect.tells_of(&event.name) {
                continue;
            }
            let data = match &data {
                Some(data) => data,
                None => match self.explained_data(event) {
                    Some(found) => data.insert(found),
                    None => return reached,
                },
            };
            let told = (event, data, place.clone());
            reached += self.tell_in(dialect, &sockets, told, except).await;
        }
        reached
    }

    fn speakers_of(&self, dialect: &Dialect, room: &str) -> Vec<Socket> {
        let sockets = self
            .outlet
            .io()
            .map(|io| io.sockets_in(dialect.namespace(), room));
        sockets.unwrap_or_default()
    }

    /// The payload; of a receipt with the messages that it is about. `None` while those are being
    /// looked for: the event is told when they are found.
    fn explained_data(&mut self, event: &BusEvent) -> Option<Value> {
        let data: Value = serde_json::from_str(event.data.get())
            .inspect_err(|error| tracing::error!(%error, event = event.name, "not json"))
            .ok()?;
        let is_new = event.name == "message:new";
        if !is_new && !is_receipt(&event.name) {
            return Some(data);
        }
        let room = self.rooms.get_mut(&event.channel)?;
        let posts = room.posts.get_or_insert_default();
        if is_new {
            posts.extend(Post::of(&data["message"]));
            return Some(data);
        }
        let explained = posts.explain(&event.name, &data);
        if explained.is_none()
            && let Some(seq) = data["upToSeq"].as_i64()
        {
            let job = jobs::explain(self.app.clone(), event.clone(), seq);
            self.jobs.spawn(job);
        }
        explained
    }

    /// The message that a receipt is about was read.
    pub(super) async fn explained(&mut self, receipt: &BusEvent, message: Option<Message>) {
        let Some(message) = message.and_then(|message| serde_json::to_value(message).ok()) else {
            return;
        };
        let Some(room) = self.rooms.get_mut(&receipt.channel) else {
            return;
        };
        room.posts
            .get_or_insert_default()
            .extend(Post::of(&message));
        let except = receipt.except.as_deref().and_then(SocketId::parse);
        let place = self.place_before(false);
        self.tell_in_dialects(receipt, place, except.as_ref()).await;
    }

    async fn tell_in(
        &mut self,
        dialect: &Dialect,
        sockets: &[Socket],
        (event, data, place): (&BusEvent, &Value, Option<Position>),
        except: Option<&SocketId>,
    ) -> usize {
        let dialects = self.outlet.dialects.clone();
        let wording = Wording::of_event(dialect, &event.name, data);
        if wording.is_silent() {
            return 0;
        }
        let is_volatile = event.class == DeliveryClass::Volatile;
        let placed = if is_volatile {
            Wording::default()
        } else {
            wording.map(|packet| Self::placed_at(packet, place.clone()))
        };
        let mut reached = 0;
        for turn in sockets.chunks(TURN) {
            for socket in turn.iter().filter(|socket| except != Some(&socket.id())) {
                let listener = dialects.listener(&socket.id());
                let user = listener.as_ref().map(|actor| actor.viewer.user.as_str());
                let told = if is_volatile {
                    wording
                        .for_user(user)
                        .filter(|packet| socket.emit_volatile(packet).is_ok())
                        .count()
                } else {
                    emit_all(socket, (&wording, &placed), user)
                };
                reached += usize::from(told > 0);
                if let Some(actor) = listener.filter(|_| told > 0) {
                    dialects.was_written(dialect, &actor, &event.name, data);
                }
            }
            tokio::task::yield_now().await;
        }
        reached
    }

    /// What a socket that comes back is told of an event that it missed. A receipt that cannot be
    /// explained by now is being looked for, and told when it is found.
    pub(super) fn replayed_in_dialect(
        &mut self,
        who: &Resumption,
        event: &BusEvent,
    ) -> Vec<Packet> {
        let dialects = self.outlet.dialects.clone();
        let (Some(dialect), Some(actor)) = (
            dialects.of(who.socket.namespace()),
            dialects.listener(&who.id),
        ) else {
            return Vec::new();
        };
        let data = serde_json::from_str::<Value>(event.data.get()).ok();
        let Some(mut data) = data.filter(|_| dialect.tells_of(&event.name)) else {
            return Vec::new();
        };
        if is_receipt(&event.name) {
            match self.explained_to(who, event, &data) {
                Some(explained) => data = explained,
                None => return Vec::new(),
            }
        }
        let wording = Wording::of_event(dialect, &event.name, &data);
        let user = actor.viewer.user.as_str();
        let packets: Vec<Packet> = wording.for_user(Some(user)).cloned().collect();
        if !packets.is_empty() {
            dialects.was_written(dialect, &actor, &event.name, &data);
        }
        packets
    }

    /// A receipt, explained by what was read for the socket and what the room knows; what others were
    /// told makes no difference to it.
    fn explained_to(&self, who: &Resumption, event: &BusEvent, receipt: &Value) -> Option<Value> {
        let mut posts = Posts::default();
        if let Room::Conversation(conversation) = event.channel.room {
            posts.extend(who.posts.get(&conversation).into_iter().flatten().cloned());
        }
        if let Some(known) = self
            .rooms
            .get(&event.channel)
            .and_then(|room| room.posts.as_ref())
        {
            let up_to = receipt["upToSeq"].as_i64()?;
            posts.extend(known.at(up_to).cloned());
        }
        posts.explain(&event.name, receipt)
    }
}

/// Sends a socket what its user is told; only with the last of it the client has the whole event.
/// Returns how many were sent.
fn emit_all(socket: &Socket, (bare, placed): (&Wording, &Wording), user: Option<&str>) -> usize {
    let count = bare.for_user(user).count();
    let packets = bare.for_user(user).zip(placed.for_user(user)).enumerate();
    let sent = packets.filter(|(index, (bare, placed))| {
        let packet = if index + 1 == count { placed } else { bare };
        // A socket that is gone or full is closed by the runtime.
        socket.emit(packet).is_ok()
    });
    sent.count()
}
