//! The report as people read it.

mod parts;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Quantiles, Report};

/// The table. Every line is a row of `docs/loadtest.md`.
pub fn text(report: &Report) -> String {
    let mut table = Table::default();
    table.heading(&format!(
        "{} {}: {}",
        report.scenario.kind(),
        report.run,
        verdict(report)
    ));
    connections(&mut table, report);
    if report.messages.sent > 0 {
        messages(&mut table, report);
    }
    table.counts("refused", &report.messages.refused);
    parts::rows(&mut table, report);
    latencies(&mut table, report);
    servers(&mut table, report);
    table.0
}

fn verdict(report: &Report) -> &'static str {
    let all_stayed = report.connections.ended.is_empty()
        && report.connections.ready == u64::from(report.connections.asked);
    match (report.kept, report.complete) {
        (false, _) => "BROKEN: something was lost, doubled or out of order",
        _ if report.interrupted => "INTERRUPTED: what was measured until then",
        (true, false) if all_stayed && report.storm.is_none() => {
            "INCOMPLETE: calls were refused as too many (RATE_LIMITED)"
        }
        (true, false) => "INCOMPLETE: not everybody got in and stayed, or came back",
        (true, true) => "ok",
    }
}

fn connections(table: &mut Table, report: &Report) {
    let it = &report.connections;
    table.row("connections", &format!("{} of {}", it.ready, it.asked));
    table.counts("  failed", &it.failed);
    table.counts("  ended", &it.ended);
    table.row("measured", &format!("{:.1} s", report.measured_seconds));
}

fn messages(table: &mut Table, report: &Report) {
    let (it, came) = (&report.messages, &report.deliveries);
    table.row(
        "messages",
        &format!(
            "{} sent, {} acked ({:.1}/s), {} unanswered, {} unsent",
            it.sent, it.acked, it.acked_per_second, it.unanswered, it.unsent
        ),
    );
    table.row(
        "deliveries",
        &format!(
            "{} of {} owed ({:.1}/s)",
            came.delivered, came.owed, came.per_second
        ),
    );
    table.row(
        "broken",
        &format!(
            "{} lost, {} doubled, {} out of order",
            came.lost, came.doubled, came.out_of_order
        ),
    );
    let extras = &report.extras;
    if extras.receipts + extras.typing > 0 {
        table.row(
            "receipts, typing",
            &format!(
                "{} answered, {} heard; {} answered, {} heard",
                extras.receipts, extras.receipts_heard, extras.typing, extras.typing_heard
            ),
        );
    }
}

fn latencies(table: &mut Table, report: &Report) {
    table.row(
        "ms",
        "    count      mean       p50       p90       p99     p99.9       max",
    );
    let common = [
        ("  due to ready", &report.connect_ms),
        ("  due to ack", &report.ack_ms),
        ("  due to delivery", &report.delivery_ms),
        ("  due to written", &report.lag_ms),
    ];
    for (name, quantiles) in common.into_iter().chain(parts::latencies(report)) {
        if quantiles.count > 0 {
            table.quantiles(name, quantiles);
        }
    }
}

fn servers(table: &mut Table, report: &Report) {
    for server in &report.servers {
        let used = &server.used;
        table.row(
            &format!("process {}", server.pid),
            &format!(
                "CPU {:.2} s user, {:.2} s system; RSS {:.1} MiB before, {:.1} at start, {:.1} at end; {} waits, {} interruptions",
                used.user_seconds,
                used.system_seconds,
                mib(server.rss_before),
                mib(server.rss_start),
                mib(used.rss_bytes),
                used.voluntary_switches,
                used.involuntary_switches,
            ),
        );
    }
    for (name, value, unit) in [
        ("CPU per delivery", report.costs.cpu_us_per_delivery, "µs"),
        ("CPU per message", report.costs.cpu_us_per_message, "µs"),
        ("CPU per page", report.costs.cpu_us_per_page, "µs"),
        ("CPU per connect", report.costs.cpu_us_per_connect, "µs"),
        (
            "RSS per connection",
            report
                .costs
                .rss_bytes_per_connection
                .map(|bytes| bytes / 1024.0),
            "KiB",
        ),
    ] {
        if let Some(value) = value {
            table.row(name, &format!("{value:.1} {unit}"));
        }
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

#[derive(Debug, Default)]
struct Table(String);

impl Table {
    fn heading(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn row(&mut self, name: &str, text: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "  {name:<20} {text}");
    }

    fn counts(&mut self, name: &str, counts: &BTreeMap<String, u64>) {
        if !counts.is_empty() {
            let each = counts.iter().map(|(what, count)| format!("{count} {what}"));
            self.row(name, &each.collect::<Vec<_>>().join(", "));
        }
    }

    fn quantiles(&mut self, name: &str, it: &Quantiles) {
        let row = format!(
            "{:>9} {:>9.2} {:>9.2} {:>9.2} {:>9.2} {:>9.2} {:>9.2}",
            it.count, it.mean, it.p50, it.p90, it.p99, it.p999, it.max
        );
        self.row(name, &row);
    }
}
