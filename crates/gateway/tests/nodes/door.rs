//! What the door says, and whom it lets in.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use switchboard_messaging::Rules;
use switchboard_messaging::clock::ManualClock;
use switchboard_protocol::Timestamp;
use switchboard_testkit::client::{Refused, SocketClient};

use crate::support::{Cluster, Setup};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_mins(1);

fn code(refused: &Refused) -> &str {
    match refused {
        Refused::ConnectError { message, .. } => message,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_failure_is_acked_and_told_by_an_event() {
    let cluster = Cluster::of(1).await;
    let mut alice = cluster.node(1).connect("alice").await;

    let error = alice.refused("message:send", json!({"content": 5})).await;
    assert_eq!(error["code"], "VALIDATION_FAILED");
    assert_eq!(error["event"], "message:send");
    assert_eq!(error["details"].as_array().unwrap().len(), 2, "{error}");
    assert_eq!(*alice.wait_for("validation-error").await.payload(), error);

    let unknown = alice.refused("no:such:event", json!({})).await;
    assert_eq!(unknown["code"], "NOT_FOUND");
    assert_eq!(unknown["event"], "no:such:event");
    assert_eq!(*alice.wait_for("error").await.payload(), unknown);
}

#[tokio::test]
async fn a_failure_without_an_ack_is_told_by_its_event_alone() {
    let cluster = Cluster::of(1).await;
    let mut alice = cluster.node(1).connect("alice").await;
    alice.emit("message:edit", json!({})).await;
    let event = alice.wait_for("validation-error").await;
    assert_eq!(event.payload()["event"], "message:edit");
}

#[tokio::test]
async fn the_tenth_refusal_ends_the_connection() {
    let cluster = Cluster::of(1).await;
    let alice = cluster.node(1).connect("alice").await;
    let mut mallory = cluster.node(1).connect("mallory").await;
    let conversation = alice.group(&["bob"]).await;
    let call = json!({"conversationId": conversation});
    for _ in 1..10 {
        let error = mallory.refused("conversation:get", call.clone()).await;
        assert_eq!(error["code"], "FORBIDDEN");
    }
    // What is merely wrong does not count.
    mallory.refused("conversation:get", json!({})).await;
    mallory.ok("conversation:list", json!({})).await;
    mallory.refused("conversation:get", call).await;
    assert_eq!(mallory.wait_for_end().await, "io server disconnect");
}

#[tokio::test]
async fn a_refused_connect_says_why() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    let refusal = |auth| async move {
        match SocketClient::connect(&node.url, auth).await.unwrap_err() {
            Refused::ConnectError { message, data } => (message, data),
            other => panic!("{other}"),
        }
    };
    let (message, data) = refusal(json!({})).await;
    assert_eq!(message, "UNAUTHENTICATED");
    assert_eq!(data["code"], "UNAUTHENTICATED");
    assert!(data["message"].as_str().unwrap().contains("auth.token"));
    let expired = node.token("alice", "acme", Duration::ZERO);
    let (message, data) = refusal(json!({"token": expired})).await;
    assert_eq!(
        (message.as_str(), &data["code"]),
        ("TOKEN_EXPIRED", &json!("TOKEN_EXPIRED"))
    );
}

#[tokio::test]
async fn a_connect_without_the_store_is_cut_off_so_that_stock_clients_come_back() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    node.store.break_down(Some("heads_of"));
    let token = node.token("alice", "acme", MINUTE);
    let refused = node.connect_with(&token).await.err().unwrap();
    assert!(
        !matches!(refused, Refused::ConnectError { .. }),
        "{refused}"
    );
    node.store.break_down(None);
    node.connect_with(&token).await.unwrap();
}

#[tokio::test]
async fn a_socket_is_warned_a_minute_before_its_token_ends_and_closed_when_it_does() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
    let setup = Setup {
        clock: Arc::clone(&clock) as _,
        ..Setup::default()
    };
    let cluster = Cluster::with(1, setup).await;
    let node = cluster.node(1);
    let token = node.token("alice", "acme", MINUTE * 10);
    let mut alice = node.connect_with(&token).await.unwrap();
    // Twice as long as it takes to look at the clock.
    let a_look = SECOND;

    clock.advance((MINUTE * 9).saturating_sub(MILLISECOND));
    alice.hears_nothing_of("auth:expiring", a_look).await;
    clock.advance(MILLISECOND);
    let warning = alice.wait_for("auth:expiring").await;
    assert_eq!(warning.payload()["expiresAt"], "2027-01-15T08:10:00.000Z");

    clock.advance(MINUTE.saturating_sub(MILLISECOND));
    alice.hears_nothing_of("auth:expiring", a_look).await;
    alice.ok("conversation:list", json!({})).await;
    clock.advance(MILLISECOND);
    assert_eq!(alice.wait_for_end().await, "io server disconnect");
    let refused = node.connect_with(&token).await.err().unwrap();
    assert_eq!(code(&refused), "TOKEN_EXPIRED");
}

#[tokio::test]
async fn a_user_has_at_most_so_many_sockets() {
    let setup = Setup {
        connections_per_user: 2,
        ..Setup::default()
    };
    let cluster = Cluster::with(1, setup).await;
    let node = cluster.node(1);
    let token = node.token("alice", "acme", MINUTE);
    let first = node.connect_with(&token).await.unwrap();
    let _second = node.connect_with(&token).await.unwrap();
    let refused = node.connect_with(&token).await.err().unwrap();
    assert_eq!(code(&refused), "FORBIDDEN");
    node.connect("bob").await;
    first.into_inner().disconnect().await;
    node.connect_with(&token).await.unwrap();
}

#[tokio::test]
async fn sockets_that_connect_at_once_are_counted_too() {
    let setup = Setup {
        connections_per_user: 3,
        ..Setup::default()
    };
    let cluster = Cluster::with(1, setup).await;
    let node = cluster.node(1);
    let token = node.token("alice", "acme", MINUTE);
    let connecting = (0..8).map(|_| node.connect_with(&token));
    let connected = futures_util::future::join_all(connecting).await;
    assert_eq!(connected.iter().filter(|socket| socket.is_ok()).count(), 3);
}

#[tokio::test]
async fn an_organization_has_at_most_so_many_sockets_and_others_have_theirs() {
    let setup = Setup {
        connections_per_org: 3,
        ..Setup::default()
    };
    let cluster = Cluster::with(1, setup).await;
    let node = cluster.node(1);
    let token = |user: &str, organization| node.token(user, organization, MINUTE);
    let connecting = (0..8).map(|n| token(&format!("user-{n}"), "acme"));
    let connecting = connecting.map(|token| async move { node.connect_with(&token).await });
    let connected = futures_util::future::join_all(connecting).await;
    let (mut admitted, refused): (Vec<_>, Vec<_>) = connected.into_iter().partition(Result::is_ok);
    assert_eq!(admitted.len(), 3);
    for refused in refused {
        let refused = refused.err().unwrap();
        assert_eq!(code(&refused), "FORBIDDEN");
        let text = "too many connections of this organization";
        assert!(refused.to_string().contains(text), "{refused}");
    }
    node.connect_with(&token("alice", "globex")).await.unwrap();
    // One that is refused for another reason takes no place.
    node.connect_with("no token").await.err().unwrap();
    let first = admitted.pop().unwrap().unwrap();
    first.into_inner().disconnect().await;
    let next = token("user-9", "acme");
    let _next = loop {
        if let Ok(next) = node.connect_with(&next).await {
            break next;
        }
    };
    node.connect_with(&next).await.err().unwrap();
}

#[tokio::test]
async fn a_socket_follows_at_most_so_many_conversations() {
    let setup = Setup {
        rooms_per_socket: 2,
        rules: Rules {
            auto_join: 0,
            ..Rules::default()
        },
        ..Setup::default()
    };
    let cluster = Cluster::with(1, setup).await;
    let alice = cluster.node(1).connect("alice").await;
    let mut conversations = Vec::new();
    for _ in 0..3 {
        conversations.push(alice.group(&["bob"]).await);
    }
    let bob = cluster.node(1).connect("bob").await;
    bob.join(&conversations[0]).await;
    bob.join(&conversations[1]).await;
    let third = json!({"conversationId": conversations[2]});
    let error = bob.refused("conversation:join", third.clone()).await;
    assert_eq!(error["code"], "FORBIDDEN");
    bob.join(&conversations[1]).await;
    bob.leave(&conversations[0]).await;
    bob.ok("conversation:join", third).await;
}
