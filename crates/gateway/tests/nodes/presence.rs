//! One `online` and one `offline`, however many sockets and nodes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, Cluster, Setup};

/// Longer than the grace, the window and a slow machine's thoughts.
const A_WHILE: Duration = Duration::from_millis(900);

async fn cluster() -> Cluster {
    let setup = Setup {
        offline_grace: Duration::from_millis(300),
        ..Setup::default()
    };
    Cluster::with(2, setup).await
}

/// Carol, on node 1, who shares a conversation with Bob.
async fn onlooker(cluster: &Cluster) -> Client {
    let mut carol = cluster.node(1).connect("carol").await;
    carol.group(&["bob"]).await;
    // What was said of her own coming.
    carol.revs_so_far().await;
    carol.hears_nothing_of("none", A_WHILE).await;
    carol
}

async fn change(client: &mut Client) -> Value {
    let event = client.wait_for("presence:changed").await;
    let changes = event.payload()["changes"].as_array().unwrap().clone();
    assert_eq!(changes.len(), 1, "{changes:?}");
    changes[0].clone()
}

#[tokio::test]
async fn two_sockets_on_two_nodes_are_one_online_and_one_offline() {
    let cluster = cluster().await;
    let mut carol = onlooker(&cluster).await;
    let first = cluster.node(1).connect("bob").await;
    let online = change(&mut carol).await;
    assert_eq!(
        (&online["userId"], &online["status"]),
        (&json!("bob"), &json!("online"))
    );
    let second = cluster.node(2).connect("bob").await;
    first.into_inner().disconnect().await;
    carol.hears_nothing_of("presence:changed", A_WHILE).await;
    second.into_inner().disconnect().await;
    let offline = change(&mut carol).await;
    assert_eq!(
        (&offline["userId"], &offline["status"]),
        (&json!("bob"), &json!("offline"))
    );
    assert!(offline["lastSeenAt"].is_string(), "{offline}");
    carol.hears_nothing_of("presence:changed", A_WHILE).await;
}

#[tokio::test]
async fn somebody_who_reloads_on_another_node_was_never_away() {
    let cluster = cluster().await;
    let mut carol = onlooker(&cluster).await;
    let bob = cluster.node(1).connect("bob").await;
    change(&mut carol).await;
    drop(bob);
    let _bob = cluster.node(2).connect("bob").await;
    carol.hears_nothing_of("presence:changed", A_WHILE).await;
    let status = json!({"userId": "bob"});
    let presence = carol.ok("presence:user-status", status).await;
    assert_eq!(presence["presence"]["status"], "online");
}

#[tokio::test]
async fn who_comes_back_and_goes_again_has_a_whole_grace_again() {
    let setup = Setup {
        offline_grace: Duration::from_secs(2),
        ..Setup::default()
    };
    let cluster = Cluster::with(2, setup).await;
    let mut carol = onlooker(&cluster).await;
    let bob = cluster.node(1).connect("bob").await;
    change(&mut carol).await;
    bob.into_inner().disconnect().await;
    carol
        .hears_nothing_of("presence:changed", Duration::from_millis(1_400))
        .await;
    let bob = cluster.node(2).connect("bob").await;
    bob.into_inner().disconnect().await;
    // The first grace ends within this time, the second after it.
    carol
        .hears_nothing_of("presence:changed", Duration::from_millis(1_200))
        .await;
    assert_eq!(change(&mut carol).await["status"], "offline");
    carol.hears_nothing_of("presence:changed", A_WHILE).await;
}

#[tokio::test]
async fn what_somebody_chose_is_seen_until_it_is_taken_back() {
    let cluster = cluster().await;
    let mut carol = onlooker(&cluster).await;
    let mut bob = cluster.node(2).connect("bob").await;
    change(&mut carol).await;
    for (choice, seen) in [("busy", "busy"), ("offline", "offline"), ("auto", "online")] {
        let call = json!({"status": choice});
        let answer = bob.ok("presence:update", call).await;
        assert_eq!(answer["presence"]["status"], seen);
        assert_eq!(change(&mut carol).await["status"], seen);
    }
    let other = cluster.node(1).connect("bob").await;
    bob.hears_nothing_of("presence:changed", A_WHILE).await;
    let call = json!({"status": "busy", "customStatus": "in a meeting"});
    other.ok("presence:update", call).await;
    for client in [&mut carol, &mut bob] {
        let seen = change(client).await;
        assert_eq!(seen["customStatus"], "in a meeting");
    }
}
