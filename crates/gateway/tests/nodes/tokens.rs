//! Tokens that are replaced, run out and are revoked while their sockets are connected.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use switchboard_messaging::Clock;
use switchboard_messaging::clock::ManualClock;
use switchboard_protocol::{OrganizationId, Timestamp, UserId};
use switchboard_testkit::client::{Refused, SocketClient};
use tokio::time::{Instant, timeout};

use crate::support::{Client, Cluster, Fate, Node, ORGANIZATION, SECRETS, Setup};

const SECOND: Duration = Duration::from_secs(1);
/// Within it a revocation holds everywhere.
const PROMISE: Duration = Duration::from_secs(2);

async fn with_a_clock(nodes: usize) -> (Cluster, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
    let setup = Setup {
        clock: Arc::clone(&clock) as _,
        ..Setup::default()
    };
    (Cluster::with(nodes, setup).await, clock)
}

fn acme() -> OrganizationId {
    OrganizationId::new(ORGANIZATION).unwrap()
}

fn alice() -> UserId {
    UserId::new("alice").unwrap()
}

async fn connect(node: &Node, user: &str, claims: Value) -> Client {
    let token = node.token_with(user, &claims);
    node.connect_with(&token).await.unwrap()
}

/// The code that a token is refused with, and what it says.
async fn refusal(node: &Node, user: &str, claims: Value) -> (String, String) {
    let token = node.token_with(user, &claims);
    match node.connect_with(&token).await {
        Err(Refused::ConnectError { message, data }) => {
            (message, data["message"].as_str().unwrap().to_owned())
        }
        other => panic!("not refused: {:?}", other.map(|_| ())),
    }
}

/// The server ends a socket, for good, in the time that is promised; why it says so.
async fn is_sent_away(client: &mut SocketClient) -> Value {
    let end = timeout(PROMISE, client.wait_for_end()).await.unwrap();
    assert_eq!(end, "io server disconnect");
    client.wait_for("error").await.payload().clone()
}

async fn goes_on(client: &Client) {
    client.ok("conversation:list", json!({})).await;
}

#[tokio::test]
async fn who_refreshed_is_warned_and_ends_with_the_newer_token() {
    let (cluster, clock) = with_a_clock(1).await;
    let node = cluster.node(1);
    let now = clock.now().as_millis() / 1000;
    let mut client = connect(node, "alice", json!({"exp": now + 100})).await;
    clock.advance(SECOND * 41);
    client.wait_for("auth:expiring").await;
    let exp = now + 200;
    let newer = node.token_with("alice", &json!({"exp": exp}));
    let data = client.ok("auth:refresh", json!({"token": newer})).await;
    let expires_at = Timestamp::from_millis(exp * 1000).to_string();
    assert_eq!(data, json!({"expiresAt": expires_at}));

    // Past the old end, and a while for whoever looks at the clock.
    clock.advance(SECOND * 60);
    client.hears_nothing_of("auth:expiring", SECOND).await;
    goes_on(&client).await;
    clock.advance(SECOND * 40);
    let warning = client.wait_for("auth:expiring").await;
    assert_eq!(warning.payload()["expiresAt"], expires_at);
    goes_on(&client).await;
    clock.advance(SECOND * 60);
    assert_eq!(client.wait_for_end().await, "io server disconnect");
}

#[tokio::test]
async fn a_token_that_is_not_taken_changes_nothing() {
    let (cluster, clock) = with_a_clock(1).await;
    let node = cluster.node(1);
    let now = clock.now().as_millis() / 1000;
    let mut client = connect(node, "alice", json!({"exp": now + 100})).await;
    let later = now + 1_000;
    let cases = [
        (node.token_with("bob", &json!({"exp": later})), "FORBIDDEN"),
        (
            node.token_with("alice", &json!({"exp": later, "org": "globex"})),
            "FORBIDDEN",
        ),
        (
            node.token_with("alice", &json!({"exp": now})),
            "TOKEN_EXPIRED",
        ),
        ("not a token".to_owned(), "UNAUTHENTICATED"),
    ];
    for (token, code) in cases {
        let error = client
            .refused("auth:refresh", json!({"token": token}))
            .await;
        assert_eq!(error["code"], code, "{error}");
        assert_eq!(*client.wait_for("error").await.payload(), error);
    }
    let error = client.refused("auth:refresh", json!({})).await;
    assert_eq!(error["code"], "VALIDATION_FAILED");
    clock.advance(SECOND * 100);
    assert_eq!(client.wait_for_end().await, "io server disconnect");
}

#[tokio::test]
async fn tokens_that_do_not_pass_count_towards_the_ten_refusals() {
    let cluster = Cluster::of(1).await;
    let mut client = cluster.node(1).connect("alice").await;
    for _ in 0..9 {
        client.refused("auth:refresh", json!({"token": "x"})).await;
    }
    goes_on(&client).await;
    client.emit("auth:refresh", json!({"token": "x"})).await;
    assert_eq!(client.wait_for_end().await, "io server disconnect");
}

#[tokio::test]
async fn a_revoked_token_ends_its_sockets_on_every_node_and_opens_no_new_ones() {
    let cluster = Cluster::of(2).await;
    let (one, two) = (cluster.node(1), cluster.node(2));
    let t1 = json!({"jti": "t1"});
    let mut here = connect(one, "alice", t1.clone()).await;
    let mut there = connect(two, "alice", t1.clone()).await;
    let other_token = connect(two, "alice", json!({"jti": "t2"})).await;
    let elsewhere = connect(two, "alice", json!({"jti": "t1", "org": "globex"})).await;
    // The newer token is the one that counts.
    let refreshed = connect(two, "alice", t1.clone()).await;
    let newer = two.token_with("alice", &json!({"jti": "t3"}));
    refreshed.ok("auth:refresh", json!({"token": newer})).await;
    let mut caught = connect(two, "alice", json!({"jti": "t2"})).await;
    let newer = two.token_with("alice", &t1);
    caught.ok("auth:refresh", json!({"token": newer})).await;

    one.messaging
        .revoke_token(&acme(), "t1", None)
        .await
        .unwrap();
    for client in [&mut here, &mut there, &mut caught] {
        let told = is_sent_away(client).await;
        assert_eq!(told["code"], "UNAUTHENTICATED");
        assert_eq!(told["message"], "the token was revoked");
    }
    for client in [&other_token, &elsewhere, &refreshed] {
        goes_on(client).await;
    }
    for node in [one, two] {
        let (code, text) = refusal(node, "alice", t1.clone()).await;
        assert_eq!(
            (code.as_str(), text.as_str()),
            ("UNAUTHENTICATED", "the token was revoked")
        );
    }
    let token = two.token_with("alice", &t1);
    let error = refreshed
        .refused("auth:refresh", json!({"token": token}))
        .await;
    assert_eq!(error["code"], "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_users_tokens_are_revoked_that_were_issued_before_a_moment() {
    let (cluster, clock) = with_a_clock(2).await;
    let (one, two) = (cluster.node(1), cluster.node(2));
    let now = clock.now();
    let seconds = now.as_millis() / 1000;
    let mut old = connect(two, "alice", json!({"iat": seconds - 1})).await;
    let mut ageless = connect(two, "alice", json!({"iat": null})).await;
    let fresh = connect(two, "alice", json!({"iat": seconds})).await;
    let bob = connect(two, "bob", json!({"iat": seconds - 1})).await;
    let elsewhere = connect(two, "alice", json!({"iat": seconds - 1, "org": "globex"})).await;
    one.messaging
        .revoke_user(&acme(), &alice(), now)
        .await
        .unwrap();
    for client in [&mut old, &mut ageless] {
        assert_eq!(is_sent_away(client).await["code"], "UNAUTHENTICATED");
    }
    for client in [&fresh, &bob, &elsewhere] {
        goes_on(client).await;
    }
    for node in [one, two] {
        refusal(node, "alice", json!({"iat": seconds - 1})).await;
        connect(node, "alice", json!({"iat": seconds})).await;
    }
}

#[tokio::test]
async fn a_user_who_is_sent_away_is_told_why_and_may_come_back() {
    let cluster = Cluster::of(2).await;
    let (one, two) = (cluster.node(1), cluster.node(2));
    let mut here = one.connect("alice").await;
    let mut there = two.connect("alice").await;
    let bob = two.connect("bob").await;
    let reason = Some("<b>maintenance</b>");
    one.messaging
        .disconnect_user(&acme(), &alice(), reason)
        .await
        .unwrap();
    for client in [&mut here, &mut there] {
        let told = is_sent_away(client).await;
        assert_eq!(
            (&told["code"], &told["message"]),
            (&json!("UNAUTHENTICATED"), &json!("maintenance"))
        );
    }
    goes_on(&bob).await;
    let back = [one.connect("alice").await, two.connect("alice").await];
    // Nor is anybody sent away twice when it is read in the database.
    tokio::time::sleep(PROMISE).await;
    for client in &back {
        goes_on(client).await;
    }
}

#[tokio::test]
async fn a_node_that_hears_nothing_reads_it_in_time() {
    let cluster = Cluster::of(2).await;
    let (one, two) = (cluster.node(1), cluster.node(2));
    one.hub.treat(|_| Fate::Lost);
    let mut by_token = connect(two, "alice", json!({"jti": "t1"})).await;
    let mut sent_away = two.connect("bob").await;
    let begun = Instant::now();
    one.messaging
        .revoke_token(&acme(), "t1", None)
        .await
        .unwrap();
    let bob = UserId::new("bob").unwrap();
    one.messaging
        .disconnect_user(&acme(), &bob, None)
        .await
        .unwrap();
    is_sent_away(&mut by_token).await;
    is_sent_away(&mut sent_away).await;
    assert!(begun.elapsed() < PROMISE, "{:?}", begun.elapsed());
    refusal(two, "alice", json!({"jti": "t1"})).await;
    two.connect("bob").await;
}

#[tokio::test]
async fn what_was_revoked_while_the_store_was_away_is_read_when_it_is_back() {
    let cluster = Cluster::of(2).await;
    let (one, two) = (cluster.node(1), cluster.node(2));
    one.hub.treat(|_| Fate::Lost);
    two.store.break_down(Some("revocations"));
    let mut client = connect(two, "alice", json!({"jti": "t1"})).await;
    one.messaging
        .revoke_token(&acme(), "t1", None)
        .await
        .unwrap();
    client.hears_nothing_of("error", SECOND * 2).await;
    goes_on(&client).await;
    two.store.break_down(None);
    is_sent_away(&mut client).await;
}

#[tokio::test]
async fn a_socket_that_was_just_connecting_goes_too() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    // Its token was good when it was looked at; the rest of its connect waits.
    let gate = node.store.gate("before all_unread_of");
    let token = node.token_with("alice", &json!({"jti": "t1"}));
    let connecting = SocketClient::connect(&node.url, json!({"token": token}));
    let revoking = async {
        gate.reached().await;
        node.messaging
            .revoke_token(&acme(), "t1", None)
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        gate.open();
    };
    let (connected, ()) = tokio::join!(connecting, revoking);
    is_sent_away(&mut connected.unwrap()).await;
}

#[tokio::test]
async fn what_is_not_stored_is_not_revoked_and_nothing_internal_is_told() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    let client = connect(node, "alice", json!({"jti": "t1"})).await;
    node.store.break_down(Some("revoke"));
    let error = node
        .messaging
        .revoke_token(&acme(), "t1", None)
        .await
        .unwrap_err();
    assert_eq!(error.code.as_str(), "UNAVAILABLE");
    assert!(!error.message.contains(SECRETS));
    goes_on(&client).await;
}

#[tokio::test]
async fn a_token_id_and_a_reason_are_so_long_and_no_longer() {
    let cluster = Cluster::of(1).await;
    let messaging = &cluster.node(1).messaging;
    let code = |error: switchboard_protocol::ErrorObject| error.code.as_str();
    let token = async |jti: &str| {
        messaging
            .revoke_token(&acme(), jti, None)
            .await
            .map_err(code)
    };
    assert_eq!(token(&"é".repeat(256)).await, Ok(()));
    for bad in ["", "a\0b", &"é".repeat(257)] {
        assert_eq!(token(bad).await, Err("VALIDATION_FAILED"), "{bad:?}");
    }
    let away = async |reason: &str| {
        let (acme, alice) = (acme(), alice());
        let done = messaging.disconnect_user(&acme, &alice, Some(reason));
        done.await.map_err(code)
    };
    assert_eq!(away(&"é".repeat(200)).await, Ok(()));
    assert_eq!(away(&"é".repeat(201)).await, Err("VALIDATION_FAILED"));
}
