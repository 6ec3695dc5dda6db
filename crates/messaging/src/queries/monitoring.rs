//! `monitoring:metrics`, `monitoring:events` and `monitoring:stats`: the cluster for operators. Figures
//! are of the whole cluster; what names users or addresses is of the operator's own organization.

use std::cmp::Reverse;
use std::collections::HashMap;

use switchboard_protocol::ErrorObject;
use switchboard_protocol::answers::{
    ConnectionCounts, ConnectionEvent, MonitoringEvents, MonitoringMetrics, MonitoringStats,
    NodeFigures, NodeMetrics,
};
use switchboard_protocol::calls;
use switchboard_protocol::objects::ConnectionEventType;

use crate::actor::Caller;
use crate::hub::CONNECTION_EVENTS;
use crate::pipeline::{Messaging, Outcome};

/// Addresses and kinds of programs that are told one by one.
const MOST_NAMES: usize = 20;
/// The name of all others together.
const OTHER: &str = "other";

pub(crate) async fn metrics(app: &Messaging) -> Result<Outcome, ErrorObject> {
    let mut nodes = app.hub.nodes().await?;
    nodes.sort_by(|one, other| one.id.cmp(&other.id));
    let totals = totals(nodes.iter().map(|node| &node.figures));
    let nodes = nodes.into_iter().map(|node| NodeMetrics {
        node_id: node.id,
        version: node.version,
        started_at: node.started_at,
        figures: node.figures,
    });
    Outcome::of(&MonitoringMetrics {
        at: app.clock.now(),
        nodes: nodes.collect(),
        totals,
    })
}

pub(crate) async fn events(
    app: &Messaging,
    caller: &Caller,
    input: calls::MonitoringEvents,
) -> Result<Outcome, ErrorObject> {
    let limit = usize::try_from(input.limit).unwrap_or(usize::MAX);
    let organization = &caller.viewer().organization;
    let events = app
        .hub
        .connection_events(organization, CONNECTION_EVENTS)
        .await?;
    let events = newest(events, input.kind, limit);
    Outcome::of(&MonitoringEvents { events })
}

/// The newest of a kind, newest first: nodes note what happens a little later, some at a time.
fn newest(
    mut events: Vec<ConnectionEvent>,
    kind: Option<ConnectionEventType>,
    limit: usize,
) -> Vec<ConnectionEvent> {
    events.retain(|event| kind.is_none_or(|kind| event.kind == kind));
    events.sort_by_key(|event| Reverse(event.at));
    events.truncate(limit);
    events
}

pub(crate) async fn stats(app: &Messaging, caller: &Caller) -> Result<Outcome, ErrorObject> {
    let organization = &caller.viewer().organization;
    let events = app
        .hub
        .connection_events(organization, CONNECTION_EVENTS)
        .await?;
    let address = |event: &ConnectionEvent| event.address.clone().unwrap_or_default();
    Outcome::of(&MonitoringStats {
        since: events.iter().map(|event| event.at).min(),
        events: events.len() as i64,
        by_address: counted(&events, address),
        by_user_agent: counted(&events, |event| event.user_agent.clone()),
    })
}

/// Counts events by a name of theirs.
fn counted(
    events: &[ConnectionEvent],
    name: impl Fn(&ConnectionEvent) -> String,
) -> Vec<ConnectionCounts> {
    let mut by_name: HashMap<String, ConnectionCounts> = HashMap::new();
    for event in events {
        let counts = by_name.entry(name(event)).or_default();
        match event.kind {
            ConnectionEventType::Connected => counts.connected += 1,
            ConnectionEventType::Disconnected => counts.disconnected += 1,
            ConnectionEventType::Refused => counts.refused += 1,
        }
    }
    let named = by_name
        .into_iter()
        .map(|(name, counts)| ConnectionCounts { name, ..counts });
    let mut all: Vec<ConnectionCounts> = named.collect();
    let sum = |counts: &ConnectionCounts| counts.connected + counts.disconnected + counts.refused;
    all.sort_by(|one, other| sum(other).cmp(&sum(one)).then(one.name.cmp(&other.name)));
    let rest = all.split_off(all.len().min(MOST_NAMES));
    if !rest.is_empty() {
        all.push(ConnectionCounts {
            name: OTHER.to_owned(),
            connected: rest.iter().map(|counts| counts.connected).sum(),
            disconnected: rest.iter().map(|counts| counts.disconnected).sum(),
            refused: rest.iter().map(|counts| counts.refused).sum(),
        });
    }
    all
}

/// Figures of several nodes together.
fn totals<'a>(nodes: impl Iterator<Item = &'a NodeFigures>) -> NodeFigures {
    let mut all = NodeFigures::default();
    for node in nodes {
        all.connections += node.connections;
        all.users += node.users;
        all.events_per_second += node.events_per_second;
        all.messages_per_second += node.messages_per_second;
        all.deliveries_per_second += node.deliveries_per_second;
        all.events_total += node.events_total;
        all.messages_total += node.messages_total;
        all.connects_per_minute += node.connects_per_minute;
        all.refused_per_minute += node.refused_per_minute;
        all.auth_failures_per_minute += node.auth_failures_per_minute;
        all.limited_connections_per_minute += node.limited_connections_per_minute;
        all.recoveries_per_minute += node.recoveries_per_minute;
        all.recovery_failures_per_minute += node.recovery_failures_per_minute;
        all.rate_limited_per_minute += node.rate_limited_per_minute;
        all.shed_per_minute += node.shed_per_minute;
        all.slow_consumers_per_minute += node.slow_consumers_per_minute;
        all.store_ms = all.store_ms.max(node.store_ms);
        all.send_queue_bytes += node.send_queue_bytes;
        all.memory_bytes += node.memory_bytes;
        all.open_files += node.open_files;
        all.max_files += node.max_files;
        all.without_database += node.without_database;
        all.without_redis += node.without_redis;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_protocol::{Timestamp, UserId};

    fn event(kind: ConnectionEventType, address: &str) -> ConnectionEvent {
        ConnectionEvent {
            kind,
            at: Timestamp::from_millis(1),
            node_id: "a".into(),
            user_id: UserId::new("ann").unwrap(),
            address: Some(address.into()),
            user_agent: "none".into(),
            reason: None,
        }
    }

    #[test]
    fn the_newest_come_first_whenever_a_node_noted_them() {
        let at = |millis: i64, kind| ConnectionEvent {
            at: Timestamp::from_millis(millis),
            ..event(kind, "here")
        };
        let (came, went) = (
            ConnectionEventType::Connected,
            ConnectionEventType::Disconnected,
        );
        let noted = vec![at(2, came), at(4, went), at(1, came), at(3, came)];
        let times = |kind, limit| -> Vec<i64> {
            let newest = newest(noted.clone(), kind, limit);
            newest.iter().map(|event| event.at.as_millis()).collect()
        };
        assert_eq!(times(None, 3), [4, 3, 2]);
        assert_eq!(times(Some(came), 2), [3, 2]);
    }

    #[test]
    fn so_many_names_are_told_one_by_one_and_the_others_together() {
        let of = |count: usize| {
            let mut events = vec![event(ConnectionEventType::Refused, "often"); 3];
            let others = (1..count).map(|n| event(ConnectionEventType::Connected, &n.to_string()));
            events.extend(others);
            counted(&events, |event| event.address.clone().unwrap())
        };
        let just = of(MOST_NAMES);
        assert_eq!(just.len(), MOST_NAMES);
        assert_eq!((just[0].name.as_str(), just[0].refused), ("often", 3));
        assert!(just.iter().all(|counts| counts.name != OTHER));
        let more = of(MOST_NAMES + 2);
        assert_eq!(more.len(), MOST_NAMES + 1);
        let last = more.last().unwrap();
        assert_eq!((last.name.as_str(), last.connected), (OTHER, 2));
    }

    #[test]
    fn figures_of_nodes_are_summed_up() {
        let node = NodeFigures {
            connections: 2,
            store_ms: 3.0,
            without_redis: 1,
            ..NodeFigures::default()
        };
        let all = totals([&node, &node].into_iter());
        assert_eq!((all.connections, all.without_redis), (4, 2));
        assert!((all.store_ms - 3.0).abs() < f64::EPSILON);
    }
}
