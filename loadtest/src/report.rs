//! What a run found out, as JSON and as text.

mod parts;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::company::{Company, Role};
use crate::figures::{Counts, Figures, Time};
use crate::live::Live;
use crate::member::Outcome;
use crate::process::Usage;
use crate::run::Options;
use crate::run::cast::Cast;
use crate::scenario::Scenario;

pub use parts::{History, Presence, Slow, Storm, Tenants};
pub use text::text;

/// Everything about a run. Times are milliseconds unless their name says otherwise.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether nothing acked was lost, doubled or delivered out of order.
    pub kept: bool,
    /// Whether everybody got in, stayed or came back, and nothing was refused as too much: if not, the run
    /// was not the one that was asked for.
    pub complete: bool,
    /// Whether it was ended from outside; then it is of less than was asked for.
    pub interrupted: bool,
    /// The name of the run.
    pub run: String,
    /// What was done.
    pub scenario: Scenario,
    /// Against what.
    pub urls: Vec<String>,
    /// How long was measured, in seconds.
    pub measured_seconds: f64,
    /// Getting in and staying.
    pub connections: Connections,
    /// From when a connect was due to its `session:ready`.
    pub connect_ms: Quantiles,
    /// What was sent, from the first message on.
    pub messages: Messages,
    /// What came of it, from the first message on.
    pub deliveries: Deliveries,
    /// From when a send was due to its ack.
    pub ack_ms: Quantiles,
    /// From when a send was due to its event at each receiver.
    pub delivery_ms: Quantiles,
    /// From when a send was due to when this tool wrote it; it is part of the two above.
    pub lag_ms: Quantiles,
    /// Receipts and typing.
    pub extras: Extras,
    /// Of `reconnect-storm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storm: Option<Storm>,
    /// Of `presence-storm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence: Option<Presence>,
    /// Of `slow-consumers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow: Option<Slow>,
    /// Of `tenants`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenants: Option<Tenants>,
    /// Of `history`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// What the server's processes used in the measured time.
    pub servers: Vec<Server>,
    /// What the servers used together, for each thing that they did.
    pub costs: Costs,
}

/// Getting in and staying.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Connections {
    /// How many there should be.
    pub asked: u32,
    /// How many got in.
    pub ready: u64,
    /// Connects that failed, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Connections that ended by themselves, by reason.
    pub ended: BTreeMap<String, u64>,
    /// Pings that were answered.
    pub pings: u64,
}

/// What was sent, from the first message on.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Messages {
    /// Messages sent.
    pub sent: u64,
    /// Of them acked.
    pub acked: u64,
    /// Of them without any answer when the grace was over.
    pub unanswered: u64,
    /// Messages that were due, and not sent because too many were in flight.
    pub unsent: u64,
    /// Calls of any event that were refused, by event and code.
    pub refused: BTreeMap<String, u64>,
    /// Acks a second of messages that were due in the measured time.
    pub acked_per_second: f64,
}

/// What came of what was acked.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deliveries {
    /// Acked messages times their receivers, but for those whose connection ended.
    pub owed: u64,
    /// Events, each message counted once at each receiver.
    pub delivered: u64,
    /// Of what was owed: what never came.
    pub lost: u64,
    /// Events that had come before, or of a message that was stored twice.
    pub doubled: u64,
    /// Events that came after one that should have come later.
    pub out_of_order: u64,
    /// Events a second of messages that were due in the measured time.
    pub per_second: f64,
}

impl Deliveries {
    fn are_as_promised(&self) -> bool {
        [self.lost, self.doubled, self.out_of_order] == [0; 3]
    }
}

/// Receipts and typing, from the first message on.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Extras {
    /// Receipts that were answered.
    pub receipts: u64,
    /// Receipts of others that were heard, over all members.
    pub receipts_heard: u64,
    /// Calls of typing that were answered.
    pub typing: u64,
    /// Typing of others that was heard, over all members.
    pub typing_heard: u64,
}

/// A process of the server.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// The process.
    pub pid: u32,
    /// Resident memory before the first connect, in bytes.
    pub rss_before: u64,
    /// Resident memory at the beginning of the measured time, in bytes.
    pub rss_start: u64,
    /// What it used in the measured time and until all was delivered; memory at the end.
    pub used: Usage,
}

/// What all servers together used for each thing. `null` without processes, or without such things.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Costs {
    /// Processor time for each delivery, in microseconds, all that goes with it included.
    pub cpu_us_per_delivery: Option<f64>,
    /// Processor time for each acked message, in microseconds, its deliveries included.
    pub cpu_us_per_message: Option<f64>,
    /// Processor time for each page of `history`, in microseconds.
    pub cpu_us_per_page: Option<f64>,
    /// Processor time for each socket that got in, in microseconds.
    pub cpu_us_per_connect: Option<f64>,
    /// Memory for each connection, in bytes: the difference between the end and before the first connect.
    pub rss_bytes_per_connection: Option<f64>,
}

/// A distribution in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// How many were measured.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// Half of them took at most as long.
    pub p50: f64,
    /// 90 of 100 of them.
    pub p90: f64,
    /// 99 of 100 of them.
    pub p99: f64,
    /// 999 of 1000 of them.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Quantiles {
    /// Of a histogram in microseconds.
    fn of(histogram: &Histogram<u64>) -> Self {
        let millis = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        Self {
            count: histogram.len(),
            mean: (histogram.mean() / 10.0).round() / 100.0,
            p50: millis(0.5),
            p90: millis(0.9),
            p99: millis(0.99),
            p999: millis(0.999),
            max: histogram.max() as f64 / 1000.0,
        }
    }
}

/// What the calls of a server that has enough are refused with.
const TOO_MUCH: &str = "RATE_LIMITED";

impl Report {
    pub(crate) fn new(
        options: &Options,
        cast: &Cast,
        (company, figures): (&Company, &Figures),
        (servers, measured): (Vec<Server>, Duration),
        outcomes: &[Outcome],
    ) -> Self {
        let (live, seconds) = (&company.live, measured.as_secs_f64());
        let is_slow = |outcome: &&Outcome| outcome.role == Role::Slow;
        let mut deliveries = self::deliveries(cast, live, seconds, (outcomes, |it| !is_slow(&it)));
        deliveries.delivered -= live.delivered_to_slow.get();
        let slow = (cast.slow() > 0).then(|| {
            let theirs = self::deliveries(cast, live, seconds, (outcomes, |it| is_slow(&it)));
            Slow::new(cast, (live, figures), &theirs, outcomes)
        });
        let presence = Presence::new((cast, company), figures, seconds, outcomes);
        let history = cast.page.map(|_| History::new(live, figures, seconds));
        let broken = [
            slow.as_ref().map_or(0, |slow| slow.lost),
            presence.as_ref().map_or(0, |presence| presence.unknown),
            history.as_ref().map_or(0, |history| history.wrong),
        ];
        Self {
            kept: broken == [0; 3] && deliveries.are_as_promised(),
            complete: is_complete(cast, live, figures),
            interrupted: options.interrupt.load(Ordering::Relaxed),
            run: options.run.clone(),
            scenario: options.scenario.clone(),
            urls: options.urls.clone(),
            measured_seconds: seconds,
            connections: connections(cast, (live, figures), outcomes),
            connect_ms: Quantiles::of(figures.times(Time::Connect)),
            messages: messages((live, figures), seconds, outcomes),
            deliveries,
            ack_ms: Quantiles::of(figures.times(Time::Ack)),
            delivery_ms: Quantiles::of(figures.times(Time::Delivery)),
            lag_ms: Quantiles::of(figures.times(Time::Lag)),
            extras: extras(live),
            storm: (live.cut.get() > 0).then(|| Storm::new(live, figures)),
            presence,
            slow,
            tenants: Tenants::new(cast, live, figures),
            history,
            costs: costs(&options.scenario, live, &servers),
            servers,
        }
    }
}

/// What a noisy organization is refused, and storms are turned away with, is what they are about.
fn is_complete(cast: &Cast, live: &Live, figures: &Figures) -> bool {
    let refused = figures.counts(Counts::Refused);
    let is_too_much = |name: &String| name.ends_with(TOO_MUCH);
    live.ready.get() == u64::from(cast.members)
        && live.ended.get() == 0
        && live.back.get() == live.cut.get()
        && !refused.keys().any(is_too_much)
}

/// So many in so many seconds, of which there may be none.
fn rate(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}

fn connections(
    cast: &Cast,
    (live, figures): (&Live, &Figures),
    outcomes: &[Outcome],
) -> Connections {
    Connections {
        asked: cast.members,
        ready: live.ready.get(),
        failed: figures.counts(Counts::Failed),
        ended: figures.counts(Counts::Ended),
        pings: outcomes.iter().map(|outcome| outcome.pings).sum(),
    }
}

fn messages((live, figures): (&Live, &Figures), seconds: f64, outcomes: &[Outcome]) -> Messages {
    let sum = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum();
    Messages {
        sent: live.sent.get(),
        acked: live.acked.get(),
        unanswered: sum(|outcome| outcome.unanswered),
        unsent: sum(|outcome| outcome.unsent),
        refused: figures.counts(Counts::Refused),
        acked_per_second: rate(live.measured_acks.get(), seconds),
    }
}

fn extras(live: &Live) -> Extras {
    Extras {
        receipts: live.receipts.get(),
        receipts_heard: live.receipts_heard.get(),
        typing: live.typing.get(),
        typing_heard: live.typing_heard.get(),
    }
}

/// Holds what each receiver of some heard against what was acked to anybody in its room.
fn deliveries(
    cast: &Cast,
    live: &Live,
    seconds: f64,
    (outcomes, are_meant): (&[Outcome], impl Fn(&Outcome) -> bool),
) -> Deliveries {
    let mut acked: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
    for outcome in outcomes {
        let room = acked.entry(cast.room(outcome.number)).or_default();
        room.extend(outcome.stream.own());
    }
    let mut deliveries = Deliveries {
        delivered: live.delivered.get(),
        doubled: live.doubled.get(),
        out_of_order: live.out_of_order.get(),
        per_second: rate(live.measured_deliveries.get(), seconds),
        ..Deliveries::default()
    };
    // Nothing is owed to whoever went away.
    let stayed = outcomes.iter().filter(|outcome| outcome.stayed);
    for outcome in stayed.filter(|outcome| are_meant(outcome)) {
        if let Some(acked) = acked.get(&cast.room(outcome.number)) {
            let (owed, lost) = outcome.stream.owed_and_lost(acked);
            deliveries.owed += owed;
            deliveries.lost += lost;
        }
    }
    deliveries
}

fn costs(scenario: &Scenario, live: &Live, servers: &[Server]) -> Costs {
    let cpu: f64 = servers.iter().map(|server| server.used.cpu_seconds()).sum();
    let each = |total: f64, count: u64| {
        let is_known = count > 0 && !servers.is_empty();
        is_known.then(|| total / count as f64)
    };
    let grown = servers
        .iter()
        .map(|server| server.used.rss_bytes as f64 - server.rss_before as f64);
    let is_connect = matches!(scenario, Scenario::Connect(_));
    let connects = if is_connect { live.ready.get() } else { 0 };
    let held = if is_connect { 0 } else { live.ready.get() };
    Costs {
        cpu_us_per_delivery: each(cpu * 1e6, live.measured_deliveries.get()),
        cpu_us_per_message: each(cpu * 1e6, live.measured_acks.get()),
        cpu_us_per_page: each(cpu * 1e6, live.measured_pages.get()),
        cpu_us_per_connect: each(cpu * 1e6, connects),
        rss_bytes_per_connection: each(grown.sum(), held),
    }
}
