//! The process's metrics, rendered for Prometheus.

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::describe::{METRICS, MetricInfo, MetricKind};
use crate::{TelemetryError, names};

/// The `Content-Type` of [`Metrics::render`].
pub const METRICS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How often to call [`Metrics::run_upkeep`].
pub const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Seconds, 0.1 ms to 10 s: from a write to a local socket to a database that is in trouble.
const SECONDS: [f64; 16] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// Rows in a transaction.
const BATCH: [f64; 11] = [
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0,
];

/// Counters with labels of which alerts watch the increase, and that may grow by many at once.
const BURSTS: [(&str, &str, &str); 2] = [
    (names::DEAD_LETTERS_TOTAL, "kind", "queue"),
    (names::QUEUED_EVENTS_TOTAL, "result", "dropped"),
];

/// The process's metrics.
#[derive(Debug, Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// All metrics in Prometheus' text format, for `/metrics`.
    pub fn render(&self) -> String {
        metrics_process::Collector::default().collect();
        self.0.render()
    }

    /// Every metric as it is now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::read(&self.render())
    }

    /// Folds the observations since the last call into the histograms. Without it they would pile
    /// up in memory while nobody scrapes.
    pub fn run_upkeep(&self) {
        self.0.run_upkeep();
    }
}

/// The metrics of one moment, for whoever counts with them. Buckets are not among them.
#[derive(Debug, Clone, Default)]
pub struct Snapshot(Vec<(String, f64)>);

impl Snapshot {
    /// Reads what [`Metrics::render`] writes.
    pub fn read(rendered: &str) -> Self {
        let series = rendered.lines().filter(|line| !line.starts_with('#'));
        let series = series.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            let is_bucket = name.contains("_bucket{");
            (!is_bucket).then_some((name.to_owned(), value.parse().ok()?))
        });
        Self(series.collect())
    }

    /// A metric, over all of its labels; 0 for one that nobody has touched.
    pub fn sum(&self, name: &str) -> f64 {
        let those = self.0.iter().filter(|(series, _)| {
            let labels = series.strip_prefix(name);
            labels.is_some_and(|labels| labels.is_empty() || labels.starts_with('{'))
        });
        those.map(|(_, value)| value).sum()
    }

    /// A metric where a label has this value.
    pub fn sum_of(&self, name: &str, (label, value): (&str, &str)) -> f64 {
        let wanted = format!("{label}=\"{value}\"");
        let has = |labels: &str| {
            labels
                .trim_matches(['{', '}'])
                .split(',')
                .any(|one| one == wanted)
        };
        let those = self.0.iter().filter(|(series, _)| {
            let labels = series.strip_prefix(name);
            labels.is_some_and(|labels| labels.starts_with('{') && has(labels))
        });
        those.map(|(_, value)| value).sum()
    }
}

/// Installs the process's recorder for the `metrics` macros and describes every metric to it. Fails
/// when called a second time. Somebody has to call [`Metrics::run_upkeep`] every
/// [`UPKEEP_INTERVAL`].
pub fn install_metrics() -> Result<Metrics, TelemetryError> {
    let handle = builder()?.install_recorder()?;
    describe_all();
    begin_at_zero();
    metrics_process::Collector::default().describe();
    Ok(Metrics(handle))
}

/// Says what is running.
pub fn set_build_info(version: &str, commit: &str) {
    let labels = [
        ("version", version.to_owned()),
        ("commit", commit.to_owned()),
    ];
    metrics::gauge!(names::BUILD_INFO, &labels).set(1.0);
}

fn builder() -> Result<PrometheusBuilder, TelemetryError> {
    Ok(PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full(names::STORE_BATCH_SIZE.to_owned()), &BATCH)?)
}

/// To Prometheus a counter that appears with its first hundred events has not grown: no alert would
/// be told of them. Those whose labels are known beforehand are there from the start.
fn begin_at_zero() {
    let plain = |metric: &&MetricInfo| {
        matches!(metric.kind, MetricKind::Counter) && metric.labels.is_empty()
    };
    for metric in METRICS.iter().filter(plain) {
        metrics::counter!(metric.name).increment(0);
    }
    for (name, label, value) in BURSTS {
        metrics::counter!(name, label => value).increment(0);
    }
}

fn describe_all() {
    for metric in METRICS {
        match metric.kind {
            MetricKind::Counter => metrics::describe_counter!(metric.name, metric.doc),
            MetricKind::Gauge => metrics::describe_gauge!(metric.name, metric.doc),
            MetricKind::Histogram => metrics::describe_histogram!(metric.name, metric.doc),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `act` with a recorder of its own and returns what Prometheus would see.
    fn scraped(act: impl FnOnce()) -> String {
        let recorder = builder().unwrap().build_recorder();
        let metrics = Metrics(recorder.handle());
        metrics::with_local_recorder(&recorder, || {
            describe_all();
            act();
        });
        metrics.run_upkeep();
        metrics.render()
    }

    #[test]
    fn a_counter_is_rendered_with_its_help_and_labels() {
        let text =
            scraped(|| metrics::counter!(names::CONNECTS_TOTAL, "result" => "ok").increment(2));
        assert!(
            text.contains("# HELP switchboard_connects_total Attempts to connect"),
            "{text}"
        );
        assert!(
            text.contains("# TYPE switchboard_connects_total counter"),
            "{text}"
        );
        assert!(
            text.contains("switchboard_connects_total{result=\"ok\"} 2"),
            "{text}"
        );
    }

    #[test]
    fn a_snapshot_sums_up_what_was_rendered() {
        let text = scraped(|| {
            metrics::counter!(names::CONNECTS_TOTAL, "result" => "ok").increment(2);
            metrics::counter!(names::CONNECTS_TOTAL, "result" => "FORBIDDEN").increment(3);
            metrics::gauge!(names::CONNECTIONS, "transport" => "websocket", "namespace" => "/")
                .set(4.0);
            metrics::histogram!(names::STORE_DURATION_SECONDS, "operation" => "append").record(0.5);
        });
        let seen = Snapshot::read(&text);
        let near = |one: f64, other: f64| (one - other).abs() < 1e-9;
        assert!(near(seen.sum(names::CONNECTS_TOTAL), 5.0));
        assert!(near(
            seen.sum_of(names::CONNECTS_TOTAL, ("result", "ok")),
            2.0
        ));
        assert!(near(
            seen.sum_of(names::CONNECTIONS, ("namespace", "/")),
            4.0
        ));
        assert!(near(
            seen.sum("switchboard_store_duration_seconds_count"),
            1.0
        ));
        assert!(near(
            seen.sum("switchboard_store_duration_seconds_sum"),
            0.5
        ));
        assert!(
            near(seen.sum("switchboard_connect"), 0.0),
            "not a part of a name"
        );
    }

    #[test]
    fn durations_have_buckets_from_a_tenth_of_a_millisecond_to_ten_seconds() {
        let text = scraped(|| {
            let seen = metrics::histogram!(names::FANOUT_LATENCY_SECONDS);
            for seconds in [0.0001, 0.000_11, 10.0, 10.1] {
                seen.record(seconds);
            }
        });
        let count = |bucket: &str, count: u32| {
            let line =
                format!("switchboard_fanout_latency_seconds_bucket{{le=\"{bucket}\"}} {count}\n");
            assert!(text.contains(&line), "{line} is missing in {text}");
        };
        count("0.0001", 1);
        count("0.00025", 2);
        count("10", 3);
        count("+Inf", 4);
    }

    #[test]
    fn what_may_come_in_a_burst_is_counted_from_zero() {
        let text = scraped(begin_at_zero);
        for line in [
            "switchboard_unread_drift_total 0\n",
            "switchboard_presence_records_lost_total 0\n",
            "switchboard_dead_letters_total{kind=\"queue\"} 0\n",
            "switchboard_queued_events_total{result=\"dropped\"} 0\n",
        ] {
            assert!(text.contains(line), "{line} is missing in {text}");
        }
    }

    #[test]
    fn batches_have_buckets_from_1_to_1024() {
        let text = scraped(|| {
            let seen = metrics::histogram!(names::STORE_BATCH_SIZE);
            for rows in [1.0, 2.0, 1024.0, 1025.0] {
                seen.record(rows);
            }
        });
        for line in [
            "{le=\"1\"} 1\n",
            "{le=\"2\"} 2\n",
            "{le=\"1024\"} 3\n",
            "{le=\"+Inf\"} 4\n",
        ] {
            let line = format!("switchboard_store_batch_size_bucket{line}");
            assert!(text.contains(&line), "{line} is missing in {text}");
        }
    }

    #[test]
    fn every_histogram_has_buckets() {
        for metric in METRICS
            .iter()
            .filter(|metric| metric.kind == MetricKind::Histogram)
        {
            let text = scraped(|| metrics::histogram!(metric.name).record(1.0));
            assert!(
                text.contains("_bucket{le="),
                "{} is a summary: {text}",
                metric.name
            );
        }
    }

    #[test]
    fn the_build_is_told_by_labels() {
        let text = scraped(|| set_build_info("1.2.3", "abc"));
        assert!(text.contains("version=\"1.2.3\""), "{text}");
        assert!(text.contains("commit=\"abc\""), "{text}");
    }

    #[test]
    fn names_follow_the_conventions_of_prometheus_and_are_unique() {
        for (index, metric) in METRICS.iter().enumerate() {
            let name = metric.name;
            assert!(name.starts_with("switchboard_"), "{name}");
            assert_eq!(
                name.ends_with("_total"),
                metric.kind == MetricKind::Counter,
                "{name}"
            );
            assert!(
                METRICS[..index].iter().all(|other| other.name != name),
                "{name} twice"
            );
        }
    }
}
