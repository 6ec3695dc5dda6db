//! One connection of a run: a user who is in one room or none, sends when it is due, and judges what comes.

mod comeback;
mod hearing;
mod pages;
mod sending;
pub(crate) mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::sync::{Notify, watch};

use crate::company::{Company, Role, Seat, Stage};
use crate::connection::{Connection, Opened, Past, Reason};
use crate::figures::{Counts, Time};
use crate::packet;
use crate::plan::Plan;
use crate::stream::Stream;

/// Calls of one socket that may wait for their answer. Servers bound it, too: ours at 128.
const MOST_IN_FLIGHT: usize = 100;

/// Users that one call may name.
pub(crate) const USERS_IN_A_CALL: usize = 500;

/// Why somebody is away who is to come back.
const CUT: &str = "cut";

/// How long somebody may take to say goodbye.
pub(crate) const GOODBYE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
enum Call {
    Create,
    /// So many of those whom it invites are in the room when this is answered.
    Invite {
        invited: usize,
    },
    Enter,
    Send {
        due: u64,
    },
    Receipt,
    Typing,
    /// The messages before this one.
    Page {
        due: u64,
        before: Option<u64>,
    },
    /// What was missed.
    CatchUp,
}

/// What is left of a member after the run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) number: u32,
    pub(crate) role: Role,
    pub(crate) stream: Stream,
    /// Whether the connection lasted until all were told to leave, or came back.
    pub(crate) stayed: bool,
    /// Messages without any answer.
    pub(crate) unanswered: u64,
    /// Messages or pages that were due and are not sent, because too many were in flight.
    pub(crate) unsent: u64,
    pub(crate) pings: u64,
}

pub(crate) struct Member {
    seat: Seat,
    company: Arc<Company>,
    connection: Connection,
    /// What it needs to be the same again after a cut.
    past: Past,
    room: Option<String>,
    /// The frames of its messages from the event's name on, up to the client's id of the message.
    template: String,
    stream: Stream,
    calls: HashMap<u64, Call>,
    next_id: u64,
    plan: Option<Plan>,
    /// How many messages or pages that were due it has sent.
    sent: u32,
    /// How many messages it still fills its room with.
    to_fill: u32,
    /// The page that it reads next ends before this message.
    before: Option<u64>,
    /// Whether it does not read what it is sent.
    is_deaf: bool,
    /// When it began to read again, and when it last heard something of before.
    listening_since: Option<u64>,
    caught_up: Option<u64>,
    /// When it was cut, if it was.
    cut_at: Option<u64>,
    is_away: bool,
    has_been_back: bool,
    /// Since when it is turned away.
    turned_away_since: Option<u64>,
    rng: StdRng,
}

impl Member {
    pub(crate) fn new(seat: Seat, company: Arc<Company>, opened: Opened) -> Self {
        let seed = company.seed.wrapping_add(u64::from(seat.number));
        let mut member = Self {
            seat,
            company,
            connection: opened.connection,
            past: Past::default(),
            room: None,
            template: String::new(),
            stream: Stream::default(),
            calls: HashMap::new(),
            next_id: 0,
            plan: None,
            sent: 0,
            to_fill: 0,
            before: None,
            is_deaf: false,
            listening_since: None,
            caught_up: None,
            cut_at: None,
            is_away: false,
            has_been_back: false,
            turned_away_since: None,
            rng: StdRng::seed_from_u64(seed),
        };
        member.past.pid = opened.pid;
        member.enter_by_itself(&opened.rooms);
        // Before a room is made nothing of interest is said; where it stands is.
        for text in opened.early {
            member.remember(&text);
        }
        member
    }

    /// Until the company leaves, or the connection ends.
    pub(crate) async fn run(mut self, mut stage: watch::Receiver<Stage>) -> Outcome {
        let wake = match &self.seat.sender {
            Some(sender) => Arc::clone(&sender.wake),
            None => Arc::new(Notify::new()),
        };
        stage.mark_changed();
        let ended = loop {
            let lost = tokio::select! {
                text = self.connection.next(), if !self.is_deaf => {
                    text.and_then(|text| self.hear(&text)).err()
                }
                () = wake.notified() => {
                    self.woken();
                    None
                }
                changed = stage.changed() => {
                    let now = *stage.borrow_and_update();
                    if changed.is_err() || now == Stage::Leave {
                        break None;
                    }
                    self.enter(now);
                    self.is_cut_at(now).then(|| CUT.to_owned())
                }
            };
            let Some(reason) = lost else { continue };
            if self.cut_at.is_none() && reason != CUT {
                break Some(reason);
            }
            if !self.come_back(&reason, &mut stage).await {
                break None;
            }
        };
        self.leave(ended).await
    }

    fn enter(&mut self, stage: Stage) {
        match stage {
            Stage::MakeRooms if !self.seat.to_invite.is_empty() && self.room.is_none() => {
                self.make_room();
            }
            Stage::Fill(plan) => self.fill(plan),
            Stage::Send(plan) => {
                let is_noisy = self.seat.role == Role::Noisy;
                self.plan = Some(if is_noisy { plan.beside() } else { plan });
                self.is_deaf = false;
            }
            Stage::Deafen if self.seat.role == Role::Slow => self.is_deaf = true,
            Stage::Listen if self.is_deaf => {
                self.is_deaf = false;
                self.listening_since = Some(self.company.now());
            }
            _ => {}
        }
    }

    async fn leave(self, ended: Option<Reason>) -> Outcome {
        let mut unsent = 0;
        while self.due(self.sent + unsent).is_some() {
            unsent += 1;
        }
        if let (None, Some(since), Some(last)) = (&ended, self.listening_since, self.caught_up) {
            let mut figures = self.company.ledger.of(self.seat.number);
            figures.record(Time::CatchUp, last.saturating_sub(since));
        }
        let sends = |call: &&Call| matches!(call, Call::Send { .. });
        let outcome = Outcome {
            number: self.seat.number,
            role: self.seat.role,
            stream: self.stream,
            stayed: ended.is_none() && !self.is_away,
            unanswered: self.calls.values().filter(sends).count() as u64,
            unsent: u64::from(unsent),
            pings: self.connection.pings(),
        };
        match ended {
            Some(reason) => {
                let what = if self.seat.role == Role::Slow {
                    Counts::CutOff
                } else {
                    self.company.live.ended.add();
                    Counts::Ended
                };
                let mut figures = self.company.ledger.of(outcome.number);
                figures.count(what, reason);
            }
            None => self.connection.close(GOODBYE).await,
        }
        outcome
    }

    fn is_cut_at(&self, stage: Stage) -> bool {
        stage == Stage::Cut && self.seat.role == Role::Cut && self.cut_at.is_none()
    }

    fn call(&mut self, call: Call, name: &str, payload: &str) {
        let id = self.expect(call);
        self.connection.write(packet::event(id, name, payload));
    }

    fn expect(&mut self, call: Call) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.calls.insert(id, call);
        self.company.live.change_in_flight(1);
        id
    }

    /// Whether what was due at this time counts. Every member is told when sending begins.
    fn is_measured(&self, due: u64) -> bool {
        self.plan.is_none_or(|plan| due >= plan.measured_from)
    }
}

impl Call {
    fn event(self) -> &'static str {
        match self {
            Self::Create => "conversation:create",
            Self::Invite { .. } => "conversation:add-members",
            Self::Enter => "conversation:join",
            Self::Send { .. } => "message:send",
            Self::Receipt => "message:read",
            Self::Typing => "message:typing",
            Self::Page { .. } | Self::CatchUp => "message:history",
        }
    }
}
