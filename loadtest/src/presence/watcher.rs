//! Who is subscribed to others.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::watch;

use super::board::{News, Told};
use crate::company::{Company, Stage};
use crate::connection::{Connection, Opened, Reason};
use crate::figures::{Counts, Time};
use crate::member::wire::{Answer, Mark};
use crate::member::{GOODBYE, Outcome, USERS_IN_A_CALL};
use crate::packet::{self, Ack, Event, Frame};
use crate::plan::Plan;

pub(crate) struct Watcher {
    number: u32,
    /// Among the watchers.
    at: u32,
    company: Arc<Company>,
    connection: Connection,
    plan: Option<Plan>,
    /// Calls that are not answered.
    subscribing: usize,
}

/// `presence:changed`
#[derive(Debug, Deserialize)]
struct Changed<'a> {
    #[serde(borrow)]
    changes: Vec<Presence<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Presence<'a> {
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    custom_status: Option<Cow<'a, str>>,
}

impl Watcher {
    pub(crate) fn new(number: u32, at: u32, company: Arc<Company>, opened: Opened) -> Self {
        Self {
            number,
            at,
            company,
            connection: opened.connection,
            plan: None,
            subscribing: 0,
        }
    }

    /// Until the company leaves, or the connection ends.
    pub(crate) async fn run(mut self, mut stage: watch::Receiver<Stage>) -> Outcome {
        stage.mark_changed();
        let ended = loop {
            tokio::select! {
                text = self.connection.next() => {
                    if let Err(reason) = text.and_then(|text| self.hear(&text)) {
                        break Some(reason);
                    }
                }
                changed = stage.changed() => {
                    let now = *stage.borrow_and_update();
                    match now {
                        _ if changed.is_err() => break None,
                        Stage::Leave => break None,
                        Stage::MakeRooms => self.subscribe(),
                        Stage::Send(plan) => self.plan = Some(plan),
                        _ => {}
                    }
                }
            }
        };
        let outcome = super::outcome(
            &self.company,
            self.number,
            ended.clone(),
            self.connection.pings(),
        );
        if ended.is_none() {
            self.connection.close(GOODBYE).await;
        }
        outcome
    }

    fn subscribe(&mut self) {
        let watched = self.company.board.watched_by(self.at);
        for (id, users) in watched.chunks(USERS_IN_A_CALL).enumerate() {
            let users: Vec<String> = users.iter().map(|it| self.company.user(*it)).collect();
            let payload = serde_json::json!({ "userIds": users }).to_string();
            let frame = packet::event(id as u64, "presence:subscribe", &payload);
            self.connection.write(frame);
            self.subscribing += 1;
        }
    }

    fn hear(&mut self, text: &str) -> Result<(), Reason> {
        match packet::decode(text).map_err(|error| error.to_string())? {
            Frame::Event(event) if event.name == "presence:changed" => self.changed(&event),
            Frame::Ack(ack) => self.answer(ack),
            Frame::Disconnected => Err("io server disconnect".to_owned()),
            _ => Ok(()),
        }
    }

    fn answer(&mut self, ack: Ack<'_>) -> Result<(), Reason> {
        let answer: Answer<'_> = ack.answer().map_err(|error| error.to_string())?;
        if !answer.ok {
            let name = format!("presence:subscribe {}", answer.code());
            let mut figures = self.company.ledger.of(self.number);
            figures.count(Counts::Refused, name);
            self.company.live.refusals.add();
            return Ok(());
        }
        self.subscribing = self.subscribing.saturating_sub(1);
        if self.subscribing == 0 {
            self.company.live.seated.add();
        }
        Ok(())
    }

    fn changed(&self, event: &Event<'_>) -> Result<(), Reason> {
        // Before anything changes, others come in.
        let Some(plan) = self.plan else { return Ok(()) };
        let now = self.company.now();
        let changed: Changed<'_> = event.payload().map_err(|error| error.to_string())?;
        self.company.live.presence_events.add();
        for presence in &changed.changes {
            let Some(user) = self.company.number(&presence.user_id) else {
                continue;
            };
            let mark = presence.custom_status.as_deref();
            let mark = mark.and_then(|text| Mark::read(text, &self.company.run));
            let told = match (&*presence.status, mark) {
                ("offline", _) => Told::Offline,
                (_, mark) => Told::There(mark.map_or(0, |mark| mark.number)),
            };
            if let Some(news) = self.company.board.tell(self.at, user, told) {
                self.measure(news, mark, plan, now);
            }
        }
        Ok(())
    }

    fn measure(&self, news: News, mark: Option<Mark>, plan: Plan, now: u64) {
        let live = &self.company.live;
        let (time, since) = match (news, mark) {
            (News::Change, Some(mark)) => (Time::Change, mark.due),
            (News::Came(since), _) => (Time::Came, since),
            (News::Gone(since), _) => (Time::Gone, since),
            (News::Doubled, _) => return live.doubled.add(),
            (News::OutOfOrder, _) => return live.out_of_order.add(),
            (News::Change | News::Nothing, _) => return,
        };
        live.changes_heard.add();
        if since >= plan.measured_from {
            live.measured_deliveries.add();
            let took = now.saturating_sub(since);
            self.company.ledger.of(self.number).record(time, took);
        }
    }
}
