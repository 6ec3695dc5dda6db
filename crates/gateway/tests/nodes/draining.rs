//! A node that ends answers what it was asked, says that it ends, and is done in time.

use std::time::Duration;

use serde_json::json;
use switchboard_testkit::client::{RawSocket, Refused, SocketClient};
use tokio::time::Instant;

use crate::support::{Client, Cluster, Node};

const SECOND: Duration = Duration::from_secs(1);
/// How long anything that must come may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_call_in_flight_is_answered_before_the_end() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    let mut alice = node.connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let storing = node.store.gate("append");
    let drain = async {
        storing.reached().await;
        let draining = node.drain_at_once(Duration::from_secs(10));
        let opening = async {
            tokio::task::yield_now().await;
            storing.open();
        };
        tokio::join!(draining, opening);
    };
    let call = json!({"conversationId": conversation, "content": "hello"});
    let (answer, ()) = tokio::join!(alice.call("message:send", call), drain);
    assert_eq!(answer["data"]["message"]["content"], "hello");
    alice.wait_for("server:draining").await;
    // A DISCONNECT packet would keep stock clients from coming back.
    assert_ne!(alice.wait_for_end().await, "io server disconnect");
}

#[tokio::test]
async fn calls_that_still_wait_their_turn_are_answered_before_the_end() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    let alice = node.connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let storing = node.store.gate("append");
    let call = json!({"conversationId": conversation, "content": "hello"});
    let calls: Vec<_> = (0..20)
        .map(|_| alice.call("message:send", call.clone()))
        .collect();
    let drain = async {
        storing.reached().await;
        let draining = node.drain_at_once(Duration::from_secs(10));
        let opening = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            storing.open();
        };
        tokio::join!(draining, opening);
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(calls), drain);
    for answer in answers {
        assert_eq!(answer["ok"], true, "{answer}");
    }
}

/// Connects so many, each another user.
async fn connect(node: &Node, count: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for index in 0..count {
        clients.push(node.connect(&format!("user{index}")).await);
    }
    clients
}

/// What a client was told of its end, by when it heard that, and when it ended; since `started`.
struct Gone {
    told: Vec<(Duration, Duration)>,
    ended: Duration,
}

async fn gone(mut client: Client, started: Instant) -> Gone {
    let mut told = Vec::new();
    while let Some(event) = client.next_event(PATIENCE).await {
        if event.name == "server:draining" {
            let wait = event.payload()["reconnectInMs"].as_u64().unwrap();
            told.push((started.elapsed(), Duration::from_millis(wait)));
        }
    }
    client.wait_for_end().await;
    let ended = started.elapsed();
    Gone { told, ended }
}

async fn all_gone(clients: Vec<Client>, started: Instant) -> Vec<Gone> {
    let all = clients.into_iter().map(|client| gone(client, started));
    futures_util::future::join_all(all).await
}

#[tokio::test]
async fn the_closes_are_spread_and_each_is_told_when() {
    // The other node does not drain.
    let cluster = Cluster::of(2).await;
    let node = cluster.node(1);
    node.says_that_it_drains().await;
    let clients = connect(node, 10).await;
    let started = Instant::now();
    let drain = node.drain(SECOND, 60 * SECOND, 70 * SECOND);
    let (all, ()) = tokio::join!(all_gone(clients, started), drain);
    let mut told: Vec<u128> = Vec::new();
    for gone in &all {
        let [(_, wait)] = gone.told[..] else {
            panic!("it was told {} times", gone.told.len())
        };
        assert!(gone.ended >= wait, "{wait:?} {:?}", gone.ended);
        told.push(wait.as_millis());
    }
    told.sort_unstable();
    assert_eq!(told, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
}

#[tokio::test]
async fn nodes_that_drain_together_send_away_no_more_a_second_than_one_alone() {
    let cluster = Cluster::of(3).await;
    let (one, two) = (cluster.node(1), cluster.node(2));
    let clients = (connect(one, 10).await, connect(two, 10).await);
    one.says_that_it_drains().await;
    two.says_that_it_drains().await;
    let started = Instant::now();
    let (one, two, ..) = tokio::join!(
        all_gone(clients.0, started),
        all_gone(clients.1, started),
        one.drain(SECOND, 4 * SECOND, 20 * SECOND),
        two.drain(SECOND, 4 * SECOND, 20 * SECOND),
    );
    let mut ends: Vec<Duration> = one.iter().chain(&two).map(|gone| gone.ended).collect();
    ends.sort_unstable();
    // The eleventh after each is more than a second later.
    for (first, last) in ends.iter().zip(&ends[10..]) {
        assert!(*last >= *first + SECOND, "{ends:?}");
    }
}

#[tokio::test]
async fn a_node_that_drains_goes_slower_when_another_one_begins_to_and_says_so() {
    let cluster = Cluster::of(2).await;
    let (one, two) = (cluster.node(1), cluster.node(2));
    let clients = connect(one, 20).await;
    one.says_that_it_drains().await;
    let started = Instant::now();
    let other = async {
        tokio::time::sleep(SECOND / 4).await;
        two.says_that_it_drains().await;
    };
    let drain = one.drain(2 * SECOND, 4 * SECOND, 20 * SECOND);
    let (mut all, ..) = tokio::join!(all_gone(clients, started), drain, other);
    all.sort_by_key(|gone| gone.ended);
    let last = all.last().unwrap();
    assert_eq!(last.told.len(), 2);
    assert!(last.ended >= 3 * SECOND, "{:?}", last.ended);
    for gone in &all {
        let (heard, wait) = gone.told.last().unwrap();
        // It heard of it a little later than it was told.
        let due = *heard + *wait;
        assert!(gone.ended + SECOND / 2 >= due, "{due:?} {:?}", gone.ended);
    }
}

#[tokio::test]
async fn a_draining_node_takes_nobody_in() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    node.drain_at_once(Duration::from_secs(5)).await;
    let token = node.token("alice", "acme", Duration::from_mins(1));
    let refused = SocketClient::connect(&node.url, json!({"token": token})).await;
    assert!(
        matches!(refused, Err(Refused::Http(_) | Refused::Unreachable(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_client_that_never_reads_does_not_hold_up_the_end() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    let alice = node.connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let mut deaf = RawSocket::open(&node.url).await.unwrap();
    let token = node.token("bob", "acme", Duration::from_mins(1));
    deaf.send(format!("40{}", json!({"token": token}))).await;
    let mut bob = node.connect("bob").await;
    // More than fits into the buffers between the two.
    let long = "😀".repeat(5_000);
    for _ in 0..300 {
        alice.say(&conversation, &long).await;
    }
    bob.revs_until(301).await;
    let (started, deadline) = (Instant::now(), Duration::from_secs(2));
    node.drain_at_once(deadline).await;
    let took = started.elapsed();
    assert!(took < deadline + Duration::from_secs(1), "{took:?}");
    bob.wait_for("server:draining").await;
    drop(deaf);
}
