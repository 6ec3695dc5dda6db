//! Who takes part in a scenario: how many, who sends, who is in a room with whom.

use std::ops::Range;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::company::{Backoff, Company, Role, Seat, Sender};
use crate::member::USERS_IN_A_CALL;
use crate::plan::Turns;
use crate::presence::{Board, Ways};
use crate::scenario::{Fanout, Pace, PresenceStorm, ReconnectStorm, Scenario, Tenants, Transport};

/// Those who take turns in sending.
#[derive(Debug)]
pub(crate) struct Choir {
    pace: Pace,
    /// Whom it has, by their numbers.
    members: Range<u32>,
    /// Every how many of them sends: all, or the first of each room.
    step: u32,
    /// Of those that send, in their order.
    wakers: Vec<Arc<Notify>>,
    pub(crate) is_noisy: bool,
}

/// A scenario as the run needs it.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) members: u32,
    pub(crate) connect_pace: Pace,
    pub(crate) transport: Transport,
    /// 0 if nobody is in a room.
    pub(crate) room_size: u32,
    pub(crate) content_bytes: u32,
    pub(crate) receipts: f64,
    pub(crate) typing: f64,
    pub(crate) page: Option<u32>,
    pub(crate) fill: u32,
    pub(crate) backoff: Backoff,
    pub(crate) choirs: Vec<Choir>,
    /// Of each room: how many, but the first member, stop reading.
    slow: u32,
    /// Whether all but the first member of each room are cut.
    is_cut: bool,
    pub(crate) presence: Option<PresenceStorm>,
}

impl Cast {
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let transport = scenario.transport();
        let cast = match scenario {
            Scenario::Connect(it) => Self::silent(it.connections, it.pace),
            Scenario::Idle(it) => Self::silent(it.connections, Pace::Open(it.connect_rate)),
            Scenario::Fanout(it) => Self::first_of_each(it),
            Scenario::Chat(it) => Self {
                receipts: it.receipts,
                typing: it.typing,
                content_bytes: it.content_bytes,
                ..Self::all_of_each((it.rooms, it.room_size), it.connect_rate, it.pace)
            },
            Scenario::ReconnectStorm(it) => Self::reconnect_storm(it),
            Scenario::SlowConsumers(it) => Self {
                slow: (f64::from(it.room_size) * it.slow).round() as u32,
                content_bytes: it.content_bytes,
                ..Self::first_sends((it.rooms, it.room_size), it.connect_rate, it.pace)
            },
            Scenario::Tenants(it) => Self::tenants(it),
            Scenario::History(it) => Self {
                page: Some(it.page),
                fill: it.messages,
                content_bytes: it.content_bytes,
                ..Self::all_of_each((it.rooms, it.room_size), it.connect_rate, it.pace)
            },
            Scenario::PresenceStorm(it) => Self {
                choirs: vec![Choir::new(0..it.users, 1, Pace::Open(it.change_rate))],
                presence: Some(it.clone()),
                ..Self::silent(it.users + it.watchers, Pace::Open(it.connect_rate))
            },
        };
        Self { transport, ..cast }
    }

    fn silent(members: u32, connect_pace: Pace) -> Self {
        Self {
            members,
            connect_pace,
            transport: Transport::default(),
            room_size: 0,
            content_bytes: 0,
            receipts: 0.0,
            typing: 0.0,
            page: None,
            fill: 0,
            backoff: Backoff::default(),
            choirs: Vec::new(),
            slow: 0,
            is_cut: false,
            presence: None,
        }
    }

    fn first_of_each(it: &Fanout) -> Self {
        Self {
            content_bytes: it.content_bytes,
            ..Self::first_sends((it.rooms, it.room_size), it.connect_rate, it.pace)
        }
    }

    fn reconnect_storm(it: &ReconnectStorm) -> Self {
        Self {
            is_cut: true,
            backoff: Backoff {
                delay: it.delay,
                longest: it.delay_max,
                jitter: it.jitter,
            },
            content_bytes: it.content_bytes,
            ..Self::first_sends((it.rooms, it.room_size), it.connect_rate, it.pace)
        }
    }

    fn tenants(it: &Tenants) -> Self {
        let pace = Pace::Open(it.quiet_rate);
        let mut cast = Self {
            content_bytes: it.content_bytes,
            ..Self::first_sends((it.rooms, it.room_size), it.connect_rate, pace)
        };
        cast.add_noisy(it.noisy_rooms, Pace::Open(it.limit * it.times));
        cast
    }

    fn first_sends((rooms, room_size): (u32, u32), connect_rate: f64, pace: Pace) -> Self {
        let members = rooms * room_size;
        Self {
            room_size,
            choirs: vec![Choir::new(0..members, room_size, pace)],
            ..Self::silent(members, Pace::Open(connect_rate))
        }
    }

    fn all_of_each((rooms, room_size): (u32, u32), connect_rate: f64, pace: Pace) -> Self {
        let members = rooms * room_size;
        Self {
            room_size,
            choirs: vec![Choir::new(0..members, 1, pace)],
            ..Self::silent(members, Pace::Open(connect_rate))
        }
    }

    fn add_noisy(&mut self, rooms: u32, pace: Pace) {
        let first = self.members;
        self.members += rooms * self.room_size;
        self.choirs.push(Choir {
            is_noisy: true,
            ..Choir::new(first..self.members, self.room_size, pace)
        });
    }

    pub(crate) fn rooms(&self) -> u32 {
        self.members.checked_div(self.room_size).unwrap_or(0)
    }

    /// Whether a room has more members than one call can name. Then they come in when it is there.
    pub(crate) fn has_large_rooms(&self) -> bool {
        self.room_size as usize > USERS_IN_A_CALL + 1
    }

    /// The room of a member.
    pub(crate) fn room(&self, member: u32) -> u32 {
        member / self.room_size.max(1)
    }

    pub(crate) fn is_first_of_room(&self, member: u32) -> bool {
        member.checked_rem(self.room_size) == Some(0)
    }

    /// How many of the members stop reading.
    pub(crate) fn slow(&self) -> u64 {
        u64::from(self.rooms() * self.slow.min(self.room_size.saturating_sub(1)))
    }

    pub(crate) fn board(&self) -> Board {
        let size = |it: &PresenceStorm| Board::new(it.users, it.watchers, it.watched);
        self.presence.as_ref().map(size).unwrap_or_default()
    }

    pub(crate) fn ways(&self) -> Ways {
        let it = self.presence.as_ref();
        Ways {
            leaving: it.map_or(0.0, |it| it.leaving),
            away: it.map_or_else(Default::default, |it| it.away),
        }
    }

    fn role(&self, number: u32) -> Role {
        let choir = self.choir(number);
        match number.checked_rem(self.room_size) {
            _ if choir.is_some_and(|choir| choir.is_noisy) => Role::Noisy,
            None | Some(0) => Role::Steady,
            Some(_) if self.is_cut => Role::Cut,
            Some(at) if at <= self.slow => Role::Slow,
            Some(_) => Role::Steady,
        }
    }

    fn choir(&self, number: u32) -> Option<&Choir> {
        let has = |choir: &&Choir| choir.members.contains(&number);
        self.choirs.iter().find(has)
    }

    pub(crate) fn seat(&self, number: u32, company: &Company) -> Seat {
        let others = if self.is_first_of_room(number) {
            number + 1..number + self.room_size
        } else {
            0..0
        };
        let room = self.room(number) as usize;
        Seat {
            number,
            role: self.role(number),
            sender: self.choir(number).and_then(|choir| choir.sender(number)),
            enters: self.has_large_rooms().then_some(room),
            to_invite: others.map(|other| company.user(other)).collect(),
        }
    }
}

impl Choir {
    fn new(members: Range<u32>, step: u32, pace: Pace) -> Self {
        let senders = (members.end - members.start) / step;
        Self {
            pace,
            members,
            step,
            wakers: (0..senders).map(|_| Arc::new(Notify::new())).collect(),
            is_noisy: false,
        }
    }

    pub(crate) fn wakers(&self) -> Vec<Arc<Notify>> {
        self.wakers.clone()
    }

    /// Of an open loop.
    pub(crate) fn turns(&self) -> Option<Turns> {
        let senders = self.wakers.len() as u32;
        match self.pace {
            Pace::Open(rate) => Some(Turns { rate, senders }),
            Pace::Closed(_) => None,
        }
    }

    fn sender(&self, number: u32) -> Option<Sender> {
        let place = number - self.members.start;
        let at = place / self.step;
        place.is_multiple_of(self.step).then(|| Sender {
            at,
            senders: self.wakers.len() as u32,
            pace: self.pace,
            wake: Arc::clone(&self.wakers[at as usize]),
        })
    }
}
