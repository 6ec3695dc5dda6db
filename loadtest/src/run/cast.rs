//! Who takes part in a scenario: how many, who sends, who is in a room with whom.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::member::{Company, Seat};
use crate::plan::Turns;
use crate::scenario::{Pace, Scenario};

/// A scenario as the run needs it.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) members: u32,
    pub(crate) connect_pace: Pace,
    /// 0 if nobody is in a room.
    pub(crate) room_size: u32,
    pub(crate) pace: Option<Pace>,
    pub(crate) content_bytes: u32,
    pub(crate) receipts: f64,
    pub(crate) typing: f64,
    /// Of the members that send, in their order.
    wakers: Vec<Arc<Notify>>,
    /// Whether everybody sends, or the first member of each room alone.
    all_send: bool,
}

impl Cast {
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let silent = |members, connect_pace| Self {
            members,
            connect_pace,
            room_size: 0,
            pace: None,
            content_bytes: 0,
            receipts: 0.0,
            typing: 0.0,
            wakers: Vec::new(),
            all_send: false,
        };
        let wakers = |count| (0..count).map(|_| Arc::new(Notify::new())).collect();
        match scenario {
            Scenario::Connect(it) => silent(it.connections, it.pace),
            Scenario::Idle(it) => silent(it.connections, Pace::Open(it.connect_rate)),
            Scenario::Fanout(it) => Self {
                room_size: it.room_size,
                pace: Some(it.pace),
                content_bytes: it.content_bytes,
                wakers: wakers(it.rooms),
                ..silent(it.rooms * it.room_size, Pace::Open(it.connect_rate))
            },
            Scenario::Chat(it) => Self {
                room_size: it.room_size,
                pace: Some(it.pace),
                content_bytes: it.content_bytes,
                receipts: it.receipts,
                typing: it.typing,
                wakers: wakers(it.rooms * it.room_size),
                all_send: true,
                ..silent(it.rooms * it.room_size, Pace::Open(it.connect_rate))
            },
        }
    }

    pub(crate) fn senders(&self) -> u32 {
        self.wakers.len() as u32
    }

    pub(crate) fn wakers(&self) -> Vec<Arc<Notify>> {
        self.wakers.clone()
    }

    /// Of an open loop.
    pub(crate) fn turns(&self) -> Option<Turns> {
        let senders = self.senders();
        match self.pace? {
            Pace::Open(rate) => Some(Turns { rate, senders }),
            Pace::Closed(_) => None,
        }
    }

    /// The room of a member.
    pub(crate) fn room(&self, member: u32) -> u32 {
        member / self.room_size.max(1)
    }

    pub(crate) fn seats(&self, company: &Company) -> Vec<Seat> {
        (0..self.members)
            .map(|number| {
                let is_first = self.room_size > 0 && number % self.room_size == 0;
                let sender = match (self.room_size, self.all_send) {
                    (0, _) => None,
                    (_, true) => Some(number),
                    (_, false) => is_first.then(|| self.room(number)),
                };
                let others = if is_first {
                    number + 1..number + self.room_size
                } else {
                    0..0
                };
                Seat {
                    number,
                    sender: sender.map(|at| (at, Arc::clone(&self.wakers[at as usize]))),
                    to_invite: others.map(|other| company.user(other)).collect(),
                }
            })
            .collect()
    }
}
