//! Presence changes of a short while, put together so that each socket gets one event with
//! everything that concerns it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::value::RawValue;
use switchboard_messaging::hub::{BusEvent, Channel};
use switchboard_messaging::presence::PRESENCE_EVENT;
use switchboard_protocol::{OrganizationId, Presence, UserId};
use switchboard_socketio::{Io, Packet, Socket};

use crate::NAMESPACE;
use crate::rooms::room_name;

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
        let Some(user) = user_of(&event.data) else {
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

    /// Sends every socket its share, encoding each distinct share once.
    pub(crate) fn deliver(self, io: &Io) {
        let mut shares: HashMap<String, Share> = HashMap::new();
        for (index, event) in self.events.iter().enumerate() {
            for socket in audience(event, io) {
                let id = socket.id().to_string();
                let share = &mut shares.entry(id).or_insert_with(|| (socket, Vec::new())).1;
                if share.last() != Some(&index) {
                    share.push(index);
                }
            }
        }
        let mut packets: HashMap<Vec<usize>, Option<Packet>> = HashMap::new();
        for (socket, share) in shares.into_values() {
            let packet = packets
                .entry(share)
                .or_insert_with_key(|share| self.packet(share));
            if let Some(packet) = packet {
                // A socket that is gone or full is closed by the runtime.
                let _ = socket.emit(packet);
            }
        }
    }

    fn packet(&self, share: &[usize]) -> Option<Packet> {
        let changes: Vec<&RawValue> = share.iter().map(|i| &*self.events[*i].data).collect();
        let payload = HashMap::from([("changes", changes)]);
        Packet::event(NAMESPACE, PRESENCE_EVENT, &payload)
            .inspect_err(|error| tracing::error!(%error, "presence could not be encoded"))
            .ok()
    }
}

/// The sockets that an event is for; some may come more than once.
fn audience<'a>(event: &'a BusEvent, io: &'a Io) -> impl Iterator<Item = Socket> + 'a {
    let organization = &event.channel.organization;
    event
        .audience
        .iter()
        .map(|room| Channel {
            organization: organization.clone(),
            room: room.clone(),
        })
        .flat_map(|channel| io.sockets_in(NAMESPACE, &room_name(&channel)))
        .filter(|socket| event.except.as_deref() != Some(socket.id().as_str()))
}

fn user_of(presence: &RawValue) -> Option<UserId> {
    serde_json::from_str::<Presence>(presence.get())
        .ok()
        .map(|presence| presence.user_id)
}
