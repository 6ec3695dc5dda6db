//! The rows of single scenarios.

use super::Table;
use crate::report::{Presence, Quantiles, Report, Slow, Storm, Tenants};

pub(super) fn rows(table: &mut Table, report: &Report) {
    if let Some(storm) = &report.storm {
        storm_rows(table, storm);
    }
    if let Some(presence) = &report.presence {
        presence_rows(table, presence);
    }
    if let Some(slow) = &report.slow {
        slow_rows(table, slow);
    }
    if let Some(tenants) = &report.tenants {
        tenants_rows(table, tenants);
    }
    if let Some(it) = &report.history {
        let row = format!(
            "{} of {} asked for ({:.1}/s), {} messages, {} wrong",
            it.pages, it.asked, it.pages_per_second, it.messages, it.wrong
        );
        table.row("pages", &row);
    }
}

fn storm_rows(table: &mut Table, it: &Storm) {
    let all = it.all_back_ms.map_or_else(
        || "not all".to_owned(),
        |ms| format!("all after {:.2} s", ms / 1000.0),
    );
    let row = format!(
        "{} of {} cut, {all}; {} recovered, {} messages read",
        it.back, it.cut, it.recovered, it.messages_read
    );
    table.row("back", &row);
    table.counts("  not recovered", &it.not_recovered);
    table.row("attempts", &it.attempts.to_string());
    table.counts("  turned away", &it.turned_away);
    if it.longest_refusal_ms > 0.0 {
        let seconds = it.longest_refusal_ms / 1000.0;
        table.row("  longest", &format!("{seconds:.2} s"));
    }
}

fn presence_rows(table: &mut Table, it: &Presence) {
    let row = format!(
        "{} of status ({} skipped), {} left, {} came back",
        it.changes, it.skipped, it.left, it.came
    );
    table.row("changes", &row);
    let row = format!(
        "{} in {} events ({:.1}/s); of {} last states {} unknown",
        it.heard, it.events, it.heard_per_second, it.last_states, it.unknown
    );
    table.row("heard", &row);
}

fn slow_rows(table: &mut Table, it: &Slow) {
    let row = format!(
        "{}, of which {} caught up; {} delivered, {} owed to those who stayed, {} lost",
        it.members, it.caught_up, it.delivered, it.owed, it.lost
    );
    table.row("slow", &row);
    table.counts("  cut off", &it.cut_off);
}

fn tenants_rows(table: &mut Table, it: &Tenants) {
    let row = format!("{} sent, {} acked", it.noisy_sent, it.noisy_acked);
    table.row("noisy", &row);
    table.counts("  refused", &it.noisy_refused);
    if let Some(ratio) = it.p99_ratio {
        let row = format!("{ratio:.2} times that alone");
        table.row("p99 beside", &row);
    }
}

/// The rows of distributions.
pub(super) fn latencies(report: &Report) -> Vec<(&'static str, &Quantiles)> {
    let mut rows: Vec<(&'static str, &Quantiles)> = Vec::new();
    if let Some(it) = &report.storm {
        rows.push(("  cut to back", &it.back_ms));
        rows.push(("  attempt to ready", &it.attempt_ms));
    }
    if let Some(it) = &report.presence {
        rows.push(("  due to told", &it.change_ms));
        rows.push(("  coming to told", &it.came_ms));
        rows.push(("  leaving to told", &it.gone_ms));
    }
    if let Some(it) = &report.slow {
        rows.push(("  reading to all", &it.catch_up_ms));
    }
    if let Some(it) = &report.tenants {
        rows.push(("  ack beside", &it.beside_ack_ms));
        rows.push(("  delivery beside", &it.beside_delivery_ms));
        rows.push(("  ack noisy", &it.noisy_ack_ms));
        rows.push(("  delivery noisy", &it.noisy_delivery_ms));
    }
    if let Some(it) = &report.history {
        rows.push(("  due to page", &it.page_ms));
    }
    rows
}
