//! What a socket is given that comes back: what was read, and of what happened since what comes after
//! that; without what it knows, and without what its user was no member for.

use std::collections::{HashMap, HashSet};

use switchboard_messaging::hub::{BusEvent, Channel, Enters, Room};
use switchboard_messaging::receipts;
use switchboard_protocol::{ConversationId, UserId};

use super::super::resumption::Resumption;
use super::membership::{Turn, last_turn};

/// Everything that a socket missed.
#[derive(Debug)]
pub(super) struct Past {
    /// In the order in which it went out.
    pub(super) events: Vec<BusEvent>,
    /// The rooms that it is in from here on.
    pub(super) rooms: HashSet<Channel>,
    /// Conversations that it is yet to enter.
    pub(super) enters: Vec<Enters>,
}

pub(super) fn offset(event: &BusEvent) -> Option<u64> {
    event.position.as_ref().map(|position| position.offset)
}

impl Past {
    /// Of what was read before it came back, and the `tail` that its rooms have got since.
    pub(super) fn of(who: &Resumption, tail: Vec<BusEvent>, rooms: HashSet<Channel>) -> Self {
        let mut events = read_and_kept(who, tail);
        events.sort_by_key(offset);
        let mut past = Self {
            events,
            rooms,
            enters: Vec::new(),
        };
        past.leave_out_other_times(&who.known);
        past.events.retain(|event| is_due(who, event));
        past.enter();
        past
    }

    fn user(&self) -> Option<UserId> {
        let mut rooms = self.rooms.iter();
        rooms.find_map(|channel| match &channel.room {
            Room::User(user) => Some(user.clone()),
            Room::Organization | Room::Conversation(_) => None,
        })
    }

    /// Conversations from which the user was removed meanwhile end there, and those to which the user
    /// was added begin there.
    fn leave_out_other_times(&mut self, known: &HashMap<ConversationId, i64>) {
        let Some(user) = self.user() else { return };
        let mut times = HashMap::new();
        for channel in &self.rooms {
            let Room::Conversation(id) = channel.room else {
                continue;
            };
            let turn = last_turn(&self.events, id, &user);
            // What it knows is from later on, when it was a member again.
            let is_new = |rev: i64| known.get(&id).is_none_or(|known| rev > *known);
            if let Some((rev, turn)) = turn.filter(|(rev, _)| is_new(*rev)) {
                times.insert(channel.clone(), (rev, turn));
            }
        }
        let ended = |channel: &Channel| {
            let time = times.get(channel);
            time.is_some_and(|(_, Turn { is_member, .. })| !is_member)
        };
        self.rooms.retain(|channel| !ended(channel));
        self.events.retain(|event| match times.get(&event.channel) {
            Some((rev, turn)) if turn.is_member => event.rev.is_none_or(|at| at >= *rev),
            Some((rev, _)) => event.rev.is_some_and(|at| at <= *rev),
            None => true,
        });
    }

    /// What brought the user somewhere is not told of here if the room tells of it.
    fn enter(&mut self) {
        let told: HashSet<_> = self
            .events
            .iter()
            .filter_map(|event| Some((event.channel.room.clone(), event.rev?)))
            .collect();
        let mut enters = Vec::new();
        let rooms = &self.rooms;
        self.events.retain(|event| {
            let Some(there) = event.enters else {
                return true;
            };
            enters.push(there);
            let room = Room::Conversation(there.conversation);
            let follows = rooms.iter().any(|channel| channel.room == room);
            // One that it does not follow yet tells it when it enters.
            !there.told_there || (follows && !told.contains(&(room, there.rev + 1)))
        });
        self.enters = enters;
    }
}

/// What was read, and what came after that.
fn read_and_kept(who: &Resumption, tail: Vec<BusEvent>) -> Vec<BusEvent> {
    let mut read: HashMap<&Channel, u64> = HashMap::new();
    for event in &who.missed {
        let last = read.entry(&event.channel).or_default();
        *last = (*last).max(offset(event).unwrap_or(0));
    }
    let is_new = |event: &BusEvent| {
        let last = read.get(&event.channel).copied();
        let last = last.unwrap_or(0).max(who.position.offset);
        offset(event).is_some_and(|offset| offset > last)
    };
    let since: Vec<BusEvent> = tail.into_iter().filter(is_new).collect();
    let gathered = who.missed.iter().cloned().chain(since);
    let apart = |event| receipts::apart(&event).unwrap_or_else(|| vec![event]);
    gathered.flat_map(apart).collect()
}

/// Whether the socket does not know an event already, from its own call or when it entered.
fn is_due(who: &Resumption, event: &BusEvent) -> bool {
    if event.except.as_deref() == Some(who.id.as_str()) {
        return false;
    }
    let Room::Conversation(conversation) = event.channel.room else {
        return true;
    };
    let known = who.known.get(&conversation);
    known.is_none_or(|known| event.rev.is_none_or(|rev| rev > *known))
}
