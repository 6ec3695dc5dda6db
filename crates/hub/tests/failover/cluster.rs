//! The primary of one shard of a Redis Cluster.

use std::time::Instant;

use switchboard_testkit::redis::{Door, PrivateCluster};

use crate::node::Pair;

/// In the slot of everything that the nodes tell each other.
const KEY: &str = "{acme}";

#[tokio::test]
async fn a_killed_primary_is_replaced() {
    let mut redis = PrivateCluster::start(Door::default()).await;
    let mut nodes = Pair::connect(&redis.url(), redis.door()).await;
    let (old, _) = redis.serving(KEY).await;
    redis.kill(old);
    let failed = Instant::now();
    nodes.notice().await;
    nodes.recovers(failed).await;

    redis.restart(old).await;
    nodes.recovers(Instant::now()).await;
}

#[tokio::test]
async fn a_killed_primary_behind_tls_and_a_password_is_replaced() {
    let mut redis = PrivateCluster::start(Door::default().with_password().with_tls()).await;
    let mut nodes = Pair::connect(&redis.url(), redis.door()).await;
    let (old, _) = redis.serving(KEY).await;
    redis.kill(old);
    nodes.recovers(Instant::now()).await;
}

#[tokio::test]
async fn a_primary_that_hangs_is_left_though_its_connections_stay_open() {
    let mut redis = PrivateCluster::start(Door::default()).await;
    let mut nodes = Pair::connect(&redis.url(), redis.door()).await;
    let (old, _) = redis.serving(KEY).await;
    redis.pause(old);
    let failed = Instant::now();
    nodes.notice().await;
    nodes.recovers(failed).await;

    redis.resume(old);
    nodes.recovers(Instant::now()).await;
}

#[tokio::test]
async fn a_primary_that_comes_back_empty_is_told_of_devices_though_leases_were_elsewhere() {
    let mut redis = PrivateCluster::start(Door::default()).await;
    let mut nodes = Pair::connect(&redis.url(), redis.door()).await;
    let (old, _) = redis.serving(KEY).await;
    assert_ne!(redis.serving("{nodes}").await.0, old);
    // Back before its replica takes its place, which then forgets all too.
    redis.restart(old).await;
    nodes.recovers(Instant::now()).await;
}

#[tokio::test]
async fn who_only_listens_hears_on_after_a_planned_failover() {
    let mut redis = PrivateCluster::start(Door::default()).await;
    let mut nodes = Pair::connect(&redis.url(), redis.door()).await;
    let (old, replica) = redis.serving(KEY).await;
    redis.ask(replica.unwrap(), &["CLUSTER", "FAILOVER"]).await;
    redis.successor_of(old, KEY).await;
    nodes.hear_from_others(Instant::now()).await;
    nodes.recovers(Instant::now()).await;
}

#[tokio::test]
async fn a_slot_moves_to_another_shard_while_it_is_used() {
    let mut redis = PrivateCluster::start(Door::default()).await;
    let mut nodes = Pair::connect(&redis.url(), redis.door()).await;
    let (from, _) = redis.serving(KEY).await;
    let mut to = from;
    for key in ["a", "b", "c", "d", "e", "f"] {
        let (port, _) = redis.serving(key).await;
        to = if port == from { to } else { port };
    }
    let moving = redis.begin_to_move(KEY, from, to).await;
    // What is in the slot is found in it. What is not is done without, in time and to nobody's harm.
    nodes.0.spends().await;
    nodes.recovers(Instant::now()).await;
    redis.end_of_move(&moving).await;
    nodes.hear_from_others(Instant::now()).await;
    nodes.recovers(Instant::now()).await;
}
