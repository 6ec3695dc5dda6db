//! Devices at which nobody is, and sockets that asked to hear of users.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, Cluster, Setup};

/// Longer than the grace, the window and a slow machine's thoughts.
const A_WHILE: Duration = Duration::from_millis(900);
const IDLE_AFTER: Duration = Duration::from_millis(1_500);

async fn cluster_with(idle_after: Duration) -> Cluster {
    let setup = Setup {
        idle_after,
        ..Setup::default()
    };
    Cluster::with(2, setup).await
}

/// The statuses of a user that a socket is told of, one event after the other.
async fn status(client: &mut Client, user: &str) -> String {
    loop {
        let event = client.wait_for("presence:changed").await;
        let changes = event.payload()["changes"].as_array().unwrap();
        if let Some(change) = changes.iter().find(|change| change["userId"] == user) {
            return change["status"].as_str().unwrap().to_owned();
        }
    }
}

async fn subscribe(client: &Client, users: Value) -> Value {
    client
        .ok("presence:subscribe", json!({"userIds": users}))
        .await
}

#[tokio::test]
async fn a_device_without_calls_is_away_until_the_next_call_whatever_it_is() {
    let cluster = cluster_with(IDLE_AFTER).await;
    let mut bob = cluster.node(2).connect("bob").await;
    subscribe(&bob, json!(["alice"])).await;
    let alice = cluster.node(1).connect("alice").await;
    assert_eq!(status(&mut bob, "alice").await, "online");
    assert_eq!(status(&mut bob, "alice").await, "away");
    // Also a call that is refused, and one that nobody knows.
    alice.refused("message:send", json!({})).await;
    assert_eq!(status(&mut bob, "alice").await, "online");
    assert_eq!(status(&mut bob, "alice").await, "away");
    alice.refused("no:such", json!({})).await;
    assert_eq!(status(&mut bob, "alice").await, "online");
}

#[tokio::test]
async fn somebody_is_away_with_the_last_device_only_and_never_by_zero() {
    let cluster = cluster_with(IDLE_AFTER).await;
    let mut bob = cluster.node(2).connect("bob").await;
    subscribe(&bob, json!(["alice"])).await;
    let _phone = cluster.node(1).connect("alice").await;
    let laptop = cluster.node(2).connect("alice").await;
    assert_eq!(status(&mut bob, "alice").await, "online");
    for _ in 0..8 {
        laptop
            .ok("presence:activity", json!({"activityType": "reading"}))
            .await;
        bob.hears_nothing_of("presence:changed", IDLE_AFTER / 4)
            .await;
        bob.ok("presence:stats", json!({})).await;
    }
    assert_eq!(status(&mut bob, "alice").await, "away");

    let never = cluster_with(Duration::ZERO).await;
    let mut bob = never.node(2).connect("bob").await;
    bob.hears_nothing_of("presence:changed", IDLE_AFTER * 2)
        .await;
}

#[tokio::test]
async fn a_device_says_itself_that_it_is_idle_and_that_it_is_not() {
    let cluster = cluster_with(Duration::ZERO).await;
    let mut bob = cluster.node(2).connect("bob").await;
    subscribe(&bob, json!(["alice"])).await;
    let mut alice = cluster.node(1).connect("alice").await;
    assert_eq!(status(&mut bob, "alice").await, "online");
    let says = async |activity: &str| {
        let answer = alice.ok("presence:activity", json!({"activityType": activity}));
        assert_eq!(answer.await, json!({}));
    };
    for activity in ["typing", "reading", "active"] {
        says("idle").await;
        assert_eq!(status(&mut bob, "alice").await, "away");
        says("idle").await;
        bob.hears_nothing_of("presence:changed", A_WHILE / 3).await;
        says(activity).await;
        assert_eq!(status(&mut bob, "alice").await, "online");
    }
    // No ack tells the device itself.
    assert_eq!(status(&mut alice, "alice").await, "away");
    let wrong = json!({"activityType": "sleeping"});
    let error = alice.refused("presence:activity", wrong).await;
    assert_eq!(error["details"][0]["path"], "activityType");
}

#[tokio::test]
async fn a_change_is_told_once_whatever_the_reasons() {
    let cluster = cluster_with(Duration::ZERO).await;
    let mut bob = cluster.node(2).connect("bob").await;
    // They share a conversation, bob asked twice, and he asked for himself.
    bob.group(&["alice"]).await;
    subscribe(&bob, json!(["alice", "alice"])).await;
    subscribe(&bob, json!(["bob", "alice"])).await;
    bob.hears_nothing_of("none", A_WHILE).await;
    let alice = cluster.node(1).connect("alice").await;
    assert_eq!(status(&mut bob, "alice").await, "online");
    bob.hears_nothing_of("presence:changed", A_WHILE).await;
    alice.ok("presence:update", json!({"status": "busy"})).await;
    assert_eq!(status(&mut bob, "alice").await, "busy");
    bob.hears_nothing_of("presence:changed", A_WHILE).await;
}

#[tokio::test]
async fn who_asked_hears_of_strangers_until_it_is_taken_back() {
    let cluster = cluster_with(Duration::ZERO).await;
    let mut bob = cluster.node(2).connect("bob").await;
    let mut other = cluster.node(2).connect("bob").await;
    other.hears_nothing_of("none", A_WHILE).await;
    let answer = subscribe(&bob, json!(["carol", "alice", "carol"])).await;
    let users: Vec<_> = answer["presences"].as_array().unwrap().iter().collect();
    assert_eq!((users.len(), &users[0]["userId"]), (2, &json!("carol")));
    let alice = cluster.node(1).connect("alice").await;
    assert_eq!(status(&mut bob, "alice").await, "online");
    let call = json!({"userIds": ["alice", "nobody"]});
    let answer = bob.ok("presence:unsubscribe", call).await;
    assert_eq!(answer["presences"][0]["status"], "online");
    alice.into_inner().disconnect().await;
    bob.hears_nothing_of("presence:changed", A_WHILE).await;
    let mut other = other;
    other
        .hears_nothing_of("presence:changed", A_WHILE / 3)
        .await;
}

#[tokio::test]
async fn a_socket_is_subscribed_to_1000_users_and_not_one_more() {
    let cluster = cluster_with(Duration::ZERO).await;
    let bob = cluster.node(1).connect("bob").await;
    let users = |from: usize, to: usize| -> Vec<String> {
        (from..to).map(|n| format!("user-{n}")).collect()
    };
    subscribe(&bob, json!(users(0, 500))).await;
    subscribe(&bob, json!(users(500, 1_000))).await;
    subscribe(&bob, json!(users(0, 500))).await;
    let one_more = json!({"userIds": ["user-0", "user-1000"]});
    let error = bob.refused("presence:subscribe", one_more.clone()).await;
    assert_eq!(error["code"], "FORBIDDEN");
    let less = json!({"userIds": users(0, 1)});
    bob.ok("presence:unsubscribe", less).await;
    bob.refused("presence:subscribe", one_more).await;
    subscribe(&bob, json!(["user-1000"])).await;
    let error = bob
        .refused("presence:subscribe", json!({"userIds": users(0, 501)}))
        .await;
    assert_eq!(error["code"], "VALIDATION_FAILED");
}

#[tokio::test]
async fn however_many_users_are_asked_for_the_hub_is_asked_once() {
    let cluster = cluster_with(Duration::ZERO).await;
    let node = cluster.node(1);
    let bob = node.connect("bob").await;
    let mut users: Vec<String> = (0..499).map(|n| format!("user-{n}")).collect();
    users.push("bob".to_owned());
    let before = node.hub.questions.load(Ordering::Relaxed);
    let answer = bob.ok("presence:bulk", json!({"userIds": users})).await;
    assert_eq!(node.hub.questions.load(Ordering::Relaxed) - before, 1);
    let presences = answer["presences"].as_array().unwrap();
    assert_eq!(
        (presences.len(), &presences[499]["status"]),
        (500, &json!("online"))
    );
    users.push("carol".to_owned());
    let error = bob
        .refused("presence:bulk", json!({"userIds": users}))
        .await;
    assert_eq!(error["code"], "VALIDATION_FAILED");
}
