//! What calls cost, and what operators forbid.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use switchboard_messaging::clock::ManualClock;
use switchboard_messaging::{Rate, Rules};
use switchboard_protocol::Timestamp;
use switchboard_testkit::client::Refused;

use crate::support::{Cluster, Node, Setup, rates};

const MINUTE: Duration = Duration::from_mins(1);

fn manual_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)))
}

#[tokio::test]
async fn a_call_costs_before_it_is_looked_at_and_on_all_nodes_together() {
    let clock = manual_clock();
    let setup = Setup {
        clock: Arc::clone(&clock) as _,
        rates: rates(&[("message:send", Rate::new(2, MINUTE))]),
        ..Setup::default()
    };
    let cluster = Cluster::with(2, setup).await;
    let mut alice = cluster.node(1).connect("alice").await;
    let elsewhere = cluster.node(2).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    for client in [&alice, &elsewhere] {
        let error = client.refused("message:send", json!({})).await;
        assert_eq!(error["code"], "VALIDATION_FAILED");
    }
    let good = json!({"conversationId": conversation, "content": "hello"});
    let error = alice.refused("message:send", good.clone()).await;
    assert_eq!(error["code"], "RATE_LIMITED");
    assert_eq!(error["retryAfterMs"], 30_000);
    let event = alice.wait_for("rate-limit-exceeded").await;
    assert_eq!(*event.payload(), error);
    // Malformed ones are refused for the same reason: nobody looks at them.
    let error = elsewhere.refused("message:send", json!({})).await;
    assert_eq!(error["code"], "RATE_LIMITED");

    clock.advance(MINUTE / 2);
    alice.ok("message:send", good).await;
}

#[tokio::test]
async fn the_calls_of_an_organization_are_limited_together_over_all_nodes() {
    let clock = manual_clock();
    let setup = Setup {
        clock: Arc::clone(&clock) as _,
        rates: rates(&[("message:send", Rate::new(2, MINUTE))])
            .with_organization(Some(Rate::new(4, MINUTE))),
        ..Setup::default()
    };
    let cluster = Cluster::with(2, setup).await;
    let alice = cluster.node(1).connect("alice").await;
    let bob = cluster.node(2).connect("bob").await;
    // What she is refused herself costs the others nothing.
    for code in ["VALIDATION_FAILED", "VALIDATION_FAILED", "RATE_LIMITED"] {
        let error = alice.refused("message:send", json!({})).await;
        assert_eq!(error["code"], code);
    }
    alice.ok("conversation:list", json!({})).await;
    bob.ok("conversation:list", json!({})).await;
    let error = bob.refused("conversation:list", json!({})).await;
    assert_eq!(error["code"], "RATE_LIMITED");
    assert_eq!(error["retryAfterMs"], 15_000);
    let node = cluster.node(2);
    let stranger = node.token("bob", "globex", MINUTE);
    let stranger = node.connect_with(&stranger).await.unwrap();
    stranger.ok("conversation:list", json!({})).await;
    clock.advance(MINUTE / 4);
    bob.ok("conversation:list", json!({})).await;
}

#[tokio::test]
async fn unknown_events_cost_too() {
    let setup = Setup {
        clock: manual_clock(),
        rates: rates(&[("unknown", Rate::new(2, MINUTE))]),
        ..Setup::default()
    };
    let cluster = Cluster::with(1, setup).await;
    let alice = cluster.node(1).connect("alice").await;
    for (event, code) in [
        ("no:such", "NOT_FOUND"),
        ("nor:such", "NOT_FOUND"),
        ("no:such", "RATE_LIMITED"),
    ] {
        let error = alice.refused(event, json!({})).await;
        assert_eq!(error["code"], code);
    }
}

#[tokio::test]
async fn a_message_can_be_edited_within_the_window_and_not_after_it() {
    let clock = manual_clock();
    let rules = Rules {
        edit_window: Some(MINUTE),
        ..Rules::default()
    };
    let setup = Setup {
        clock: Arc::clone(&clock) as _,
        rules,
        ..Setup::default()
    };
    let cluster = Cluster::with(1, setup).await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let message = alice.say(&conversation, "hello").await;
    let edit = json!({"messageId": message["id"], "content": "hi"});
    clock.advance(MINUTE);
    alice.ok("message:edit", edit.clone()).await;
    clock.advance(Duration::from_millis(1));
    let error = alice.refused("message:edit", edit).await;
    assert_eq!(error["code"], "FORBIDDEN");
}

#[tokio::test]
async fn nothing_can_be_deleted_where_deletion_is_disabled() {
    let rules = Rules {
        deletion: false,
        ..Rules::default()
    };
    let setup = Setup {
        rules,
        ..Setup::default()
    };
    let cluster = Cluster::with(1, setup).await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let message = alice.say(&conversation, "hello").await;
    let delete = json!({"messageId": message["id"]});
    let error = alice.refused("message:delete", delete.clone()).await;
    assert_eq!(error["code"], "FORBIDDEN");
    let call = json!({"conversationId": conversation});
    let history = alice.ok("message:history", call).await;
    assert_eq!(history["messages"][0]["content"], "hello");

    // In another organization it is not there, rather than forbidden.
    let node = cluster.node(1);
    let stranger = node.token("alice", "globex", MINUTE);
    let stranger = node.connect_with(&stranger).await.unwrap();
    let error = stranger.refused("message:delete", delete).await;
    assert_eq!(error["code"], "NOT_FOUND");
}

/// What a connect that must be refused is told.
async fn refusal(node: &Node, token: &str) -> Value {
    match node.connect_with(token).await {
        Err(Refused::ConnectError { message, data }) => {
            assert_eq!(data["code"], *message);
            data
        }
        other => panic!("not refused: {:?}", other.map(|_| ())),
    }
}

#[tokio::test]
async fn connects_that_fail_are_counted_by_address_and_good_tokens_get_in_all_the_same() {
    let clock = manual_clock();
    let setup = Setup {
        clock: Arc::clone(&clock) as _,
        rates: rates(&[]).with_connects(None, Some(Rate::new(5, MINUTE * 5))),
        ..Setup::default()
    };
    let cluster = Cluster::with(2, setup).await;
    let expired = cluster.node(1).token_with("alice", &json!({"exp": 1}));
    for attempt in 0..5 {
        let node = cluster.node(1 + attempt % 2);
        assert_eq!(refusal(node, "bad").await["code"], "UNAUTHENTICATED");
    }
    for token in ["bad", "", &expired] {
        let error = refusal(cluster.node(2), token).await;
        assert_eq!(error["code"], "RATE_LIMITED");
        assert_eq!(error["retryAfterMs"], 60_000);
    }
    let alice = cluster.node(1).connect("alice").await;
    alice.ok("conversation:list", json!({})).await;
    clock.advance(MINUTE);
    assert_eq!(
        refusal(cluster.node(1), &expired).await["code"],
        "TOKEN_EXPIRED"
    );
    assert_eq!(
        refusal(cluster.node(1), &expired).await["code"],
        "RATE_LIMITED"
    );
}

#[tokio::test]
async fn all_connects_of_an_address_are_counted_where_that_is_limited() {
    let clock = manual_clock();
    let setup = Setup {
        clock: Arc::clone(&clock) as _,
        rates: rates(&[]).with_connects(Some(Rate::new(5, MINUTE * 5)), None),
        ..Setup::default()
    };
    let cluster = Cluster::with(2, setup).await;
    for attempt in 0..4 {
        cluster.node(1 + attempt % 2).connect("alice").await;
    }
    assert_eq!(
        refusal(cluster.node(1), "bad").await["code"],
        "UNAUTHENTICATED"
    );
    let good = cluster.node(2).token("bob", "acme", MINUTE * 60);
    for token in [good.as_str(), "bad"] {
        let error = refusal(cluster.node(2), token).await;
        assert_eq!(error["code"], "RATE_LIMITED");
        assert_eq!(error["retryAfterMs"], 60_000);
    }
    clock.advance(MINUTE);
    cluster.node(2).connect("bob").await;
}
