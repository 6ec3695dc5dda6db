//! One connection of a run: a user who is in one room or none, sends when it is due, and judges what comes.

mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::{Notify, watch};

use self::wire::{Answer, Created, Delivery, Mark};
use crate::connection::{Connection, Reason};
use crate::figures::{Ledger, Live, count};
use crate::packet::{self, Ack, Event, Frame};
use crate::plan::{Plan, Turns};
use crate::scenario::Pace;
use crate::stream::{Stream, Verdict};

/// Calls of one socket that may wait for their answer. Servers bound it, too: ours at 128.
const MOST_IN_FLIGHT: usize = 100;

/// What everybody does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stage {
    /// Come in.
    Gather,
    /// Make the rooms.
    MakeRooms,
    /// Send.
    Send(Plan),
    /// Leave.
    Leave,
}

/// What all members of a run share.
#[derive(Debug)]
pub(crate) struct Company {
    /// A name that no other run has.
    pub(crate) run: String,
    pub(crate) seed: u64,
    pub(crate) epoch: Instant,
    pub(crate) ledger: Ledger,
    pub(crate) live: Live,
    /// Of the run's senders.
    pub(crate) pace: Option<Pace>,
    pub(crate) senders: u32,
    pub(crate) content_bytes: u32,
    /// Share of deliveries that are answered by a receipt.
    pub(crate) receipts: f64,
    /// Share of sends that are preceded by typing.
    pub(crate) typing: f64,
}

impl Company {
    /// Microseconds since the run began.
    pub(crate) fn now(&self) -> u64 {
        self.epoch.elapsed().as_micros() as u64
    }

    pub(crate) fn user(&self, number: u32) -> String {
        format!("load-{}-{number}", self.run)
    }
}

/// Who a member is.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    /// Among all members.
    pub(crate) number: u32,
    /// Among all senders, if it is one, and who wakes it.
    pub(crate) sender: Option<(u32, Arc<Notify>)>,
    /// Whom it makes a room for, if it does.
    pub(crate) to_invite: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Create,
    Send { due: u64 },
    Receipt,
    Typing,
}

/// What is left of a member after the run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) number: u32,
    pub(crate) stream: Stream,
    /// Whether the connection lasted until all were told to leave.
    pub(crate) stayed: bool,
    /// Messages without any answer.
    pub(crate) unanswered: u64,
    /// Messages that were due and are not sent, because too many were in flight.
    pub(crate) unsent: u64,
    pub(crate) pings: u64,
}

pub(crate) struct Member {
    seat: Seat,
    company: Arc<Company>,
    connection: Connection,
    room: Option<String>,
    /// The frames of its messages from the event's name on, up to the client's id of the message.
    template: String,
    stream: Stream,
    calls: HashMap<u64, Call>,
    next_id: u64,
    plan: Option<Plan>,
    /// How many messages it has sent.
    sent: u32,
    rng: StdRng,
}

impl Member {
    pub(crate) fn new(seat: Seat, company: Arc<Company>, connection: Connection) -> Self {
        let rng = StdRng::seed_from_u64(company.seed.wrapping_add(u64::from(seat.number)));
        Self {
            seat,
            company,
            connection,
            room: None,
            template: String::new(),
            stream: Stream::default(),
            calls: HashMap::new(),
            next_id: 0,
            plan: None,
            sent: 0,
            rng,
        }
    }

    /// Until the company leaves, or the connection ends.
    pub(crate) async fn run(mut self, mut stage: watch::Receiver<Stage>) -> Outcome {
        let wake = match &self.seat.sender {
            Some((_, wake)) => Arc::clone(wake),
            None => Arc::new(Notify::new()),
        };
        stage.mark_changed();
        let ended = loop {
            tokio::select! {
                text = self.connection.next() => {
                    if let Err(reason) = text.and_then(|text| self.hear(&text)) {
                        break Some(reason);
                    }
                }
                () = wake.notified() => self.woken(),
                changed = stage.changed() => {
                    let now = *stage.borrow_and_update();
                    if changed.is_err() || now == Stage::Leave {
                        break None;
                    }
                    self.enter(now);
                }
            }
        };
        self.leave(ended).await
    }

    fn enter(&mut self, stage: Stage) {
        match stage {
            Stage::MakeRooms if !self.seat.to_invite.is_empty() => {
                let payload = serde_json::json!({
                    "kind": "group",
                    "participantIds": self.seat.to_invite,
                });
                self.call(Call::Create, "conversation:create", &payload.to_string());
            }
            Stage::Send(plan) => self.plan = Some(plan),
            _ => {}
        }
    }

    async fn leave(self, ended: Option<Reason>) -> Outcome {
        let mut unsent = 0;
        while self.due(self.sent + unsent).is_some() {
            unsent += 1;
        }
        let sends = |call: &&Call| matches!(call, Call::Send { .. });
        let outcome = Outcome {
            number: self.seat.number,
            stream: self.stream,
            stayed: ended.is_none(),
            unanswered: self.calls.values().filter(sends).count() as u64,
            unsent: u64::from(unsent),
            pings: self.connection.pings(),
        };
        match ended {
            Some(reason) => {
                self.company.live.ended.add();
                count(&mut self.company.ledger.of(outcome.number).ended, reason);
            }
            None => self.connection.close(Duration::from_secs(1)).await,
        }
        outcome
    }

    // --- sending

    /// When its message of this number is due, in an open loop.
    fn due(&self, number: u32) -> Option<u64> {
        let (sender, _) = self.seat.sender.as_ref()?;
        let Some(Pace::Open(rate)) = self.company.pace else {
            return None;
        };
        let senders = self.company.senders;
        Turns { rate, senders }.due(self.plan?, *sender, number)
    }

    /// In an open loop something is due; in a closed one it is time to begin.
    fn woken(&mut self) {
        match self.company.pace {
            Some(Pace::Closed(at_a_time)) => {
                (0..at_a_time).for_each(|_| self.send(self.company.now()));
            }
            _ => self.send_what_is_due(),
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
        let Some(room) = &self.room else { return };
        if self.rng.random_bool(self.company.typing) {
            let payload = format!(r#"{{"conversationId":"{room}","isTyping":true}}"#);
            self.call(Call::Typing, "message:typing", &payload);
        }
        let mark = Mark {
            sender: self.seat.number,
            number: self.sent,
            due,
        };
        let id = self.expect(Call::Send { due });
        let frame = format!(
            r#"42{id}{}{}"}}]"#,
            self.template,
            mark.id_in(&self.company.run)
        );
        self.connection.write(frame);
        self.sent += 1;
        self.company.live.sent.add();
        if self.is_measured(due) {
            let lag = self.company.now().saturating_sub(due);
            let mut figures = self.company.ledger.of(self.seat.number);
            figures.lag.saturating_record(lag);
        }
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

    // --- hearing

    fn hear(&mut self, text: &str) -> Result<(), Reason> {
        match packet::decode(text).map_err(|error| error.to_string())? {
            Frame::Event(event) => self.event(&event),
            Frame::Ack(ack) => self.answer(ack),
            Frame::Disconnected => Err("io server disconnect".to_owned()),
            _ => Ok(()),
        }
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), Reason> {
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

    fn take_seat(&mut self, room: &str) {
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

    fn delivered(&mut self, delivery: &Delivery<'_>) {
        let now = self.company.now();
        let Some(mark) = delivery.mark(&self.company.run) else {
            return; // somebody else's
        };
        let live = &self.company.live;
        match self.stream.hear(delivery.message.seq, mark.author()) {
            Verdict::Doubled => return live.doubled.add(),
            Verdict::OutOfOrder => live.out_of_order.add(),
            Verdict::New => {}
        }
        if self.is_measured(mark.due) {
            live.measured_deliveries.add();
            let took = now.saturating_sub(mark.due);
            let mut figures = self.company.ledger.of(self.seat.number);
            figures.delivery.saturating_record(took);
        }
        if self.rng.random_bool(self.company.receipts) && self.calls.len() < MOST_IN_FLIGHT {
            let room = self.room.as_deref().unwrap_or_default();
            let seq = delivery.message.seq;
            let payload = format!(r#"{{"conversationId":"{room}","upToSeq":{seq}}}"#);
            self.call(Call::Receipt, "message:read", &payload);
        }
        // After its receipt, which is waited for, too.
        self.company.live.delivered.add();
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
            let mut figures = self.company.ledger.of(self.seat.number);
            count(
                &mut figures.refused,
                format!("{} {}", call.event(), answer.code()),
            );
        }
        if let Call::Send { .. } = call {
            self.go_on();
        }
        // After what may be sent in its place: nothing in flight means that nothing will be.
        self.company.live.change_in_flight(-1);
        Ok(())
    }

    fn succeeded(&mut self, call: Call, answer: &Answer<'_>, now: u64) -> Result<(), Reason> {
        let live = &self.company.live;
        match call {
            Call::Create => {
                let room = answer
                    .room()
                    .ok_or("an answer without a conversation")?
                    .to_owned();
                self.take_seat(&room);
            }
            Call::Send { due } => {
                let seq = answer.seq().ok_or("an answer without a message")?;
                self.stream.acked(seq);
                live.acked.add();
                if self.is_measured(due) {
                    live.measured_acks.add();
                    let took = now.saturating_sub(due);
                    let mut figures = self.company.ledger.of(self.seat.number);
                    figures.ack.saturating_record(took);
                }
            }
            Call::Receipt => live.receipts.add(),
            Call::Typing => live.typing.add(),
        }
        Ok(())
    }

    fn go_on(&mut self) {
        let now = self.company.now();
        match self.company.pace {
            Some(Pace::Open(_)) => self.send_what_is_due(),
            Some(Pace::Closed(_)) if self.plan.is_some_and(|plan| now < plan.end) => self.send(now),
            _ => {}
        }
    }
}

impl Call {
    fn event(self) -> &'static str {
        match self {
            Self::Create => "conversation:create",
            Self::Send { .. } => "message:send",
            Self::Receipt => "message:read",
            Self::Typing => "message:typing",
        }
    }
}
