//! Typing is told once when it begins, and once when it ends, whatever ends it.

use std::time::Duration;

use serde_json::json;

use crate::support::{Client, Cluster};

/// Longer than the entry's time, its margin, and a slow machine's thoughts.
const A_WHILE: Duration = Duration::from_millis(1_200);

/// Alice on node 1, Bob on node 2 and what they talk in.
async fn two_who_talk(cluster: &Cluster) -> (Client, Client, String) {
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let bob = cluster.node(2).connect("bob").await;
    (alice, bob, conversation)
}

async fn types(client: &Client, conversation: &str, is_typing: bool) {
    let call = json!({"conversationId": conversation, "isTyping": is_typing});
    client.ok("message:typing", call).await;
}

async fn hears(client: &mut Client, is_typing: bool) {
    let event = client.wait_for("message:typing").await;
    assert_eq!(event.payload()["isTyping"], is_typing);
    assert_eq!(event.payload()["userId"], "alice");
}

#[tokio::test]
async fn who_goes_on_typing_is_told_of_once_and_stops_once() {
    let cluster = Cluster::of(2).await;
    let (mut alice, mut bob, conversation) = two_who_talk(&cluster).await;
    for is_typing in [true, true, true] {
        types(&alice, &conversation, is_typing).await;
    }
    hears(&mut bob, true).await;
    for is_typing in [false, false] {
        types(&alice, &conversation, is_typing).await;
    }
    hears(&mut bob, false).await;
    bob.hears_nothing_of("message:typing", A_WHILE).await;
    alice
        .hears_nothing_of("message:typing", Duration::ZERO)
        .await;
}

#[tokio::test]
async fn who_stops_and_begins_again_stops_by_and_by_all_the_same() {
    let cluster = Cluster::of(2).await;
    let (alice, mut bob, conversation) = two_who_talk(&cluster).await;
    for is_typing in [true, false, true] {
        types(&alice, &conversation, is_typing).await;
        hears(&mut bob, is_typing).await;
        // The first timer is due while the second call still counts.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    hears(&mut bob, false).await;
}

#[tokio::test]
async fn who_says_no_more_stops_typing_by_and_by_once() {
    let cluster = Cluster::of(2).await;
    let (alice, mut bob, conversation) = two_who_talk(&cluster).await;
    types(&alice, &conversation, true).await;
    // Going on puts off the end that was due first.
    tokio::time::sleep(Duration::from_millis(250)).await;
    types(&alice, &conversation, true).await;
    hears(&mut bob, true).await;
    hears(&mut bob, false).await;
    bob.hears_nothing_of("message:typing", A_WHILE).await;
}

#[tokio::test]
async fn who_disconnects_stops_typing_once() {
    let cluster = Cluster::of(2).await;
    let (alice, mut bob, conversation) = two_who_talk(&cluster).await;
    types(&alice, &conversation, true).await;
    hears(&mut bob, true).await;
    drop(alice);
    hears(&mut bob, false).await;
    bob.hears_nothing_of("message:typing", A_WHILE).await;
}
