//! How a node is doing, for the others: from its own metrics, over the last minute.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use switchboard_protocol::answers::NodeFigures;
use switchboard_telemetry::{Snapshot, names};

/// What *per minute* looks back at.
const MINUTE: Duration = Duration::from_mins(1);

/// Looks at the metrics again and again, and remembers those of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Figures(Mutex<VecDeque<(Instant, Counts)>>);

/// Metrics that only grow.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    events: f64,
    messages: f64,
    deliveries: f64,
    connects: f64,
    refused: f64,
    auth_failures: f64,
    limited_connections: f64,
    recoveries: f64,
    recovery_failures: f64,
    rate_limited: f64,
    shed: f64,
    slow_consumers: f64,
    store_seconds: f64,
    store_operations: f64,
}

impl Counts {
    fn of(metrics: &Snapshot) -> Self {
        let connects = metrics.sum_of(names::CONNECTS_TOTAL, ("result", "ok"));
        let recoveries = metrics.sum_of(names::RECOVERIES_TOTAL, ("result", "recovered"));
        let store = |what: &str| metrics.sum(&format!("{}{what}", names::STORE_DURATION_SECONDS));
        Self {
            events: metrics.sum(names::EVENTS_RECEIVED_TOTAL),
            messages: metrics.sum(names::MESSAGES_STORED_TOTAL),
            deliveries: metrics.sum(names::FANOUT_DELIVERIES_TOTAL),
            connects,
            refused: metrics.sum(names::CONNECTS_TOTAL) - connects,
            auth_failures: metrics.sum(names::AUTH_FAILURES_TOTAL),
            limited_connections: metrics.sum(names::CONNECTIONS_REFUSED_TOTAL),
            recoveries,
            recovery_failures: metrics.sum(names::RECOVERIES_TOTAL) - recoveries,
            rate_limited: metrics.sum(names::RATE_LIMITED_TOTAL),
            shed: metrics.sum(names::SHED_TOTAL),
            slow_consumers: metrics.sum(names::SLOW_CONSUMERS_TOTAL),
            store_seconds: store("_sum"),
            store_operations: store("_count"),
        }
    }
}

impl Figures {
    /// The figures now. What is no metric is left to the caller.
    pub(crate) fn look(&self, metrics: &Snapshot, now: Instant) -> NodeFigures {
        let counts = Counts::of(metrics);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while seen.len() > 1 && seen.front().is_some_and(|(at, _)| now - *at > MINUTE) {
            seen.pop_front();
        }
        seen.push_back((now, counts));
        let (since, before) = seen.front().copied().unwrap_or((now, counts));
        drop(seen);
        let seconds = (now - since).as_secs_f64().max(1.0);
        let more = |of: fn(&Counts) -> f64| (of(&counts) - of(&before)).max(0.0);
        let per_second = |of| (more(of) / seconds * 10.0).round() / 10.0;
        let many = |of| more(of) as i64;
        let gauge = |name| metrics.sum(name) as i64;
        let operations = more(|it| it.store_operations);
        NodeFigures {
            events_per_second: per_second(|it| it.events),
            messages_per_second: per_second(|it| it.messages),
            deliveries_per_second: per_second(|it| it.deliveries),
            events_total: counts.events as i64,
            messages_total: counts.messages as i64,
            connects_per_minute: many(|it| it.connects),
            refused_per_minute: many(|it| it.refused),
            auth_failures_per_minute: many(|it| it.auth_failures),
            limited_connections_per_minute: many(|it| it.limited_connections),
            recoveries_per_minute: many(|it| it.recoveries),
            recovery_failures_per_minute: many(|it| it.recovery_failures),
            rate_limited_per_minute: many(|it| it.rate_limited),
            shed_per_minute: many(|it| it.shed),
            slow_consumers_per_minute: many(|it| it.slow_consumers),
            store_ms: (more(|it| it.store_seconds) / operations.max(1.0) * 10_000.0).round() / 10.0,
            send_queue_bytes: gauge(names::SEND_QUEUE_BYTES),
            memory_bytes: gauge("process_resident_memory_bytes"),
            open_files: gauge("process_open_fds"),
            max_files: gauge("process_max_fds"),
            ..NodeFigures::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(events: u32, refused: u32, seconds: f64) -> Snapshot {
        Snapshot::read(&format!(
            "# HELP switchboard_connects_total Attempts\n\
             switchboard_connects_total{{result=\"ok\"}} 7\n\
             switchboard_connects_total{{result=\"FORBIDDEN\"}} {refused}\n\
             switchboard_events_received_total{{event=\"message:send\"}} {events}\n\
             switchboard_store_duration_seconds_sum{{operation=\"append\"}} {seconds}\n\
             switchboard_store_duration_seconds_count{{operation=\"append\"}} {events}\n\
             process_open_fds 12\n"
        ))
    }

    #[test]
    fn figures_are_of_the_last_minute() {
        let figures = Figures::default();
        let begin = Instant::now();
        let first = figures.look(&metrics(100, 1, 0.0), begin);
        assert_eq!((first.events_total, first.refused_per_minute), (100, 0));
        let later = figures.look(&metrics(130, 4, 0.3), begin + MINUTE / 2);
        assert!((later.events_per_second - 1.0).abs() < 0.01, "{later:?}");
        assert_eq!((later.refused_per_minute, later.open_files), (3, 12));
        assert!((later.store_ms - 10.0).abs() < 0.01, "{later:?}");
        let last = figures.look(&metrics(130, 5, 0.3), begin + MINUTE * 3 / 2);
        assert_eq!((last.refused_per_minute, last.events_per_second), (1, 0.0));
    }
}
