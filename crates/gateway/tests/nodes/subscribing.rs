//! Several conversations at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use switchboard_messaging::Rules;

use crate::support::{Client, Cluster, Setup};

/// A cluster whose sockets follow only what they join, and at most so many.
async fn cluster(nodes: usize, rooms_per_socket: usize) -> Cluster {
    let rules = Rules {
        auto_join: 0,
        ..Rules::default()
    };
    let setup = Setup {
        rules,
        rooms_per_socket,
        ..Setup::default()
    };
    Cluster::with(nodes, setup).await
}

async fn groups(alice: &Client, count: usize) -> Vec<String> {
    let mut groups = Vec::new();
    for _ in 0..count {
        groups.push(alice.group(&["bob"]).await);
    }
    groups
}

/// Each failure, as `conversation code`.
fn failures(answer: &Value) -> Vec<String> {
    let failed = answer["failed"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    failed
        .map(|one| failure(&text(&one["conversationId"]), &text(&one["error"]["code"])))
        .collect()
}

fn failure(conversation: &str, code: &str) -> String {
    format!("{conversation} {code}")
}

#[tokio::test]
async fn what_can_be_followed_is_and_the_rest_says_why_not() {
    let cluster = cluster(2, 0).await;
    let alice = cluster.node(1).connect("alice").await;
    let mine = groups(&alice, 3).await;
    let others = alice.group(&["carol"]).await;
    let node = cluster.node(1);
    let token = node.token("alice", "globex", Duration::from_hours(1));
    let stranger = node.connect_with(&token).await.unwrap();
    let elsewhere = stranger.group(&["bob"]).await;
    let mut bob = cluster.node(2).connect("bob").await;
    let nowhere = "01890000-0000-7000-8000-000000000007";
    let asked = json!([
        mine[2], others, mine[0], elsewhere, nowhere, mine[0], mine[1]
    ]);
    let call = json!({"conversationIds": asked});
    let answer = bob.ok("room:subscribe-multiple", call.clone()).await;
    assert_eq!(answer["joined"], json!([mine[2], mine[0], mine[1]]));
    let failed = [
        failure(&others, "FORBIDDEN"),
        failure(&elsewhere, "NOT_FOUND"),
        failure(nowhere, "NOT_FOUND"),
    ];
    assert_eq!(failures(&answer), failed);
    stranger.say(&elsewhere, "not for bob").await;
    for id in &mine {
        alice.say(id, "hello").await;
        let event = bob.wait_for("message:new").await;
        assert_eq!(event.payload()["message"]["conversationId"], json!(id));
    }
    let answer = bob.ok("room:unsubscribe-multiple", call).await;
    assert_eq!(answer["left"], json!([mine[2], others, mine[0], mine[1]]));
    let failed = [
        failure(&elsewhere, "NOT_FOUND"),
        failure(nowhere, "NOT_FOUND"),
    ];
    assert_eq!(failures(&answer), failed);
    alice.say(&mine[0], "not heard").await;
    bob.hears_nothing_of("message:new", Duration::from_millis(200))
        .await;
}

#[tokio::test]
async fn a_socket_follows_as_many_conversations_as_it_may_and_not_one_more() {
    let cluster = cluster(1, 3).await;
    let alice = cluster.node(1).connect("alice").await;
    let mine = groups(&alice, 4).await;
    let bob = cluster.node(1).connect("bob").await;
    bob.join(&mine[0]).await;
    let call = json!({"conversationIds": mine});
    let answer = bob.ok("room:subscribe-multiple", call).await;
    // The first one it follows already.
    assert_eq!(answer["joined"], json!(mine[..3]));
    let failed = [failure(&mine[3], "FORBIDDEN")];
    assert_eq!(failures(&answer), failed);
    let error = bob
        .refused("conversation:join", json!({"conversationId": mine[3]}))
        .await;
    assert_eq!(error["code"], "FORBIDDEN");
    bob.join(&mine[1]).await;
    bob.leave(&mine[1]).await;
    bob.join(&mine[3]).await;
}

#[tokio::test]
async fn subscribing_while_another_node_sends_loses_and_doubles_nothing() {
    let cluster = cluster(2, 0).await;
    let alice = cluster.node(1).connect("alice").await;
    let mine = groups(&alice, 3).await;
    let mut bob = cluster.node(2).connect("bob").await;
    let stop = AtomicBool::new(false);
    let talking = async {
        while !stop.load(Ordering::SeqCst) {
            for id in &mine {
                alice.say(id, "again").await;
            }
        }
    };
    let call = json!({"conversationIds": mine});
    let subscribing = async {
        for _ in 0..10 {
            bob.ok("room:subscribe-multiple", call.clone()).await;
            let mut last: Vec<Option<i64>> = vec![None; mine.len()];
            while last.iter().any(std::option::Option::is_none) {
                let event = bob.wait_for("message:new").await;
                let message = &event.payload()["message"];
                let rev = message["rev"].as_i64().unwrap();
                let which = mine
                    .iter()
                    .position(|id| message["conversationId"] == json!(id));
                let before = last[which.unwrap()].replace(rev);
                assert!(
                    before.is_none_or(|before| before + 1 == rev),
                    "{before:?} {rev}"
                );
            }
            bob.ok("room:unsubscribe-multiple", call.clone()).await;
            bob.revs_so_far().await;
        }
        stop.store(true, Ordering::SeqCst);
    };
    tokio::join!(talking, subscribing);
}

#[tokio::test]
async fn a_socket_is_told_what_it_follows() {
    let cluster = cluster(2, 0).await;
    let alice = cluster.node(1).connect("alice").await;
    let mine = groups(&alice, 2).await;
    let others = alice.group(&["carol"]).await;
    alice.say(&mine[0], "unread").await;
    let bob = cluster.node(2).connect("bob").await;
    let asked = json!({"conversationIds": [mine[1], others, mine[0]]});
    let status = bob.ok("room:subscription-status", json!({})).await;
    assert_eq!(status["subscriptions"], json!([]));
    bob.join(&mine[0]).await;
    let status = bob.ok("room:subscription-status", asked.clone()).await;
    let told = |index: usize, id: &str, subscribed: bool, messages: i64| {
        let one = &status["subscriptions"][index];
        assert_eq!(one["conversationId"], json!(id));
        assert_eq!(one["subscribed"], json!(subscribed));
        assert_eq!(one["lastSeq"], json!(messages));
        assert_eq!(one["unreadCount"], json!(messages));
        assert!(one["joinedAt"].is_string());
    };
    told(0, &mine[1], false, 0);
    told(1, &mine[0], true, 1);
    assert_eq!(status["subscriptions"].as_array().unwrap().len(), 2);
    let details = bob.ok("room:subscription-details", json!({})).await;
    let details = details["subscriptions"].as_array().unwrap();
    assert_eq!(details.len(), 1);
    assert_eq!(details[0]["conversation"]["id"], json!(mine[0]));
    assert_eq!(details[0]["conversation"]["myRole"], json!("member"));
    // Alice is on another node.
    assert_eq!(details[0]["online"], json!(2));
}

#[tokio::test]
async fn who_of_a_conversation_is_there_is_known_over_all_nodes() {
    let cluster = cluster(2, 0).await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob", "carol", "dan"]).await;
    let bob = cluster.node(2).connect("bob").await;
    let carol = cluster.node(2).connect("carol").await;
    carol
        .ok("presence:update", json!({"status": "offline"}))
        .await;
    let call = json!({"conversationId": conversation});
    let online = bob.ok("room:online", call.clone()).await;
    let mut users: Vec<_> = online["users"].as_array().unwrap().iter().collect();
    users.sort_by_key(|user| user["userId"].as_str().map(str::to_owned));
    let names: Vec<_> = users.iter().map(|user| &user["userId"]).collect();
    assert_eq!(names, ["alice", "bob"]);
    assert_eq!(users[0]["status"], "online");
    let eve = cluster.node(2).connect("eve").await;
    let error = eve.refused("room:online", call).await;
    assert_eq!(error["code"], "FORBIDDEN");
}
