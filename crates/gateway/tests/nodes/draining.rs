//! A node that ends answers what it was asked, says that it ends, and is done in time.

use std::time::Duration;

use serde_json::json;
use switchboard_testkit::client::{RawSocket, Refused, SocketClient};
use tokio::time::Instant;

use crate::support::Cluster;

#[tokio::test]
async fn a_call_in_flight_is_answered_before_the_end() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    let mut alice = node.connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let storing = node.store.gate("append");
    let drain = async {
        storing.reached().await;
        let draining = node.gateway.drain(Duration::ZERO, Duration::from_secs(10));
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
        let draining = node.gateway.drain(Duration::ZERO, Duration::from_secs(10));
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

#[tokio::test]
async fn the_closes_are_spread_and_each_is_told_when() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    let names: Vec<String> = (0..10).map(|index| format!("user{index}")).collect();
    let mut sockets = Vec::new();
    for name in &names {
        sockets.push(node.connect(name).await);
    }
    let started = Instant::now();
    let spread = Duration::from_secs(1);
    let ends = sockets.into_iter().map(|mut socket| async move {
        let told = socket.wait_for("server:draining").await.payload()["reconnectInMs"].clone();
        socket.wait_for_end().await;
        (told.as_u64().unwrap(), started.elapsed())
    });
    let drain = node.gateway.drain(spread, Duration::from_secs(10));
    let (mut ends, ()) = tokio::join!(futures_util::future::join_all(ends), drain);
    ends.sort();
    let told: Vec<u64> = ends.iter().map(|(told, _)| *told).collect();
    assert_eq!(told, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
    for (told, ended) in ends {
        assert!(ended >= Duration::from_millis(told), "{told} {ended:?}");
    }
}

#[tokio::test]
async fn a_draining_node_takes_nobody_in() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    node.gateway
        .drain(Duration::ZERO, Duration::from_secs(5))
        .await;
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
    node.gateway.drain(Duration::ZERO, deadline).await;
    let took = started.elapsed();
    assert!(took < deadline + Duration::from_secs(1), "{took:?}");
    bob.wait_for("server:draining").await;
    drop(deaf);
}
