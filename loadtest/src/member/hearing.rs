//! What comes is judged and measured.

use rand::Rng as _;

use super::wire::{Answer, Created, Delivery};
use super::{Call, MOST_IN_FLIGHT, Member};
use crate::company::Role;
use crate::connection::Reason;
use crate::figures::{Counts, Time};
use crate::packet::{self, Ack, Event, Frame};
use crate::stream::Verdict;

impl Member {
    pub(super) fn hear(&mut self, text: &str) -> Result<(), Reason> {
        match packet::decode(text).map_err(|error| error.to_string())? {
            Frame::Event(event) => self.event(&event),
            Frame::Ack(ack) => self.answer(ack),
            Frame::Disconnected => Err("io server disconnect".to_owned()),
            _ => Ok(()),
        }
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), Reason> {
        self.remember_offset(event);
        let live = &self.company.live;
        match event.name.as_ref() {
            "message:new" => {
                let delivery = event.payload::<Delivery<'_>>();
                self.delivered(&delivery.map_err(|error| error.to_string())?);
            }
            "conversation:created" => {
                let created = event.payload::<Created<'_>>();
                let created = created.map_err(|error| error.to_string())?;
                self.take_seat(&created.conversation.id);
            }
            "message:read" => live.receipts_heard.add(),
            "message:typing" => live.typing_heard.add(),
            _ => {}
        }
        Ok(())
    }

    fn delivered(&mut self, delivery: &Delivery<'_>) {
        let now = self.company.now();
        let Some(mark) = delivery.mark(&self.company.run) else {
            return; // somebody else's
        };
        let live = &self.company.live;
        match self.stream.hear(delivery.message.seq, mark.author()) {
            Verdict::Doubled => return live.doubled.add(),
            Verdict::OutOfOrder => live.out_of_order.add(),
            Verdict::Known => return,
            Verdict::New => {}
        }
        if self.is_measured(mark.due) {
            live.measured_deliveries.add();
            if self.seat.role != Role::Slow {
                let took = now.saturating_sub(mark.due);
                let time = self.times(mark.due).1;
                self.company.ledger.of(self.seat.number).record(time, took);
            }
        }
        if self.listening_since.is_some_and(|since| mark.due < since) {
            self.caught_up = Some(now);
        }
        if self.rng.random_bool(self.company.receipts) && self.calls.len() < MOST_IN_FLIGHT {
            let room = self.room.as_deref().unwrap_or_default();
            let seq = delivery.message.seq;
            let payload = format!(r#"{{"conversationId":"{room}","upToSeq":{seq}}}"#);
            self.call(Call::Receipt, "message:read", &payload);
        }
        if self.seat.role == Role::Slow {
            self.company.live.delivered_to_slow.add();
        }
        // After its receipt, which is waited for, too.
        self.company.live.delivered.add();
    }

    /// As what the ack and the delivery of a message are measured.
    fn times(&self, due: u64) -> (Time, Time) {
        let is_beside = self.plan.is_some_and(|plan| due >= plan.beside_from);
        match self.seat.role {
            Role::Noisy => (Time::AckNoisy, Time::DeliveryNoisy),
            _ if is_beside => (Time::AckBeside, Time::DeliveryBeside),
            _ => (Time::Ack, Time::Delivery),
        }
    }

    fn answer(&mut self, ack: Ack<'_>) -> Result<(), Reason> {
        let now = self.company.now();
        let Some(call) = self.calls.remove(&ack.id) else {
            return Err("parse error: an ack that nobody waits for".to_owned());
        };
        let answer: Answer<'_> = ack.answer().map_err(|error| error.to_string())?;
        if answer.ok {
            self.succeeded(call, &answer, now)?;
        } else {
            let is_noisy = self.seat.role == Role::Noisy && matches!(call, Call::Send { .. });
            let what = if is_noisy {
                Counts::RefusedNoisy
            } else {
                self.company.live.refusals.add();
                Counts::Refused
            };
            let mut figures = self.company.ledger.of(self.seat.number);
            figures.count(what, format!("{} {}", call.event(), answer.code()));
        }
        match call {
            Call::Send { .. } if self.company.fill > 0 => self.go_on_filling(),
            Call::Send { .. } | Call::Page { .. } => self.go_on(),
            _ => {}
        }
        // After what may be sent in its place: nothing in flight means that nothing will be.
        self.company.live.change_in_flight(-1);
        Ok(())
    }

    fn succeeded(&mut self, call: Call, answer: &Answer<'_>, now: u64) -> Result<(), Reason> {
        match call {
            Call::Create => {
                let room = answer.room().ok_or("an answer without a conversation")?;
                self.take_seat(room);
                if let Some(at) = self.seat.enters {
                    // It is the only one to set it.
                    self.company.rooms[at].set(room.to_owned()).ok();
                }
                let invited = self.seat.to_invite.len().min(super::USERS_IN_A_CALL);
                self.go_on_inviting(invited);
            }
            Call::Invite { invited } => self.go_on_inviting(invited),
            Call::Enter => {
                let at = self.seat.enters.unwrap_or_default();
                if let Some(room) = self.company.rooms[at].get().cloned() {
                    self.take_seat(&room);
                }
            }
            Call::Send { due } => {
                let seq = answer.seq().ok_or("an answer without a message")?;
                self.acked(seq, due, now);
            }
            Call::Receipt => self.company.live.receipts.add(),
            Call::Typing => self.company.live.typing.add(),
            Call::Page { due, before } => self.page_came(answer, (due, before), now)?,
            Call::CatchUp => self.catch_up(answer)?,
        }
        Ok(())
    }

    fn acked(&mut self, seq: u64, due: u64, now: u64) {
        let live = &self.company.live;
        self.stream.acked(seq);
        live.acked.add();
        if self.seat.role == Role::Noisy {
            live.noisy_acked.add();
        }
        if self.is_measured(due) {
            live.measured_acks.add();
            let took = now.saturating_sub(due);
            let time = self.times(due).0;
            self.company.ledger.of(self.seat.number).record(time, took);
        }
    }
}
