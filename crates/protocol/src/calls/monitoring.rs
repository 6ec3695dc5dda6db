//! Payloads of `monitoring:*`.

use super::{Call, Decoded, Fields, Text, limit};

/// Longest name of a kind of connection event, in characters.
const MAX_TYPE: usize = 64;

/// `monitoring:events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitoringEvents {
    pub limit: i64,
    /// Only those of this kind.
    pub kind: Option<String>,
}

pub(super) fn nothing_metrics(fields: Fields<'_>) -> Decoded {
    fields.done(|| Some(Call::MonitoringMetrics))
}

pub(super) fn nothing_stats(fields: Fields<'_>) -> Decoded {
    fields.done(|| Some(Call::MonitoringStats))
}

pub(super) fn nothing_health(fields: Fields<'_>) -> Decoded {
    fields.done(|| Some(Call::MonitoringHealth))
}

pub(super) fn events(mut fields: Fields<'_>) -> Decoded {
    let limit = limit(&mut fields);
    let kind = fields.optional(&["type"], &Text(MAX_TYPE));
    fields.done(|| Some(Call::MonitoringEvents(MonitoringEvents { limit, kind })))
}
