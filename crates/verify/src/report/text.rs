//! The report for people, who may read it at night: what matters first.

use std::collections::BTreeMap;
use std::fmt;

use super::{Connections, Delivery, Report, Sending, Spread};
use crate::checks::defect::Kind;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        verdict(self, f)?;
        writeln!(f)?;
        shape(self, f)?;
        writeln!(
            f,
            "  messages      {} sent, {} acked, {} lost, {} duplicated, {} reordered",
            self.sent, self.acked, self.lost, self.duplicated, self.reordered
        )?;
        sending(&self.sending, f)?;
        delivery(&self.delivery, f)?;
        connections(&self.connections, f)?;
        if !self.errors.is_empty() {
            writeln!(f, "  errors        {}", counts(&self.errors))?;
        }
        Ok(())
    }
}

fn verdict(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if report.kept {
        return writeln!(f, "KEPT: every promise was kept");
    }
    if report.acked == 0 {
        writeln!(f, "BROKEN: nothing was acked, so nothing could be verified")?;
    }
    for kind in Kind::ALL {
        let count = report.defects.get(kind.name()).copied().unwrap_or(0);
        if count == 0 {
            continue;
        }
        writeln!(f, "BROKEN: {count} {}: {}", kind.name(), kind.says())?;
        for example in report
            .examples
            .iter()
            .filter(|example| example.kind == *kind)
        {
            write!(f, "    conversation {}", example.conversation)?;
            if example.rev > 0 {
                write!(f, ", rev {}", example.rev)?;
            }
            if let Some(user) = &example.user {
                write!(f, ", user {user}")?;
            }
            if let Some(node) = &example.node {
                write!(f, ", node {node}")?;
            }
            writeln!(
                f,
                ", {:.1} s after the first send",
                example.at_ms as f64 / 1000.0
            )?;
        }
    }
    Ok(())
}

fn shape(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let shape = &report.shape;
    let ended = if shape.interrupted {
        ", ended early"
    } else {
        ""
    };
    writeln!(
        f,
        "  run           {} (seed {}) on {}",
        shape.run,
        shape.seed,
        shape.urls.join(", ")
    )?;
    writeln!(
        f,
        "  shape         {} clients, {} conversations, {} organizations, {} sends/s for {} s{ended}",
        shape.clients,
        shape.conversations,
        shape.organizations,
        shape.rate,
        shape.duration_ms / 1000
    )
}

fn sending(sending: &Sending, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(
        f,
        "  sending       {} attempts, {} retried, {} unacked, {} refused, {} skipped",
        sending.attempts, sending.retried, sending.unacked, sending.refused, sending.skipped
    )?;
    writeln!(
        f,
        "                {:.3} % acked within one retry; {} ms without any ack at worst",
        sending.availability * 100.0,
        sending.longest_silence_ms
    )?;
    writeln!(f, "  due to ack    {}", sending.ack_ms)
}

fn delivery(delivery: &Delivery, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(
        f,
        "  delivery      {} events, {} read back, {} overlapped that, {} own",
        delivery.delivered, delivery.read_back, delivery.overlap, delivery.own_events
    )?;
    writeln!(f, "  same node     {}", delivery.same_node_ms)?;
    writeln!(f, "  other node    {}", delivery.other_node_ms)
}

fn connections(connections: &Connections, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(
        f,
        "  connections   {} connects, {} disconnects, {} recovered, {} not recovered",
        connections.connects,
        connections.disconnects,
        connections.recovered,
        connections.not_recovered
    )?;
    for (title, words) in [
        ("disconnects ", &connections.disconnect_reasons),
        ("not recovered", &connections.recovery_failures),
        ("failed to connect", &connections.failed_connects),
        ("connects by node", &connections.nodes),
    ] {
        if !words.is_empty() {
            writeln!(f, "                {}: {}", title.trim_end(), counts(words))?;
        }
    }
    if connections.disagreements > 0 {
        writeln!(
            f,
            "                session:ready and socket.recovered differed {} times",
            connections.disagreements
        )?;
    }
    writeln!(f, "  offline       {}", connections.offline_ms)
}

fn counts(counts: &BTreeMap<String, u64>) -> String {
    let words: Vec<String> = counts
        .iter()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    words.join(", ")
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count == 0 {
            return f.write_str("none");
        }
        write!(
            f,
            "p50 {} ms, p99 {} ms, max {} ms, of {}",
            self.p50, self.p99, self.max, self.count
        )
    }
}
