//! Figures of the bus.

use switchboard_protocol::DeliveryClass;

/// Counts a publish: `switchboard_publishes_total{class,result}`.
pub(crate) fn published(class: DeliveryClass, is_ok: bool) {
    let result = if is_ok { "ok" } else { "error" };
    metrics::counter!("switchboard_publishes_total", "class" => class.as_str(), "result" => result)
        .increment(1);
}

/// Counts events of other nodes that were lost between the connection and the queue.
pub(crate) fn lagged(events: u64) {
    metrics::counter!("switchboard_bus_lagged_total").increment(events);
}

/// Whether Redis answers.
pub(crate) fn redis_up(up: bool) {
    metrics::gauge!("switchboard_redis_up").set(if up { 1.0 } else { 0.0 });
}
