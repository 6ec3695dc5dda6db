//! What single scenarios find out beside the rest.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Deliveries, Quantiles, rate};
use crate::company::{Company, Role};
use crate::figures::{Counts, Figures, Time};
use crate::live::Live;
use crate::member::Outcome;
use crate::run::cast::Cast;

/// How those who were cut came back.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Storm {
    /// Connections that were cut.
    pub cut: u64,
    /// Of them those that came back.
    pub back: u64,
    /// Times that somebody came back to the session of before: nothing had to be read.
    pub recovered: u64,
    /// Times that somebody came back and had to begin anew, by the server's reason.
    pub not_recovered: BTreeMap<String, u64>,
    /// Messages that these read from the history.
    pub messages_read: u64,
    /// Attempts to come back.
    pub attempts: u64,
    /// Attempts that did not succeed, and connections that were lost again, by reason.
    pub turned_away: BTreeMap<String, u64>,
    /// The longest time from somebody's first attempt that did not succeed until it was in, or the run was
    /// over.
    pub longest_refusal_ms: f64,
    /// From the cut until the last one was back; `null` if somebody was not.
    pub all_back_ms: Option<f64>,
    /// From the cut to each `session:ready`, with the waits that clients do by themselves.
    pub back_ms: Quantiles,
    /// From the beginning of the attempt that succeeded to its `session:ready`.
    pub attempt_ms: Quantiles,
}

impl Storm {
    pub(super) fn new(live: &Live, figures: &Figures) -> Self {
        let back_ms = Quantiles::of(figures.times(Time::Back));
        let (cut, back) = (live.cut.get(), live.back.get());
        Self {
            cut,
            back,
            recovered: live.recovered.get(),
            not_recovered: figures.counts(Counts::NotRecovered),
            messages_read: live.read_after.get(),
            attempts: live.attempts.get(),
            turned_away: figures.counts(Counts::TurnedAway),
            longest_refusal_ms: Quantiles::of(figures.times(Time::TurnedAway)).max,
            all_back_ms: (back >= cut).then_some(back_ms.max),
            back_ms,
            attempt_ms: Quantiles::of(figures.times(Time::Attempt)),
        }
    }
}

/// How changes of presence were told.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    /// Changes of status that users asked for.
    pub changes: u64,
    /// Changes that were due while their user was away, and so not asked for.
    pub skipped: u64,
    /// Times that a user left.
    pub left: u64,
    /// Times that one came back.
    pub came: u64,
    /// Events at all watchers.
    pub events: u64,
    /// Changes in these events: of status, leaving and coming. Servers may tell several changes of one user
    /// that follow each other quickly as the last of them.
    pub heard: u64,
    /// Changes heard a second, of those due in the measured time.
    pub heard_per_second: f64,
    /// Last states of users who are there, times their watchers.
    pub last_states: u64,
    /// Of them those that a watcher was not told when the grace was over.
    pub unknown: u64,
    /// From when a change of status was due to each watcher that heard of it.
    pub change_ms: Quantiles,
    /// From when somebody came back to each watcher that heard of it.
    pub came_ms: Quantiles,
    /// From when somebody left to each watcher that heard of it; servers wait before they tell.
    pub gone_ms: Quantiles,
}

impl Presence {
    /// Of a scenario that is about it.
    pub(super) fn new(
        (cast, company): (&Cast, &Company),
        figures: &Figures,
        seconds: f64,
        outcomes: &[Outcome],
    ) -> Option<Self> {
        cast.presence.as_ref()?;
        let live = &company.live;
        let (unknown, last_states) = company.board.unknown_of();
        // Who went away need not be told.
        let all_stayed = outcomes.iter().all(|outcome| outcome.stayed);
        Some(Self {
            changes: live.changes.get(),
            skipped: live.changes_skipped.get(),
            left: live.left.get(),
            came: live.came.get(),
            events: live.presence_events.get(),
            heard: live.changes_heard.get(),
            heard_per_second: rate(live.measured_deliveries.get(), seconds),
            last_states,
            unknown: if all_stayed { unknown } else { 0 },
            change_ms: Quantiles::of(figures.times(Time::Change)),
            came_ms: Quantiles::of(figures.times(Time::Came)),
            gone_ms: Quantiles::of(figures.times(Time::Gone)),
        })
    }
}

/// What became of those who stopped reading.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Slow {
    /// How many stopped.
    pub members: u64,
    /// Of them those whose connection the server ended, by reason.
    pub cut_off: BTreeMap<String, u64>,
    /// Of them those that got everything after all.
    pub caught_up: u64,
    /// Events that came to them, each message counted once at each.
    pub delivered: u64,
    /// What was owed to those whose connection lasted.
    pub owed: u64,
    /// Of it what they did not get.
    pub lost: u64,
    /// From when one read again until it had all that was due before.
    pub catch_up_ms: Quantiles,
}

impl Slow {
    pub(super) fn new(
        cast: &Cast,
        (live, figures): (&Live, &Figures),
        theirs: &Deliveries,
        outcomes: &[Outcome],
    ) -> Self {
        let stayed = outcomes
            .iter()
            .filter(|outcome| outcome.stayed && outcome.role == Role::Slow);
        let catch_up = figures.times(Time::CatchUp);
        Self {
            members: cast.slow(),
            cut_off: figures.counts(Counts::CutOff),
            caught_up: if theirs.lost == 0 {
                stayed.count() as u64
            } else {
                0
            },
            delivered: live.delivered_to_slow.get(),
            owed: theirs.owed,
            lost: theirs.lost,
            catch_up_ms: Quantiles::of(catch_up),
        }
    }
}

/// A quiet organization alone and beside a noisy one. `ackMs` and `deliveryMs` of the report are of the
/// time alone.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tenants {
    /// Of the quiet one beside the noisy one.
    pub beside_ack_ms: Quantiles,
    /// Of the quiet one beside the noisy one.
    pub beside_delivery_ms: Quantiles,
    /// The quiet one's p99 of deliveries beside the noisy one, divided by that alone.
    pub p99_ratio: Option<f64>,
    /// Messages that the noisy one sent.
    pub noisy_sent: u64,
    /// Of them acked.
    pub noisy_acked: u64,
    /// Of them refused, by event and code.
    pub noisy_refused: BTreeMap<String, u64>,
    /// Of what the noisy one got acked.
    pub noisy_ack_ms: Quantiles,
    /// Of what the noisy one got acked.
    pub noisy_delivery_ms: Quantiles,
}

impl Tenants {
    /// Of a scenario that has two.
    pub(super) fn new(cast: &Cast, live: &Live, figures: &Figures) -> Option<Self> {
        cast.choirs.iter().find(|choir| choir.is_noisy)?;
        let quantiles = |time| Quantiles::of(figures.times(time));
        let (alone, beside) = (quantiles(Time::Delivery), quantiles(Time::DeliveryBeside));
        Some(Self {
            beside_ack_ms: quantiles(Time::AckBeside),
            beside_delivery_ms: beside,
            p99_ratio: (alone.p99 > 0.0 && beside.count > 0).then(|| beside.p99 / alone.p99),
            noisy_sent: live.noisy_sent.get(),
            noisy_acked: live.noisy_acked.get(),
            noisy_refused: figures.counts(Counts::RefusedNoisy),
            noisy_ack_ms: quantiles(Time::AckNoisy),
            noisy_delivery_ms: quantiles(Time::DeliveryNoisy),
        })
    }
}

/// How old messages were read.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// Pages that were asked for.
    pub asked: u64,
    /// Pages that came.
    pub pages: u64,
    /// Messages in them.
    pub messages: u64,
    /// Pages that lacked a message, or had them in another order or place.
    pub wrong: u64,
    /// Pages a second, of those due in the measured time.
    pub pages_per_second: f64,
    /// From when a page was due to its messages.
    pub page_ms: Quantiles,
}

impl History {
    pub(super) fn new(live: &Live, figures: &Figures, seconds: f64) -> Self {
        Self {
            asked: live.pages_asked.get(),
            pages: live.pages.get(),
            messages: live.paged_messages.get(),
            wrong: live.wrong_pages.get(),
            pages_per_second: rate(live.measured_pages.get(), seconds),
            page_ms: Quantiles::of(figures.times(Time::Page)),
        }
    }
}
