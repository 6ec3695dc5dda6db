//! The store is away: what needs nothing stored goes on for whoever is connected.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, Cluster, Failure, SECRETS, Setup};

/// Longer than the grace, the window and a slow machine's thoughts.
const A_WHILE: Duration = Duration::from_millis(900);

async fn cluster() -> Cluster {
    let setup = Setup {
        offline_grace: Duration::from_millis(300),
        ..Setup::default()
    };
    Cluster::with(2, setup).await
}

/// Alice on node 1, Bob on node 2 and what they talk in.
async fn two_who_talk(cluster: &Cluster) -> (Client, Client, String) {
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let mut bob = cluster.node(2).connect("bob").await;
    // What was said of their coming.
    bob.hears_nothing_of("none", A_WHILE).await;
    (alice, bob, conversation)
}

async fn status_of_alice(client: &mut Client) -> Value {
    let event = client.wait_for("presence:changed").await;
    assert_eq!(event.payload()["changes"][0]["userId"], "alice");
    event.payload()["changes"][0]["status"].clone()
}

#[tokio::test]
async fn whoever_follows_a_conversation_types_in_it_and_nobody_else_does() {
    let cluster = cluster().await;
    let (alice, mut bob, conversation) = two_who_talk(&cluster).await;
    cluster.node(1).store.break_down(Some("membership"));
    let call = json!({"conversationId": conversation, "isTyping": true});
    alice.ok("message:typing", call.clone()).await;
    let event = bob.wait_for("message:typing").await;
    assert_eq!(event.payload()["userId"], "alice");
    let mallory = cluster.node(1).connect("mallory").await;
    let error = mallory.refused("message:typing", call).await;
    assert_eq!(error["code"], "UNAVAILABLE");
}

#[tokio::test]
async fn a_choice_is_told_to_those_whom_the_socket_hears() {
    let cluster = cluster().await;
    let (alice, mut bob, _) = two_who_talk(&cluster).await;
    cluster.node(1).store.break_down(Some("heads_of"));
    alice.ok("presence:update", json!({"status": "busy"})).await;
    assert_eq!(status_of_alice(&mut bob).await, "busy");
}

#[tokio::test]
async fn who_goes_meanwhile_is_told_of_when_the_store_is_back() {
    let cluster = cluster().await;
    let (alice, mut bob, _) = two_who_talk(&cluster).await;
    let node = cluster.node(1);
    node.store.break_down(Some("heads_of"));
    alice.into_inner().disconnect().await;
    bob.hears_nothing_of("presence:changed", A_WHILE).await;
    node.store.break_down(None);
    node.keep_place().await;
    assert_eq!(status_of_alice(&mut bob).await, "offline");
    node.keep_place().await;
    bob.hears_nothing_of("presence:changed", A_WHILE).await;
}

#[tokio::test]
async fn nobody_is_told_what_the_store_says() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    let alice = node.connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let message = alice.say(&conversation, "hello").await["id"].clone();
    let here = json!({"conversationId": conversation});
    let calls = [
        (
            "append",
            "message:send",
            json!({"conversationId": conversation, "content": "x"}),
        ),
        (
            "edit",
            "message:edit",
            json!({"messageId": message, "content": "x"}),
        ),
        ("delete", "message:delete", json!({"messageId": message})),
        ("membership", "conversation:get", here.clone()),
        (
            "sync",
            "conversation:sync",
            json!({"conversationId": conversation, "afterRev": 0}),
        ),
        ("history", "message:history", here),
        ("list", "conversation:list", json!({})),
        (
            "create_conversation",
            "conversation:create",
            json!({"kind": "group", "participantIds": []}),
        ),
    ];
    for (method, event, payload) in calls {
        for (failure, code) in [
            (Failure::Away, "UNAVAILABLE"),
            (Failure::Defect, "INTERNAL"),
        ] {
            node.store.fail(method, failure);
            let error = alice.refused(event, payload.clone()).await;
            assert_eq!(error["code"], code, "{event}: {error}");
            let told = error.to_string();
            assert!(!told.contains(SECRETS), "{event}: {told}");
        }
        node.store.break_down(None);
    }
}
