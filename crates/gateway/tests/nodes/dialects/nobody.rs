//! Sockets that come without a token.

use std::sync::Arc;

use serde_json::json;
use switchboard_messaging::clock::ManualClock;
use switchboard_protocol::Timestamp;

use super::*;

#[tokio::test]
async fn a_socket_without_a_token_is_nobodys_until_it_has_sent_one() {
    let cluster = Cluster::of(2).await;
    let native = cluster.node(1).connect("carol").await;
    let room = native.group(&["alice"]).await;
    let node = cluster.node(2);
    let mut alice = Speaker::with(node, "/messaging", json!({})).await.unwrap();
    let error = alice
        .refused("join_conversation", json!({"conversationId": room}))
        .await;
    assert_eq!(error["code"], "UNAUTHENTICATED");
    assert_eq!(error["event"], "join_conversation");
    assert_eq!(alice.hears("error").await["code"], "UNAUTHENTICATED");
    native.say(&room, "before").await;

    let missing = alice.refused("authenticate", json!({})).await;
    assert_eq!(missing["details"][0]["path"], "token");
    let expired = node.token("alice", ORGANIZATION, Duration::ZERO);
    let refused = alice
        .refused("authenticate", json!({"token": expired}))
        .await;
    assert_eq!(refused["code"], "TOKEN_EXPIRED");
    for code in ["VALIDATION_FAILED", "TOKEN_EXPIRED"] {
        assert_eq!(alice.hears("error").await["code"], code);
    }

    let token = node.token("alice", ORGANIZATION, HOUR);
    let data = alice.ok("authenticate", json!({"token": token})).await;
    assert_eq!(data, json!({"userId": "alice"}));
    assert_eq!(alice.hears("authenticated").await, data);
    assert_eq!(alice.waits_for("unread_count").await["count"], 1);
    native.say(&room, "after").await;
    let heard = alice.waits_for("message_received").await;
    assert_eq!(heard["message"]["content"], "after");
    // Whoever is known may say so again, and is nobody else for it.
    assert_eq!(
        alice.ok("authenticate", json!({"token": token})).await,
        data
    );
    let other = node.token("bob", ORGANIZATION, HOUR);
    let refused = alice.refused("authenticate", json!({"token": other})).await;
    assert_eq!(refused["code"], "FORBIDDEN");
}

#[tokio::test]
async fn only_where_the_table_says_so_a_socket_may_come_without_a_token() {
    let cluster = Cluster::of(1).await;
    for namespace in ["/", "/chat"] {
        let refused = Speaker::with(cluster.node(1), namespace, json!({})).await;
        let refused = refused.err().unwrap().to_string();
        assert!(
            refused.contains("UNAUTHENTICATED"),
            "{namespace}: {refused}"
        );
    }
    let auth = json!({"token": "not a token"});
    let refused = Speaker::with(cluster.node(1), "/messaging", auth).await;
    assert!(refused.is_err(), "a token that is there has to be good");
}

#[tokio::test]
async fn a_socket_is_nobodys_for_ten_seconds_at_most() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
    let setup = Setup {
        clock: Arc::clone(&clock) as _,
        ..Setup::default()
    };
    let cluster = Cluster::with(1, setup).await;
    let node = cluster.node(1);
    let mut late = Speaker::with(node, "/messaging", json!({})).await.unwrap();
    let mut known = Speaker::with(node, "/messaging", json!({})).await.unwrap();
    clock.advance(Duration::from_millis(9_999));
    // Twice as long as it takes to look at the clock.
    assert!(late.next_event(Duration::from_secs(1)).await.is_none());
    let token = node.token("alice", ORGANIZATION, HOUR);
    known.ok("authenticate", json!({"token": token})).await;
    known.hears("authenticated").await;
    clock.advance(Duration::from_millis(1));
    assert_eq!(late.hears("error").await["code"], "UNAUTHENTICATED");
    assert_eq!(late.wait_for_end().await, "io server disconnect");
    assert!(known.next_event(Duration::from_secs(1)).await.is_none());
    known.ok("authenticate", json!({"token": token})).await;
}

#[tokio::test]
async fn the_tenth_refusal_ends_a_socket_that_is_nobodys() {
    let cluster = Cluster::of(1).await;
    let mut socket = Speaker::with(cluster.node(1), "/messaging", json!({}))
        .await
        .unwrap();
    for _ in 1..10 {
        let error = socket.refused("authenticate", json!({"token": "x"})).await;
        assert_eq!(error["code"], "UNAUTHENTICATED");
    }
    socket.refused("authenticate", json!({"token": "x"})).await;
    assert_eq!(socket.wait_for_end().await, "io server disconnect");
}

#[tokio::test]
async fn a_socket_that_could_not_be_opened_for_one_user_has_nothing_of_that_user() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    let native = node.connect("carol").await;
    let room = native.group(&["alice"]).await;
    let mut socket = Speaker::with(node, "/messaging", json!({})).await.unwrap();
    node.store.break_down(Some("heads_of"));
    let token = node.token("alice", ORGANIZATION, HOUR);
    let error = socket
        .refused("authenticate", json!({"token": token}))
        .await;
    assert_eq!(error["code"], "UNAVAILABLE");
    node.store.break_down(None);
    let other = node.token("mallory", ORGANIZATION, HOUR);
    socket.ok("authenticate", json!({"token": other})).await;
    let created = native.group(&["alice"]).await;
    for room in [room, created] {
        native.say(&room, "for alice").await;
    }
    socket.hears_nothing_of("message_received").await;
}
