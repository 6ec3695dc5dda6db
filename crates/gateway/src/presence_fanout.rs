//! Presence changes of a short while, put together so that each socket gets one event with
//! everything that concerns it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;
use switchboard_messaging::hub::{BusEvent, Channel, Room};
use switchboard_messaging::presence::PRESENCE_EVENT;
use switchboard_protocol::{OrganizationId, Presence, PresenceStatus, UserId};
use switchboard_socketio::{Io, Packet, Socket, SocketId};

use crate::NAMESPACE;
use crate::dialects::{Dialects, Wording};
use crate::rooms::room_name;
use crate::watchers::Watchers;

/// Users of whom it is remembered what was told. When there are more, all are forgotten: then a
/// change may be told twice, and none is lost.
const MOST_TOLD: usize = 65_536;

/// What this node's sockets were last told of users. The same may come again: from a node that has
/// told its own sockets while the others could not be reached, and tells all of it afterwards.
#[derive(Debug, Default)]
pub(crate) struct Told(HashMap<(OrganizationId, UserId), Last>);

#[derive(Debug, PartialEq, Eq)]
struct Last {
    status: PresenceStatus,
    custom_status: Option<String>,
    /// Nobody but the user's own devices, and who asked for it, was told.
    only_own: bool,
}

/// Who hears of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    Everybody,
    /// All but those who were told already: own devices, and who asked for it.
    ButOwn,
    Nobody,
}

impl Told {
    /// Who of its audience an event is news to; they are told.
    fn hearing(&mut self, event: &BusEvent) -> Hearing {
        let Some(presence) = presence_of(&event.data) else {
            return Hearing::Nobody;
        };
        if self.0.len() >= MOST_TOLD {
            self.0.clear();
        }
        let only_own = matches!(&event.audience[..], [Room::User(_)]);
        let who = (event.channel.organization.clone(), presence.user_id);
        let last = Last {
            status: presence.status,
            custom_status: presence.custom_status,
            only_own,
        };
        match self.0.entry(who) {
            Entry::Vacant(place) => {
                place.insert(last);
                Hearing::Everybody
            }
            Entry::Occupied(mut place) => {
                let before = place.get();
                let same =
                    before.status == last.status && before.custom_status == last.custom_status;
                let hearing = match (same, before.only_own, only_own) {
                    (false, ..) => Hearing::Everybody,
                    (true, true, false) => Hearing::ButOwn,
                    (true, ..) => Hearing::Nobody,
                };
                if hearing != Hearing::Nobody {
                    place.insert(last);
                }
                hearing
            }
        }
    }
}

/// Changes that wait for the end of the batch window.
#[derive(Debug, Default)]
pub(crate) struct PresenceBatch {
    events: Vec<BusEvent>,
    /// Where in `events` a user's change is.
    places: HashMap<(OrganizationId, UserId), usize>,
}

/// A socket and the changes (by index, ascending) that it gets.
type Share = (Socket, Vec<usize>);

impl PresenceBatch {
    /// Adds a change; it takes the place of an earlier one of the same user.
    pub(crate) fn add(&mut self, event: BusEvent) {
        let Some(user) = presence_of(&event.data).map(|presence| presence.user_id) else {
            tracing::error!("a presence change names no user");
            return;
        };
        match self
            .places
            .entry((event.channel.organization.clone(), user))
        {
            Entry::Occupied(place) => {
                if let Some(earlier) = self.events.get_mut(*place.get()) {
                    *earlier = event;
                }
            }
            Entry::Vacant(place) => {
                place.insert(self.events.len());
                self.events.push(event);
            }
        }
    }

    /// Sends every socket its share of what is news, encoding each distinct share once.
    pub(crate) fn deliver(
        self,
        (io, dialects, watchers): (&Io, &Dialects, &Watchers),
        told: &mut Told,
    ) {
        let mut shares: HashMap<String, Share> = HashMap::new();
        for (index, event) in self.events.iter().enumerate() {
            let hearing = told.hearing(event);
            if hearing == Hearing::Nobody {
                continue;
            }
            let asked = presence_of(&event.data).map_or_else(Vec::new, |presence| {
                watchers.of(&event.channel.organization, &presence.user_id)
            });
            for socket in audience(event, hearing, (io, dialects), asked) {
                let id = socket.id().to_string();
                let share = &mut shares.entry(id).or_insert_with(|| (socket, Vec::new())).1;
                if share.last() != Some(&index) {
                    share.push(index);
                }
            }
        }
        let mut packets: HashMap<Vec<usize>, Option<Packet>> = HashMap::new();
        let mut wordings: HashMap<(String, Vec<usize>), Wording> = HashMap::new();
        for (socket, share) in shares.into_values() {
            let Some(dialect) = dialects.of(socket.namespace()) else {
                let packet = packets
                    .entry(share)
                    .or_insert_with_key(|share| self.packet(share));
                if let Some(packet) = packet {
                    // A socket that is gone or full is closed by the runtime.
                    let _ = socket.emit(packet);
                }
                continue;
            };
            let wording = wordings
                .entry((dialect.namespace().to_owned(), share))
                .or_insert_with_key(|(_, share)| {
                    let data = serde_json::to_value(self.payload(share)).unwrap_or_default();
                    Wording::of_event(dialect, PRESENCE_EVENT, &data)
                });
            let listener = dialects.listener(&socket.id());
            let user = listener.as_ref().map(|actor| actor.viewer.user.as_str());
            for packet in wording.for_user(user) {
                let _ = socket.emit(packet);
            }
        }
    }

    fn payload(&self, share: &[usize]) -> HashMap<&'static str, Vec<&RawValue>> {
        let changes: Vec<&RawValue> = share.iter().map(|i| &*self.events[*i].data).collect();
        HashMap::from([("changes", changes)])
    }

    fn packet(&self, share: &[usize]) -> Option<Packet> {
        Packet::event(NAMESPACE, PRESENCE_EVENT, &self.payload(share))
            .inspect_err(|error| tracing::error!(%error, "presence could not be encoded"))
            .ok()
    }
}

/// The sockets that an event is for; some may come more than once.
fn audience(
    event: &BusEvent,
    hearing: Hearing,
    (io, dialects): (&Io, &Dialects),
    asked: Vec<Socket>,
) -> Vec<Socket> {
    let in_room = |room: &Room| {
        let channel = Channel {
            organization: event.channel.organization.clone(),
            room: room.clone(),
        };
        dialects.sockets_in(io, &room_name(&channel))
    };
    let is_own = |room: &&Room| matches!(room, Room::User(_));
    let others = event.audience.iter().filter(|room| !is_own(room));
    let mut sockets: Vec<Socket> = others.flat_map(in_room).collect();
    let own = event.audience.iter().filter(is_own).flat_map(in_room);
    let near: Vec<Socket> = own.chain(asked).collect();
    if hearing == Hearing::ButOwn {
        let told: HashSet<SocketId> = near.iter().map(Socket::id).collect();
        sockets.retain(|socket| !told.contains(&socket.id()));
    } else {
        sockets.extend(near);
    }
    sockets.retain(|socket| event.except.as_deref() != Some(socket.id().as_str()));
    sockets
}

fn presence_of(data: &RawValue) -> Option<Presence> {
    serde_json::from_str(data.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_messaging::presence::organization_channel;
    use switchboard_protocol::{DeliveryClass, Timestamp};

    const OWN_ONLY: usize = 0;

    fn change(status: PresenceStatus, conversations: usize) -> BusEvent {
        let user_id = UserId::new("alice").unwrap();
        let conversation = |n| {
            let id = format!("01890000-0000-7000-8000-{n:012}");
            Room::Conversation(id.parse().unwrap())
        };
        let mut audience: Vec<Room> = (0..conversations).map(conversation).collect();
        audience.push(Room::User(user_id.clone()));
        let presence = Presence {
            status,
            ..Presence::unknown(user_id)
        };
        BusEvent {
            channel: organization_channel(&OrganizationId::new("acme").unwrap()),
            audience,
            name: PRESENCE_EVENT.to_owned(),
            data: serde_json::value::to_raw_value(&presence).unwrap(),
            class: DeliveryClass::Logged,
            rev: None,
            except: None,
            enters: None,
            at: Timestamp::default(),
            trace: None,
            position: None,
        }
    }

    #[test]
    fn what_was_told_is_no_news_until_something_else_was() {
        let mut told = Told::default();
        let (online, offline) = (PresenceStatus::Online, PresenceStatus::Offline);
        let hearings = [online, online, offline, offline, online]
            .map(|status| told.hearing(&change(status, 2)));
        assert_eq!(
            hearings,
            [
                Hearing::Everybody,
                Hearing::Nobody,
                Hearing::Everybody,
                Hearing::Nobody,
                Hearing::Everybody
            ]
        );
    }

    #[test]
    fn what_only_the_own_devices_were_told_is_news_to_the_others_once() {
        let mut told = Told::default();
        let online = PresenceStatus::Online;
        let hearings =
            [OWN_ONLY, OWN_ONLY, 2, 2].map(|others| told.hearing(&change(online, others)));
        assert_eq!(
            hearings,
            [
                Hearing::Everybody,
                Hearing::Nobody,
                Hearing::ButOwn,
                Hearing::Nobody
            ]
        );
    }
}
