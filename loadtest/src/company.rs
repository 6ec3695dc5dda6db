//! What all members of a run share.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use crate::connection::{Reason, Target, Way, loopback_sources};
use crate::figures::Ledger;
use crate::live::Live;
use crate::plan::{Plan, Turns};
use crate::presence::Board;
use crate::scenario::{Pace, Transport};
use crate::tokens::Signer;

/// What everybody does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stage {
    /// Come in.
    Gather,
    /// Make the rooms, subscribe.
    MakeRooms,
    /// Fill the rooms.
    Fill(Plan),
    /// Send.
    Send(Plan),
    /// Who is to be cut is cut.
    Cut,
    /// Who is slow stops reading.
    Deafen,
    /// Who is slow reads again.
    Listen,
    /// Leave.
    Leave,
}

/// Passes over everything else.
pub(crate) async fn told_to_leave(stage: &mut watch::Receiver<Stage>) {
    while *stage.borrow_and_update() != Stage::Leave {
        if stage.changed().await.is_err() {
            return;
        }
    }
}

#[derive(Debug)]
pub(crate) struct Company {
    /// A name that no other run has.
    pub(crate) run: String,
    pub(crate) seed: u64,
    pub(crate) epoch: Instant,
    pub(crate) ledger: Ledger,
    pub(crate) live: Live,
    pub(crate) entrance: Entrance,
    /// The ids of rooms whose members enter them one by one.
    pub(crate) rooms: Vec<OnceLock<String>>,
    pub(crate) content_bytes: u32,
    /// Share of deliveries that are answered by a receipt.
    pub(crate) receipts: f64,
    /// Share of sends that are preceded by typing.
    pub(crate) typing: f64,
    /// Messages of a page, where pages are read; and with how many messages each room is filled.
    pub(crate) page: Option<u32>,
    pub(crate) fill: u32,
    /// How those who were cut come back.
    pub(crate) backoff: Backoff,
    /// Who is watched by whom.
    pub(crate) board: Board,
}

impl Company {
    /// Microseconds since the run began.
    pub(crate) fn now(&self) -> u64 {
        self.epoch.elapsed().as_micros() as u64
    }

    pub(crate) fn user(&self, number: u32) -> String {
        format!("load-{}-{number}", self.run)
    }

    /// Who is called so.
    pub(crate) fn number(&self, user: &str) -> Option<u32> {
        let rest = user.strip_prefix("load-")?.strip_prefix(&*self.run)?;
        rest.strip_prefix('-')?.parse().ok()
    }
}

/// Who a member is.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    /// Among all members.
    pub(crate) number: u32,
    pub(crate) role: Role,
    /// If it sends.
    pub(crate) sender: Option<Sender>,
    /// The number of its room, if it enters it by itself.
    pub(crate) enters: Option<usize>,
    /// Whom it makes a room for, if it does.
    pub(crate) to_invite: Vec<String>,
}

/// What becomes of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Steady,
    /// It is cut and comes back.
    Cut,
    /// It stops reading for a while.
    Slow,
    /// It is of the noisy organization.
    Noisy,
}

/// When a member sends.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    /// Among those that take turns.
    pub(crate) at: u32,
    pub(crate) senders: u32,
    pub(crate) pace: Pace,
    /// What wakes it.
    pub(crate) wake: Arc<Notify>,
}

impl Sender {
    /// When the `number`th of its sends is due, in an open loop.
    pub(crate) fn due(&self, plan: Plan, number: u32) -> Option<u64> {
        let Pace::Open(rate) = self.pace else {
            return None;
        };
        let senders = self.senders;
        Turns { rate, senders }.due(plan, self.at, number)
    }
}

/// How long somebody waits before an attempt to come back, as socket.io-client does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    pub(crate) delay: Duration,
    pub(crate) longest: Duration,
    /// The share by which it is longer or shorter.
    pub(crate) jitter: f64,
}

impl Backoff {
    /// Before the attempt of this number (from 0); `chance` is from -1 to 1.
    pub(crate) fn before(self, attempt: u32, chance: f64) -> Duration {
        let doubled = self.delay.saturating_mul(1 << attempt.min(20));
        let jittered = doubled.as_secs_f64() * (1.0 + self.jitter * chance);
        Duration::from_secs_f64(jittered).min(self.longest)
    }
}

/// How members get in.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) targets: Vec<Target>,
    pub(crate) sources: Vec<IpAddr>,
    pub(crate) transport: Transport,
    pub(crate) signer: Signer,
    /// How long a connect may take.
    pub(crate) patience: Duration,
}

impl Entrance {
    /// Members take targets in turn, and for each of them the local addresses.
    pub(crate) fn way(&self, number: u32, role: Role) -> Way<'_> {
        let (number, targets) = (number as usize, self.targets.len());
        let source = (number / targets).checked_rem(self.sources.len());
        Way {
            target: &self.targets[number % targets],
            transport: self.transport,
            source: source.map(|at| self.sources[at]),
            is_slow: role == Role::Slow,
            is_abrupt: role == Role::Cut,
        }
    }

    pub(crate) fn token(&self, user: &str, role: Role) -> Result<String, Reason> {
        self.signer.sign(user, role == Role::Noisy)
    }
}

/// The local addresses for so many members, if none were given.
pub(crate) fn sources(members: u32, transport: Transport, targets: &[Target]) -> Vec<IpAddr> {
    let each = match transport {
        Transport::WebSocket => 1,
        Transport::Polling => 2,
    };
    if targets.iter().all(Target::is_loopback) {
        loopback_sources(u64::from(members) * each, targets.len())
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_differ_by_chance() {
        let backoff = Backoff {
            delay: Duration::from_secs(1),
            longest: Duration::from_secs(5),
            jitter: 0.5,
        };
        let millis = |attempt, chance| backoff.before(attempt, chance).as_millis();
        assert_eq!([0, 1, 2].map(|it| millis(it, 0.0)), [1000, 2000, 4000]);
        assert_eq!([3, 40].map(|it| millis(it, 0.0)), [5000, 5000]);
        assert_eq!([-1.0, 1.0].map(|it| millis(1, it)), [1000, 3000]);
    }
}
