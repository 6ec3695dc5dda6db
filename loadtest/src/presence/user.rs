//! Who changes status, leaves and comes back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::{Notify, watch};
use tokio::time::sleep_until;

use crate::company::{Company, Role, Seat, Stage};
use crate::connection::{Connection, Opened, Past, Reason};
use crate::figures::{Counts, Time};
use crate::member::wire::{Answer, Mark};
use crate::member::{GOODBYE, Outcome};
use crate::packet::{self, Frame};
use crate::plan::Plan;

/// Changes of one user that may wait for their answer.
const MOST_IN_FLIGHT: usize = 100;

const STATUSES: [&str; 3] = ["busy", "away", "online"];

/// How users leave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ways {
    /// Share of changes that are leaving.
    pub(crate) leaving: f64,
    /// For how long.
    pub(crate) away: Duration,
}

pub(crate) struct User {
    seat: Seat,
    company: Arc<Company>,
    ways: Ways,
    /// `None` while it is away.
    connection: Option<Connection>,
    plan: Option<Plan>,
    /// How many of its changes were due.
    turns: u32,
    /// How many changes of status it has asked for.
    changes: u32,
    /// By the number of the change of status that they ask for: when it was due.
    calls: HashMap<u64, u64>,
    /// When it comes back, in microseconds since the run began.
    due_back: Option<u64>,
    pings: u64,
    rng: StdRng,
}

impl User {
    pub(crate) fn new(seat: Seat, company: Arc<Company>, ways: Ways, opened: Opened) -> Self {
        let seed = company.seed.wrapping_add(u64::from(seat.number));
        Self {
            seat,
            company,
            ways,
            connection: Some(opened.connection),
            plan: None,
            turns: 0,
            changes: 0,
            calls: HashMap::new(),
            due_back: None,
            pings: 0,
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// Until the company leaves, or the connection ends.
    pub(crate) async fn run(mut self, mut stage: watch::Receiver<Stage>) -> Outcome {
        let wake = match &self.seat.sender {
            Some(sender) => Arc::clone(&sender.wake),
            None => Arc::new(Notify::new()),
        };
        let ended = loop {
            let back = self.company.epoch + Duration::from_micros(self.due_back.unwrap_or(0));
            let done = tokio::select! {
                text = next(&mut self.connection) => text.and_then(|text| self.hear(&text)),
                () = sleep_until(back.into()), if self.due_back.is_some() => self.come_back().await,
                () = wake.notified() => {
                    self.change().await;
                    Ok(())
                }
                changed = stage.changed() => match *stage.borrow_and_update() {
                    _ if changed.is_err() => break None,
                    Stage::Leave => break None,
                    Stage::Send(plan) => {
                        self.plan = Some(plan);
                        Ok(())
                    }
                    _ => Ok(()),
                },
            };
            if let Err(reason) = done {
                break Some(reason);
            }
        };
        let pings = self.pings + self.connection.as_ref().map_or(0, Connection::pings);
        let number = self.seat.number;
        let outcome = super::outcome(&self.company, number, ended.clone(), pings);
        if let (None, Some(connection)) = (ended, self.connection) {
            connection.close(GOODBYE).await;
        }
        outcome
    }

    /// Does what is due.
    async fn change(&mut self) {
        while self.calls.len() < MOST_IN_FLIGHT {
            let (sender, plan) = (self.seat.sender.as_ref(), self.plan);
            let due = sender.and_then(|sender| sender.due(plan?, self.turns));
            let Some(due) = due.filter(|due| *due <= self.company.now()) else {
                return;
            };
            self.turns += 1;
            if self.connection.is_none() {
                self.company.live.changes_skipped.add();
            } else if self.rng.random_bool(self.ways.leaving) {
                self.leave().await;
            } else {
                self.update(due);
            }
        }
    }

    fn update(&mut self, due: u64) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        self.changes += 1;
        let mark = Mark {
            sender: self.seat.number,
            number: self.changes,
            due,
        };
        let status = STATUSES[self.changes as usize % STATUSES.len()];
        let text = mark.id_in(&self.company.run);
        let payload = format!(r#"{{"status":"{status}","customStatus":"{text}"}}"#);
        let id = u64::from(self.changes);
        connection.write(packet::event(id, "presence:update", &payload));
        self.calls.insert(id, due);
        let live = &self.company.live;
        live.change_in_flight(1);
        live.changes.add();
        let lag = self.company.now().saturating_sub(due);
        let mut figures = self.company.ledger.of(self.seat.number);
        figures.record(Time::Lag, lag);
    }

    async fn leave(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let (live, now) = (&self.company.live, self.company.now());
        self.company.board.left(self.seat.number, now);
        live.left.add();
        // It is about to come back; the answers to its calls are not.
        live.change_in_flight(1 - self.calls.len() as i64);
        self.calls.clear();
        self.due_back = Some(now + self.ways.away.as_micros() as u64);
        self.pings += connection.pings();
        connection.close(GOODBYE).await;
    }

    async fn come_back(&mut self) -> Result<(), Reason> {
        let Some(due) = self.due_back.take() else {
            return Ok(());
        };
        let (company, number) = (Arc::clone(&self.company), self.seat.number);
        company.board.comes(number, due);
        let token = company
            .entrance
            .token(&company.user(number), Role::Steady)?;
        let way = company.entrance.way(number, Role::Steady);
        let patience = company.entrance.patience;
        let opened = Connection::open(way, &token, &Past::default(), patience).await;
        company.live.change_in_flight(-1);
        let opened = opened.map_err(|away| format!("not back: {}", away.reason))?;
        self.connection = Some(opened.connection);
        company.board.came(number);
        company.live.came.add();
        Ok(())
    }

    fn hear(&mut self, text: &str) -> Result<(), Reason> {
        let ack = match packet::decode(text).map_err(|error| error.to_string())? {
            Frame::Ack(ack) => ack,
            Frame::Disconnected => return Err("io server disconnect".to_owned()),
            _ => return Ok(()),
        };
        let now = self.company.now();
        let Some(due) = self.calls.remove(&ack.id) else {
            return Err("parse error: an ack that nobody waits for".to_owned());
        };
        let answer: Answer<'_> = ack.answer().map_err(|error| error.to_string())?;
        let mut figures = self.company.ledger.of(self.seat.number);
        if answer.ok {
            self.company.board.acked(self.seat.number, ack.id as u32);
            self.company.live.acked.add();
            if self.plan.is_some_and(|plan| due >= plan.measured_from) {
                self.company.live.measured_acks.add();
                figures.record(Time::Ack, now.saturating_sub(due));
            }
        } else {
            figures.count(
                Counts::Refused,
                format!("presence:update {}", answer.code()),
            );
        }
        self.company.live.change_in_flight(-1);
        Ok(())
    }
}

/// Never, while there is no connection.
async fn next(
    connection: &mut Option<Connection>,
) -> Result<tokio_tungstenite::tungstenite::Utf8Bytes, Reason> {
    match connection {
        Some(connection) => connection.next().await,
        None => std::future::pending().await,
    }
}
