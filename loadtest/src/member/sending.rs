//! Rooms are made, and what is due is sent.

use std::sync::Arc;

use rand::Rng as _;

use super::wire::Mark;
use super::{Call, MOST_IN_FLIGHT, Member, USERS_IN_A_CALL};
use crate::company::Role;
use crate::figures::Time;
use crate::plan::Plan;
use crate::scenario::Pace;

/// Messages in flight of somebody who fills a room.
const FILLING: u32 = 50;

impl Member {
    // --- rooms

    pub(super) fn make_room(&mut self) {
        let first = self.seat.to_invite.len().min(USERS_IN_A_CALL);
        let payload = serde_json::json!({
            "kind": "group",
            "participantIds": self.seat.to_invite[..first],
        });
        self.call(Call::Create, "conversation:create", &payload.to_string());
    }

    /// Invites those whom one call could not name, of whom so many are in.
    pub(super) fn go_on_inviting(&mut self, invited: usize) {
        let (Some(room), rest) = (&self.room, &self.seat.to_invite[invited..]) else {
            return;
        };
        if rest.is_empty() {
            return self.company.live.rooms.add();
        }
        let next = &rest[..rest.len().min(USERS_IN_A_CALL)];
        let payload = serde_json::json!({ "conversationId": room, "userIds": next });
        let invited = invited + next.len();
        self.call(
            Call::Invite { invited },
            "conversation:add-members",
            &payload.to_string(),
        );
    }

    /// Of a large room nobody is told that it was made: that would be all members for each of them.
    /// A server may have let it in already.
    pub(super) fn enter_by_itself(&mut self, rooms: &[String]) {
        let company = Arc::clone(&self.company);
        let Some(room) = self.seat.enters.and_then(|at| company.rooms[at].get()) else {
            return;
        };
        if rooms.contains(room) {
            return self.take_seat(room);
        }
        let payload = serde_json::json!({ "conversationId": room });
        self.call(Call::Enter, "conversation:join", &payload.to_string());
    }

    pub(super) fn take_seat(&mut self, room: &str) {
        if self.room.is_some() {
            return; // its maker hears of it twice
        }
        let content = "x".repeat(self.company.content_bytes as usize);
        self.template = format!(
            r#"["message:send",{{"conversationId":"{room}","content":"{content}","clientMessageId":""#
        );
        self.room = Some(room.to_owned());
        self.company.live.seated.add();
    }

    /// The first of a room fills it; the others hear of that.
    pub(super) fn fill(&mut self, plan: Plan) {
        self.plan = Some(plan);
        if self.seat.to_invite.is_empty() {
            return;
        }
        self.to_fill = self.company.fill;
        (0..FILLING).for_each(|_| self.go_on_filling());
    }

    pub(super) fn go_on_filling(&mut self) {
        if self.to_fill > 0 {
            let number = self.company.fill - self.to_fill;
            self.to_fill -= 1;
            self.send_message(number, self.company.now());
        }
    }

    // --- what is due

    /// When its message or page of this number is due, in an open loop.
    pub(super) fn due(&self, number: u32) -> Option<u64> {
        self.seat.sender.as_ref()?.due(self.plan?, number)
    }

    /// In an open loop something is due; in a closed one it is time to begin.
    pub(super) fn woken(&mut self) {
        match self.seat.sender.as_ref().map(|sender| sender.pace) {
            Some(Pace::Closed(at_a_time)) => {
                (0..at_a_time).for_each(|_| self.send(self.company.now()));
            }
            _ => self.send_what_is_due(),
        }
    }

    /// After an answer.
    pub(super) fn go_on(&mut self) {
        let now = self.company.now();
        let is_over = self.plan.is_none_or(|plan| now >= plan.end);
        match self.seat.sender.as_ref().map(|sender| sender.pace) {
            Some(Pace::Open(_)) => self.send_what_is_due(),
            Some(Pace::Closed(_)) if !is_over => self.send(now),
            _ => {}
        }
    }

    /// What cannot be sent now is sent later, and is measured from when it was due.
    fn send_what_is_due(&mut self) {
        let now = self.company.now();
        while self.calls.len() < MOST_IN_FLIGHT {
            match self.due(self.sent) {
                Some(due) if due <= now => self.send(due),
                _ => break,
            }
        }
    }

    fn send(&mut self, due: u64) {
        if self.room.is_none() {
            return;
        }
        if self.company.page.is_some() {
            self.read_page(due);
        } else {
            self.send_message(self.sent, due);
        }
        self.sent += 1;
        if self.is_measured(due) && self.seat.role != Role::Noisy {
            let lag = self.company.now().saturating_sub(due);
            let mut figures = self.company.ledger.of(self.seat.number);
            figures.record(Time::Lag, lag);
        }
    }

    fn send_message(&mut self, number: u32, due: u64) {
        if self.rng.random_bool(self.company.typing) {
            let room = self.room.as_deref().unwrap_or_default();
            let payload = format!(r#"{{"conversationId":"{room}","isTyping":true}}"#);
            self.call(Call::Typing, "message:typing", &payload);
        }
        let mark = Mark {
            sender: self.seat.number,
            number,
            due,
        };
        let id = self.expect(Call::Send { due });
        let frame = format!(
            r#"42{id}{}{}"}}]"#,
            self.template,
            mark.id_in(&self.company.run)
        );
        self.connection.write(frame);
        self.company.live.sent.add();
        if self.seat.role == Role::Noisy {
            self.company.live.noisy_sent.add();
        }
    }
}
