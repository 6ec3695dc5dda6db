//! What happened to connections lately.

use switchboard_messaging::hub::CONNECTION_EVENTS;
use switchboard_protocol::answers::ConnectionEvent;
use switchboard_protocol::objects::ConnectionEventType::{Connected, Disconnected};

use crate::harness::{Harness, Node, acme, alice, at, bob, globex};

/// At a time that is new enough for either hub.
fn event(number: usize) -> ConnectionEvent {
    ConnectionEvent {
        kind: if number.is_multiple_of(2) {
            Connected
        } else {
            Disconnected
        },
        at: at(1_000_000 + number as i64),
        node_id: "a".into(),
        user_id: if number.is_multiple_of(2) {
            alice()
        } else {
            bob()
        },
        address: Some("10.0.0.1".into()),
        user_agent: "Node.js".into(),
        reason: (!number.is_multiple_of(2)).then(|| "ping timeout".into()),
    }
}

async fn newest(node: &Node, limit: usize) -> Vec<ConnectionEvent> {
    node.hub.connection_events(&acme(), limit).await.unwrap()
}

async fn log(node: &Node, numbers: std::ops::Range<usize>) {
    let events: Vec<_> = numbers.map(event).collect();
    node.hub.log_connections(&acme(), &events).await.unwrap();
}

pub(crate) async fn events_are_kept_for_all_nodes_of_the_organization_the_newest_first(
    cluster: &impl Harness,
) {
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    assert_eq!(newest(&a, 10).await, []);
    log(&a, 0..0).await;
    log(&a, 0..2).await;
    log(&b, 2..4).await;
    assert_eq!(newest(&a, 10).await, [3, 2, 1, 0].map(event));
    assert_eq!(newest(&b, 1).await, [event(3)]);
    assert_eq!(newest(&b, 0).await, []);
    let elsewhere = a.hub.connection_events(&globex(), 10).await.unwrap();
    assert_eq!(elsewhere, []);
}

pub(crate) async fn so_many_events_are_kept_and_not_one_more(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    log(&a, 0..CONNECTION_EVENTS).await;
    assert_eq!(
        newest(&a, CONNECTION_EVENTS * 2).await.len(),
        CONNECTION_EVENTS
    );
    let more = CONNECTION_EVENTS + 1;
    log(&a, CONNECTION_EVENTS..more).await;
    let kept = newest(&a, CONNECTION_EVENTS * 2).await;
    assert_eq!(kept.len(), CONNECTION_EVENTS);
    assert_eq!(
        (&kept[0], kept.last()),
        (&event(CONNECTION_EVENTS), Some(&event(1)))
    );
    // More at once than are kept.
    log(&a, 0..more + 5).await;
    let kept = newest(&a, CONNECTION_EVENTS * 2).await;
    assert_eq!(
        (kept.len(), &kept[0]),
        (CONNECTION_EVENTS, &event(more + 4))
    );
}
