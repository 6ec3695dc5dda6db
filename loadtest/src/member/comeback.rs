//! Who was cut comes back as stock clients do: after a while, again and again, and with what it takes to
//! be the same (<https://socket.io/docs/v4/connection-state-recovery>).

use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use tokio::sync::watch;
use tokio::time::sleep;

use super::wire::Answer;
use super::{Call, Member};
use crate::company::{Role, Stage, told_to_leave};
use crate::connection::{Connection, Opened, Reason};
use crate::figures::{Counts, Time};
use crate::packet::{self, Event, Frame};

/// What one `message:history` may have.
const PAGE: u32 = 100;

impl Member {
    /// Where it stands, from a frame that came before it was a member.
    pub(super) fn remember(&mut self, text: &str) {
        if let Ok(Frame::Event(event)) = packet::decode(text) {
            self.remember_offset(&event);
        }
    }

    pub(super) fn remember_offset(&mut self, event: &Event<'_>) {
        if self.seat.role == Role::Cut
            && self.past.pid.is_some()
            && let Some(offset) = event.offset()
        {
            let mine = self.past.offset.get_or_insert_default();
            mine.clear();
            mine.push_str(offset);
        }
    }

    /// What the server is not told of: there is a connection, and then there is none.
    fn cut(&mut self, reason: &str) -> u64 {
        self.connection.cut();
        let calls = std::mem::take(&mut self.calls);
        self.company.live.change_in_flight(-(calls.len() as i64));
        self.is_away = true;
        let now = self.company.now();
        if self.cut_at.is_none() {
            self.company.live.cut.add();
        } else {
            let mut figures = self.company.ledger.of(self.seat.number);
            figures.count(Counts::TurnedAway, format!("lost again: {reason}"));
        }
        *self.cut_at.get_or_insert(now)
    }

    /// Is away until it is back. Says whether it is; if not, it was told to leave.
    pub(super) async fn come_back(
        &mut self,
        reason: &str,
        stage: &mut watch::Receiver<Stage>,
    ) -> bool {
        let begun = self.cut(reason);
        let opened = tokio::select! {
            opened = self.knock() => opened,
            () = told_to_leave(stage) => {
                self.was_turned_away();
                return false;
            }
        };
        // What it was told meanwhile.
        stage.mark_changed();
        if !std::mem::replace(&mut self.has_been_back, true) {
            let took = self.company.now().saturating_sub(begun);
            self.company.live.back.add();
            let mut figures = self.company.ledger.of(self.seat.number);
            figures.record(Time::Back, took);
        }
        self.is_away = false;
        self.begin_again(opened);
        true
    }

    async fn knock(&mut self) -> Opened {
        let company = Arc::clone(&self.company);
        let (entrance, role) = (&company.entrance, self.seat.role);
        let token = entrance.token(&company.user(self.seat.number), role);
        let token = token.unwrap_or_default(); // it was good before
        let mut asked_to_wait = Duration::ZERO;
        for attempt in 0.. {
            let chance = self.rng.random_range(-1.0..=1.0);
            let wait = company.backoff.before(attempt, chance);
            sleep(wait.max(asked_to_wait)).await;
            company.live.attempts.add();
            let (since, way) = (company.now(), entrance.way(self.seat.number, role));
            let opened = Connection::open(way, &token, &self.past, entrance.patience).await;
            match opened {
                Ok(opened) => {
                    let took = company.now().saturating_sub(since);
                    let mut figures = company.ledger.of(self.seat.number);
                    figures.record(Time::Attempt, took);
                    drop(figures);
                    self.was_turned_away();
                    return opened;
                }
                Err(turned_away) => {
                    self.turned_away_since.get_or_insert(since);
                    asked_to_wait = turned_away.retry_after.unwrap_or_default();
                    let mut figures = company.ledger.of(self.seat.number);
                    figures.count(Counts::TurnedAway, turned_away.reason);
                }
            }
        }
        // There are more numbers than a run has time for.
        std::future::pending().await
    }

    /// From the first attempt that failed until now, if any did.
    fn was_turned_away(&mut self) {
        if let Some(since) = self.turned_away_since.take() {
            let took = self.company.now().saturating_sub(since);
            let mut figures = self.company.ledger.of(self.seat.number);
            figures.record(Time::TurnedAway, took);
        }
    }

    fn begin_again(&mut self, opened: Opened) {
        // As the stock client knows it.
        let is_recovered = opened.pid.is_some() && opened.pid == self.past.pid;
        self.past.pid = opened.pid;
        self.connection = opened.connection;
        for text in opened.early {
            if let Err(reason) = self.hear(&text) {
                let mut figures = self.company.ledger.of(self.seat.number);
                figures.count(Counts::TurnedAway, reason);
            }
        }
        if is_recovered {
            return self.company.live.recovered.add();
        }
        let reason = opened.failure.unwrap_or_else(|| "another session".into());
        let mut figures = self.company.ledger.of(self.seat.number);
        figures.count(Counts::NotRecovered, reason);
        drop(figures);
        self.read_after(self.stream.complete_to());
    }

    /// What was missed is in the room's history.
    fn read_after(&mut self, seq: u64) {
        let room = self.room.as_deref().unwrap_or_default();
        let payload = format!(r#"{{"conversationId":"{room}","afterSeq":{seq},"limit":{PAGE}}}"#);
        self.call(Call::CatchUp, "message:history", &payload);
    }

    pub(super) fn catch_up(&mut self, answer: &Answer<'_>) -> Result<(), Reason> {
        let (seqs, has_more) = answer.page().ok_or("an answer without a page")?;
        for seq in &seqs {
            if self.stream.read(*seq) {
                self.company.live.read_after.add();
                self.company.live.delivered.add();
            }
        }
        if let Some(last) = seqs.last().filter(|_| has_more) {
            self.read_after(*last);
        }
        Ok(())
    }
}
