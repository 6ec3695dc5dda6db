//! What a client does with the answers to its calls.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::Member;
use super::jobs::{Job, Task};
use crate::facts;

/// What a front end waits when it is not told how long.
const A_MOMENT: Duration = Duration::from_secs(1);

impl Member {
    pub(super) fn answered(&mut self, job: Job, answer: &Value, now: Instant) {
        if answer["ok"] == true {
            self.succeeded(job, &answer["data"], now);
        } else {
            self.failed(job, &answer["error"], now);
        }
    }

    fn failed(&mut self, job: Job, error: &Value, now: Instant) {
        let code = error["code"].as_str().unwrap_or("malformed answer");
        let asked = error["retryAfterMs"].as_u64().map(Duration::from_millis);
        let wait = asked.unwrap_or(A_MOMENT).min(self.timing.longest_wait());
        let mut state = self.board.lock();
        state.tally.errors.add(code);
        let passing = matches!(code, "UNAVAILABLE" | "RATE_LIMITED");
        match &job.task {
            Task::Send { .. } if !passing => {
                state.tally.refused += 1;
                return;
            }
            Task::Send { .. } if code == "RATE_LIMITED" => self.jobs.hold_sends(now + wait),
            Task::Create(_) | Task::Follow(_) if !passing && state.tally.start.is_none() => {
                let message = error["message"].as_str().unwrap_or_default();
                state.setup_failure = Some(format!("{code}: {message}"));
            }
            _ => {}
        }
        drop(state);
        self.jobs.again(job, now + wait);
    }

    /// An answer that does not hold what it has to is counted, and asked for once more.
    fn succeeded(&mut self, job: Job, data: &Value, now: Instant) {
        let understood = match &job.task {
            Task::Create(conversation) => self.made(*conversation, data),
            Task::Follow(slot) => self.caught_up(*slot, &data["changes"], now),
            Task::CatchUp(slot) => self.caught_up(*slot, data, now),
            Task::Send { .. } => self.acked(&job, data, now),
            Task::Read(slot, reading) => self.read(*slot, reading.clone(), data, now),
        };
        if understood.is_none() {
            self.board.lock().tally.errors.add("malformed answer");
            self.jobs.again(job, now + A_MOMENT);
        }
    }

    fn made(&mut self, conversation: usize, data: &Value) -> Option<()> {
        let id = data["conversation"]["id"].as_str()?.to_owned();
        self.board.lock().conversations[conversation].id = Some(id);
        Some(())
    }

    fn acked(&mut self, job: &Job, data: &Value, now: Instant) -> Option<()> {
        let Task::Send {
            slot,
            author,
            ordered,
        } = &job.task
        else {
            return None;
        };
        let place = facts::place(&data["message"])?;
        let seat = &mut self.seats[*slot];
        seat.stream.ack(place.rev);
        let mut state = self.board.lock();
        state.tally.acked(job.attempts, *ordered, now);
        let what = (seat.conversation, *author, place);
        state.acked(what, self.node.as_deref(), now);
        Some(())
    }

    /// A page of what was missed.
    fn caught_up(&mut self, slot: usize, changes: &Value, now: Instant) -> Option<()> {
        let rev = facts::number(&changes["rev"])?;
        let messages = changes["messages"].as_array()?;
        let seat = &mut self.seats[slot];
        let more = changes["hasMore"].as_bool()?;
        if more && rev <= seat.stream.known() {
            return None; // it would never end
        }
        let places = messages.iter().filter_map(facts::place);
        let overlap = places.filter(|place| seat.stream.heard(place.rev)).count();
        let mut state = self.board.lock();
        state.tally.read_back += messages.len() as u64;
        state.tally.overlap += overlap as u64;
        let head = &mut state.conversations[seat.conversation].head;
        *head = (*head).max(rev);
        drop(state);
        if more {
            seat.stream.page(rev);
            self.jobs.add(Task::CatchUp(slot), now);
        } else {
            seat.stream.caught_up(rev);
        }
        Some(())
    }
}
