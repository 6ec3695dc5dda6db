//! What a run found: for programs as JSON (`docs/operations/verify.md` names every field), and for people as text.

mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::board::State;
use crate::checks::defect::{Example, Kind};
use crate::options::Options;
use crate::tally::{Durations, Tally};

/// The report of a run. Its field names are stable.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether all promises were kept, and enough happened to say so.
    pub kept: bool,
    /// Messages that clients were told to send.
    pub sent: u64,
    /// Messages that were acked.
    pub acked: u64,
    /// Acked and not stored, or stored and not delivered.
    pub lost: u64,
    /// Stored or delivered twice.
    pub duplicated: u64,
    /// Delivered after a later one.
    pub reordered: u64,
    /// How many of each kind of broken promise.
    pub defects: BTreeMap<&'static str, u64>,
    /// The first few of each kind.
    pub examples: Vec<Example>,
    /// What was run.
    pub shape: Shape,
    /// How sending went.
    pub sending: Sending,
    /// How delivering went.
    pub delivery: Delivery,
    /// How the connections did.
    pub connections: Connections,
    /// Refusals and failed calls, by code.
    pub errors: BTreeMap<String, u64>,
}

/// What was run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    missing_docs,
    reason = "the fields are the options that they are called after"
)]
pub struct Shape {
    pub run: String,
    pub seed: u64,
    pub urls: Vec<String>,
    pub clients: usize,
    pub conversations: usize,
    pub organizations: usize,
    pub rate: f64,
    pub duration_ms: u64,
    pub grace_ms: u64,
    /// Sending was ended early.
    pub interrupted: bool,
}

/// How sending went.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sending {
    /// Calls, repetitions included.
    pub attempts: u64,
    /// Messages that took more than one call.
    pub retried: u64,
    /// Messages that were not acked before the grace was over.
    pub unacked: u64,
    /// Messages answered with an error that repeating does not help.
    pub refused: u64,
    /// Messages that a client could not keep for later, because too many waited already.
    pub skipped: u64,
    /// The share of messages acked by the first call or the second; 1 is all.
    pub availability: f64,
    /// The longest time without any ack.
    pub longest_silence_ms: f64,
    /// From when a message was due until its ack.
    pub ack_ms: Spread,
}

/// How delivering went.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Events with a message, over all clients.
    pub delivered: u64,
    /// What came both by `conversation:sync` and as an event after a reconnect: allowed.
    pub overlap: u64,
    /// Events with the client's own message: allowed after a disturbance.
    pub own_events: u64,
    /// Messages read by `conversation:sync` after reconnects that were not recovered.
    pub read_back: u64,
    /// From ack to event, on the sender's node.
    pub same_node_ms: Spread,
    /// The same, on other nodes.
    pub other_node_ms: Spread,
}

/// How the connections did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Connections {
    /// Connects, the first ones included.
    pub connects: u64,
    /// Disconnects.
    pub disconnects: u64,
    /// By their reason at the client.
    pub disconnect_reasons: BTreeMap<String, u64>,
    /// Attempts to connect that failed, by reason.
    pub failed_connects: BTreeMap<String, u64>,
    /// Reconnects that were recovered: `socket.recovered`.
    pub recovered: u64,
    /// Reconnects that were not.
    pub not_recovered: u64,
    /// Those by `recoveryFailure`.
    pub recovery_failures: BTreeMap<String, u64>,
    /// Connects where `session:ready` and `socket.recovered` differed.
    pub disagreements: u64,
    /// From disconnect to connect.
    pub offline_ms: Spread,
    /// Connects by node.
    pub nodes: BTreeMap<String, u64>,
}

/// Durations in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "statistics are called what they are")]
pub struct Spread {
    pub count: u64,
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

impl Report {
    pub(crate) fn new(options: &Options, state: &State, interrupted: bool) -> Self {
        let tally = &state.tally;
        let total = |kinds: &[Kind]| kinds.iter().map(|kind| tally.defects_of(*kind)).sum();
        Self {
            kept: tally.defects.is_empty() && tally.acked > 0,
            sent: tally.sent,
            acked: tally.acked,
            lost: total(&[Kind::AckedLost, Kind::Missed]),
            duplicated: total(&[Kind::StoredTwice, Kind::Repeated]),
            reordered: total(&[Kind::Late]),
            defects: Kind::ALL
                .iter()
                .map(|kind| (kind.name(), tally.defects_of(*kind)))
                .collect(),
            examples: tally.examples.clone(),
            shape: Shape::new(options, interrupted),
            sending: Sending::new(tally),
            delivery: Delivery::new(tally),
            connections: Connections::new(tally),
            errors: tally.errors.0.clone(),
        }
    }
}

impl Shape {
    fn new(options: &Options, interrupted: bool) -> Self {
        let whole = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            run: options.run.clone(),
            seed: options.seed,
            urls: options.urls.clone(),
            clients: options.clients,
            conversations: options.conversations,
            organizations: options.organizations,
            rate: options.rate,
            duration_ms: whole(options.duration),
            grace_ms: whole(options.grace),
            interrupted,
        }
    }
}

impl Sending {
    fn new(tally: &Tally) -> Self {
        let all = tally.sent.max(1) as f64;
        Self {
            attempts: tally.attempts,
            retried: tally.retried,
            unacked: tally.unacked,
            refused: tally.refused,
            skipped: tally.skipped,
            availability: tally.within_one_retry as f64 / all,
            longest_silence_ms: millis(tally.longest_silence),
            ack_ms: Spread::of(&tally.ack_time),
        }
    }
}

impl Delivery {
    fn new(tally: &Tally) -> Self {
        Self {
            delivered: tally.delivered,
            overlap: tally.overlap,
            own_events: tally.echoes,
            read_back: tally.read_back,
            same_node_ms: Spread::of(&tally.same_node),
            other_node_ms: Spread::of(&tally.other_node),
        }
    }
}

impl Connections {
    fn new(tally: &Tally) -> Self {
        Self {
            connects: tally.connects,
            disconnects: tally.disconnects.total(),
            disconnect_reasons: tally.disconnects.0.clone(),
            failed_connects: tally.failed_connects.0.clone(),
            recovered: tally.recovered,
            not_recovered: tally.not_recovered.total(),
            recovery_failures: tally.not_recovered.0.clone(),
            disagreements: tally.disagreements,
            offline_ms: Spread::of(&tally.offline),
            nodes: tally.nodes.0.clone(),
        }
    }
}

impl Spread {
    fn of(durations: &Durations) -> Self {
        Self {
            count: durations.count(),
            p50: millis(durations.quantile(0.5)),
            p99: millis(durations.quantile(0.99)),
            max: millis(durations.longest()),
        }
    }
}

/// To a hundredth: what is finer is noise.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}
