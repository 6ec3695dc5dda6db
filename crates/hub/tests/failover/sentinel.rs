//! A primary behind Sentinel.

use std::time::Instant;

use switchboard_testkit::redis::{Door, PrivateSentinel, SERVICE};

use crate::node::Pair;

#[tokio::test]
async fn a_killed_primary_is_replaced() {
    let mut redis = PrivateSentinel::start(Door::default()).await;
    let mut nodes = Pair::connect(&redis.url(), redis.door()).await;
    let old = redis.primary().await;
    redis.kill(old);
    let failed = Instant::now();
    nodes.notice().await;
    nodes.recovers(failed).await;

    // As a replica it must not be taken for the primary.
    redis.successor_of(old).await;
    redis.restart(old).await;
    assert_ne!(redis.primary().await, old);
    nodes.recovers(Instant::now()).await;
}

#[tokio::test]
async fn a_killed_primary_behind_tls_and_passwords_is_replaced() {
    let mut redis = PrivateSentinel::start(Door::default().with_password().with_tls()).await;
    let mut nodes = Pair::connect(&redis.url(), redis.door()).await;
    let old = redis.primary().await;
    redis.kill(old);
    nodes.recovers(Instant::now()).await;
}

#[tokio::test]
async fn a_primary_that_hangs_is_left_though_its_connections_stay_open() {
    let mut redis = PrivateSentinel::start(Door::default()).await;
    let mut nodes = Pair::connect(&redis.url(), redis.door()).await;
    let old = redis.primary().await;
    redis.pause(old);
    let failed = Instant::now();
    nodes.notice().await;
    redis.successor_of(old).await;
    nodes.recovers(failed).await;

    redis.resume(old);
    assert_ne!(redis.primary().await, old);
    nodes.recovers(Instant::now()).await;
}

#[tokio::test]
async fn a_sentinel_that_hangs_keeps_nobody_from_starting_or_from_the_new_primary() {
    let mut redis = PrivateSentinel::start(Door::default()).await;
    // The one that is asked first: the address of the URL comes last in fred.
    redis.pause(redis.sentinels()[1]);
    let mut nodes = Pair::connect(&redis.url(), redis.door()).await;
    let old = redis.primary().await;
    redis.kill(old);
    redis.successor_of(old).await;
    nodes.recovers(Instant::now()).await;
}

#[tokio::test]
async fn a_primary_that_is_demoted_is_left() {
    let mut redis = PrivateSentinel::start(Door::default()).await;
    let mut nodes = Pair::connect(&redis.url(), redis.door()).await;
    let old = redis.primary().await;
    let command = ["SENTINEL", "FAILOVER", SERVICE];
    redis.ask(redis.sentinels()[0], &command).await;
    let failed = Instant::now();
    redis.successor_of(old).await;
    nodes.recovers(failed).await;
}
