//! Payloads of `monitoring:*`.

use super::{Call, Decoded, Fields, limit};
use crate::fields::Word;
use crate::objects::ConnectionEventType;

/// `monitoring:events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitoringEvents {
    pub limit: i64,
    /// Only those of this kind.
    pub kind: Option<ConnectionEventType>,
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
    let kind = fields.optional(&["type"], &Word::<ConnectionEventType>::ANY);
    fields.done(|| Some(Call::MonitoringEvents(MonitoringEvents { limit, kind })))
}
