//! Receipts of a large group are gathered between nodes, and come to clients one by one.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Client, Cluster};

/// Alice on node 1, and so many others on both nodes, who have got a message.
async fn group_of(cluster: &Cluster, others: usize) -> (Client, Vec<Client>, String) {
    let names: Vec<String> = (0..others).map(|n| format!("user-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&names).await;
    let mut clients = Vec::new();
    for (index, name) in names.iter().enumerate() {
        clients.push(cluster.node(index % 2 + 1).connect(name).await);
    }
    alice.say(&conversation, "hello").await;
    for client in &mut clients {
        client.wait_for("message:new").await;
    }
    (alice, clients, conversation)
}

async fn read(client: &Client, conversation: &str) {
    let call = json!({"conversationId": conversation, "upToSeq": 1});
    let data = client.ok("message:read", call).await;
    assert_eq!(data, json!({"readSeq": 1, "unreadCount": 0}));
}

/// Whose receipts come, until there are so many.
async fn readers(client: &mut Client, count: usize, conversation: &str) -> BTreeSet<String> {
    let mut readers = BTreeSet::new();
    for _ in 0..count {
        let event = client.wait_for("message:read").await;
        let payload = event.payload();
        assert_eq!(payload.as_object().unwrap().len(), 4, "{payload}");
        assert_eq!(
            (&payload["conversationId"], &payload["upToSeq"]),
            (&json!(conversation), &json!(1))
        );
        assert!(payload["at"].is_string(), "{payload}");
        assert!(
            readers.insert(payload["userId"].as_str().unwrap().to_owned()),
            "twice: {payload}"
        );
    }
    readers
}

fn published(cluster: &Cluster) -> Vec<String> {
    let names = [1, 2].map(|n| cluster.node(n).hub.published.lock().unwrap().clone());
    let names = names.concat().into_iter();
    names
        .filter(|name| name == "receipts" || name == "message:read")
        .collect()
}

#[tokio::test]
async fn those_of_fifty_one_are_a_few_events_between_nodes_and_fifty_for_each_client() {
    let cluster = Cluster::of(2).await;
    let (mut alice, mut clients, conversation) = group_of(&cluster, 50).await;
    join_all(clients.iter().map(|client| read(client, &conversation))).await;
    assert_eq!(readers(&mut alice, 50, &conversation).await.len(), 50);
    let own = clients[7].ready["userId"].as_str().unwrap().to_owned();
    let others = readers(&mut clients[7], 49, &conversation).await;
    assert!(!others.contains(&own), "who caused it has the ack");
    clients[7]
        .hears_nothing_of("message:read", Duration::from_millis(400))
        .await;
    clients[7]
        .hears_nothing_of("receipts", Duration::ZERO)
        .await;
    let published = published(&cluster);
    assert!(
        published.iter().all(|name| name == "receipts"),
        "{published:?}"
    );
    assert!(published.len() <= 8, "{published:?}");
    let rows = [1, 2].map(|n| cluster.node(n).store.calls("advance"));
    assert_eq!(rows, [25, 25], "each is one statement, and one row");
}

#[tokio::test]
async fn one_of_a_thousand_is_one_row_and_one_event_between_nodes() {
    let cluster = Cluster::of(2).await;
    let names: Vec<String> = (0..999).map(|n| format!("user-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (first, rest) = names.split_at(499);
    let mut alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(first).await;
    let call = json!({"conversationId": conversation, "userIds": rest});
    alice.ok("conversation:add-members", call).await;
    let bob = cluster.node(2).connect("user-0").await;
    alice.say(&conversation, "hello").await;
    read(&bob, &conversation).await;
    readers(&mut alice, 1, &conversation).await;
    assert_eq!(published(&cluster), ["receipts"]);
    let rows = [1, 2].map(|n| cluster.node(n).store.calls("advance"));
    assert_eq!(rows, [0, 1], "each is one statement, and one row");
}

#[tokio::test]
async fn those_of_fifty_are_told_one_by_one() {
    let cluster = Cluster::of(2).await;
    let (mut alice, clients, conversation) = group_of(&cluster, 49).await;
    read(&clients[0], &conversation).await;
    readers(&mut alice, 1, &conversation).await;
    assert_eq!(published(&cluster), ["message:read"]);
}

#[tokio::test]
async fn of_what_a_user_read_in_a_moment_the_last_is_told() {
    let cluster = Cluster::of(1).await;
    let names: Vec<String> = (0..50).map(|n| format!("user-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&names).await;
    for text in ["one", "two", "three"] {
        alice.say(&conversation, text).await;
    }
    let bob = cluster.node(1).connect("user-0").await;
    for seq in 1..=3 {
        let call = json!({"conversationId": conversation, "upToSeq": seq});
        bob.ok("message:read", call).await;
    }
    let mut last = 0;
    let mut events = 0;
    while last < 3 {
        let seq = alice.wait_for("message:read").await.payload()["upToSeq"]
            .as_i64()
            .unwrap();
        assert!(seq > last);
        (last, events) = (seq, events + 1);
    }
    assert!(events < 3, "{events} events");
}
