//! Who became a member and who is none any more: what a room delivers says so, and takes their sockets
//! in and out at that very place in its order.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use switchboard_messaging::hub::{BusEvent, Channel, Room};
use switchboard_messaging::presence::user_channel;
use switchboard_protocol::{ConversationId, ServerEvent, UserId};
use switchboard_socketio::{Packet, Socket};

use super::super::following::Waiting;
use super::super::jobs;
use super::super::{Entry, room_name};
use super::Shard;
use super::events::shared;
use crate::sessions::Membership;

pub(super) const ADDED: &str = "conversation:member-added";
const REMOVED: &str = "conversation:member-removed";

/// Somebody's membership began or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) user: UserId,
    pub(super) is_member: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    member: Who,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Who {
    user_id: UserId,
}

impl Turn {
    /// What an event says of a membership, if anything.
    pub(super) fn of(name: &str, data: &RawValue) -> Option<Self> {
        let is_member = match name {
            ADDED => true,
            REMOVED => false,
            _ => return None,
        };
        let changed: Changed = serde_json::from_str(data.get())
            .inspect_err(|error| tracing::error!(%error, "a change of a membership names nobody"))
            .ok()?;
        Some(Self {
            user: changed.member.user_id,
            is_member,
        })
    }

    /// The same of a change that was read from the store.
    pub(super) fn of_event(event: &ServerEvent) -> Option<Self> {
        let (changed, is_member) = match event {
            ServerEvent::MemberAdded(changed) => (changed, true),
            ServerEvent::MemberRemoved(changed) => (changed, false),
            _ => return None,
        };
        let user = changed.member.user_id.clone();
        Some(Self { user, is_member })
    }
}

impl Shard {
    /// Carries out what an event that the room has just delivered says of a membership.
    pub(super) fn take_turn(
        &mut self,
        channel: &Channel,
        (rev, event): (i64, &BusEvent),
        packet: &Packet,
    ) {
        match Turn::of(&event.name, &event.data) {
            None => {}
            Some(turn) if turn.is_member => {
                self.bring_in(channel, &turn.user, (rev, event, packet));
            }
            Some(turn) => self.expel(channel, &turn.user, (rev, event, packet)),
        }
    }

    /// The user's sockets that are not in the room, which were not told of this change by it, follow it
    /// from here on.
    fn bring_in(
        &mut self,
        channel: &Channel,
        user: &UserId,
        (rev, event, packet): (i64, &BusEvent, &Packet),
    ) {
        let mut brought = Vec::new();
        for socket in self.sockets_of(user) {
            let id = socket.id();
            let room = self.rooms.get_mut(channel);
            if room.is_some_and(|room| !room.members.contains(&id) && room.newcomer(&id).is_none())
            {
                brought.push(socket.clone());
                let packets = shared(&self.outlet.dialects, &socket, event, packet);
                let entry = Entry::after(channel.clone(), socket, rev);
                self.enter(entry.announced_by(packets));
            }
        }
        self.note_membership(channel, &brought, Membership::Began(rev));
    }

    /// The user's sockets, which the room has told of it, are no longer in it.
    fn expel(
        &mut self,
        channel: &Channel,
        user: &UserId,
        (rev, event, packet): (i64, &BusEvent, &Packet),
    ) {
        let sockets = self.sockets_of(user);
        for socket in &sockets {
            let room = self.rooms.get_mut(channel);
            if let Some(newcomer) = room.and_then(|room| room.newcomer(&socket.id())) {
                if newcomer.entry.after_rev.is_some_and(|after| after > rev) {
                    // It was let in after this: its user has come back.
                    continue;
                }
                if let Waiting::Past(_) = newcomer.state {
                    // What came before is read for it, in vain. A socket that is gone or full is closed
                    // by the runtime.
                    for packet in shared(&self.outlet.dialects, socket, event, packet) {
                        let _ = socket.emit(&packet.without_certainty());
                    }
                }
            }
            self.leave(channel, socket);
        }
        self.note_membership(channel, &sockets, Membership::Ended);
    }

    /// Sockets of a user on this node.
    fn sockets_of(&self, user: &UserId) -> Vec<Socket> {
        let own = user_channel(&self.organization, user);
        self.outlet.sockets_in(&room_name(&own))
    }

    pub(super) fn is_of(&self, socket: &Socket, user: &UserId) -> bool {
        let own = room_name(&user_channel(&self.organization, user));
        socket.rooms().contains(&own)
    }

    /// Has it noted in the sessions of these sockets, so that a client that comes back finds itself
    /// where it was.
    pub(super) fn note_membership(
        &mut self,
        channel: &Channel,
        sockets: &[Socket],
        membership: Membership,
    ) {
        let Room::Conversation(conversation) = channel.room else {
            return;
        };
        let ids: Arc<[_]> = sockets.iter().map(Socket::id).collect();
        if !ids.is_empty() {
            let sessions = self.sessions.clone();
            self.jobs
                .spawn(jobs::note(sessions, ids, (conversation, membership)));
        }
    }
}

/// The last thing that events of a conversation's room say of a user's membership, and its `rev`.
pub(super) fn last_turn(
    events: &[BusEvent],
    conversation: ConversationId,
    user: &UserId,
) -> Option<(i64, Turn)> {
    let in_room = |event: &&BusEvent| event.channel.room == Room::Conversation(conversation);
    let own = |event: &BusEvent| {
        let turn = Turn::of(&event.name, &event.data)?;
        (turn.user == *user).then_some((event.rev?, turn))
    };
    let turns = events.iter().filter(in_room).filter_map(own);
    turns.max_by_key(|(rev, _)| *rev)
}
