//! Many come at once.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;

use crate::support::{Cluster, Gate, Node};

/// Sockets that come in at a time.
const AT_ONCE: usize = 32;
/// Longer than what nobody waits for takes.
const A_WHILE: Duration = Duration::from_millis(200);

async fn until_so_many_come_in(node: &Node, gate: &Gate) {
    while node.store.calls("heads_of") < AT_ONCE {
        gate.reached().await;
    }
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(node.store.calls("heads_of"), AT_ONCE);
}

#[tokio::test]
async fn thirty_two_come_in_at_a_time_and_the_next_one_after_them() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    let reading = node.store.gate("heads_of");
    let names: Vec<_> = (0..=AT_ONCE).map(|n| format!("u{n}")).collect();
    let coming = join_all(names.iter().map(|name| node.connect(name)));
    let opening = async {
        until_so_many_come_in(node, &reading).await;
        reading.open();
    };
    let (clients, ()) = tokio::join!(coming, opening);
    assert_eq!(clients.len(), AT_ONCE + 1);
    // The others are told of each without their conversations being read once more.
    assert_eq!(node.store.calls("heads_of"), AT_ONCE + 1);
}

#[tokio::test]
async fn nothing_is_done_for_whoever_went_away_while_waiting() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    let reading = node.store.gate("heads_of");
    let names: Vec<_> = (0..AT_ONCE).map(|n| format!("u{n}")).collect();
    let coming = join_all(names.iter().map(|name| node.connect(name)));
    let opening = async {
        until_so_many_come_in(node, &reading).await;
        let impatient = tokio::time::timeout(A_WHILE, node.connect("ann")).await;
        assert!(impatient.is_err());
        tokio::time::sleep(A_WHILE).await;
        reading.open();
    };
    let (clients, ()) = tokio::join!(coming, opening);
    // Whoever comes now comes after her.
    drop((clients, node.connect("ben").await));
    assert_eq!(node.store.calls("heads_of"), AT_ONCE + 1);
}

#[tokio::test]
async fn where_the_order_stands_is_asked_for_rooms_and_not_for_users() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    let alice = node.connect("alice").await;
    let asked = || node.hub.standings.load(Ordering::SeqCst);
    let before = asked();
    assert!(before > 0);
    let mut others = Vec::new();
    for n in 0..5 {
        others.push(node.connect(&format!("u{n}")).await);
    }
    // A look that every node takes now and then may come in between.
    assert!(asked() <= before + 1, "{before}, then {}", asked());
    let before = asked();
    alice.group(&["u1"]).await;
    while asked() == before {
        tokio::time::sleep(A_WHILE / 10).await;
    }
}
