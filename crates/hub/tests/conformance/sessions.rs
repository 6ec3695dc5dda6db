//! Sessions, for clients that come back.

use std::time::Duration;

use switchboard_messaging::hub::{Claim, SessionKey, SessionRecord};
use switchboard_protocol::ConversationId;
use uuid::Uuid;

use crate::harness::{Harness, Node, acme, alice, bob, globex};

const TTL: u64 = 400;

fn key(name: &str) -> SessionKey {
    SessionKey(name.to_owned())
}

fn record(owner: &str) -> SessionRecord {
    let conversation = |number| ConversationId(Uuid::from_u128(number));
    SessionRecord {
        namespace: "/chat".to_owned(),
        began: Some("epoch.7".to_owned()),
        user: alice(),
        socket: "a-socket-of-20-chars".into(),
        owner: owner.into(),
        entered: [(conversation(1), 7)].into(),
        left: [conversation(2)].into(),
    }
}

async fn save(node: &Node, owner: &str) {
    let hub = &node.hub;
    hub.session_save(&acme(), &key("k"), &record(owner), TTL)
        .await
        .unwrap();
}

async fn claim(node: &Node, owner: &str) -> Claim {
    let hub = &node.hub;
    hub.session_claim(&acme(), &key("k"), &alice(), owner, TTL)
        .await
        .unwrap()
}

fn granted(owner: &str) -> Claim {
    Claim::Granted(Box::new(record(owner)))
}

pub(crate) async fn a_session_is_granted_on_another_node_as_it_was(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let b = cluster.node("b").await;
    save(&a, "a/1").await;
    assert_eq!(claim(&b, "b/1").await, granted("a/1"));
}

pub(crate) async fn nobody_else_gets_a_session(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    save(&a, "a/1").await;
    let hub = &a.hub;
    let ask = async |organization, name, user| {
        let key = key(name);
        hub.session_claim(&organization, &key, &user, "b/1", TTL)
            .await
            .unwrap()
    };
    assert_eq!(ask(acme(), "k", bob()).await, Claim::Identity);
    assert_eq!(ask(globex(), "k", alice()).await, Claim::Unknown);
    assert_eq!(ask(acme(), "other", alice()).await, Claim::Unknown);
    assert_eq!(ask(acme(), "k", alice()).await, granted("a/1"));
}

pub(crate) async fn who_claimed_it_last_has_it(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    save(&a, "a/1").await;
    claim(&a, "b/1").await;
    // The one that had it does not know yet.
    save(&a, "a/1").await;
    a.hub.session_end(&acme(), &key("k"), "a/1").await.unwrap();
    assert!(matches!(claim(&a, "c/1").await, Claim::Granted(_)));
    save(&a, "c/1").await;
    assert_eq!(claim(&a, "d/1").await, granted("c/1"));
}

pub(crate) async fn a_session_that_was_ended_is_unknown(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    save(&a, "a/1").await;
    a.hub.session_end(&acme(), &key("k"), "a/1").await.unwrap();
    assert_eq!(claim(&a, "b/1").await, Claim::Unknown);
}

pub(crate) async fn a_session_lasts_for_as_long_as_it_is_kept_and_no_longer(
    cluster: &impl Harness,
) {
    let a = cluster.node("a").await;
    save(&a, "a/1").await;
    for _ in 0..3 {
        cluster.let_time_pass(Duration::from_millis(TTL / 2)).await;
        let sessions = [(acme(), key("k")), (acme(), key("none"))];
        assert_eq!(a.hub.session_keep(&sessions, TTL).await.unwrap(), [1]);
    }
    cluster.let_time_pass(Duration::from_millis(TTL + 20)).await;
    assert_eq!(claim(&a, "b/1").await, Claim::Expired);
    assert_eq!(claim(&a, "b/1").await, Claim::Unknown);
}
