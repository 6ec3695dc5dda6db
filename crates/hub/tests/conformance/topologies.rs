//! The suite on every other shape of Redis: each is started once, and the functions share it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use switchboard_hub::RedisOptions;
use switchboard_testkit::redis::{
    Certificates, Door, PrivateCluster, PrivateRedis, PrivateSentinel,
};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

use crate::harness::RedisHarness;

/// One function of the suite.
pub(crate) type Check = fn(&RedisHarness) -> LocalBoxFuture<'_, ()>;

/// Functions that run at the same time: most of them wait for leases to run out.
const AT_ONCE: usize = 5;

/// Long enough for that many at once, each of which connects to a whole cluster, on a busy machine.
const LEASE: Duration = Duration::from_secs(5);

/// Every method of the hub: what is between a node and one server does not change what that does.
const EACH_METHOD: &[&str] = &[
    "bus::events_of_one_publisher_arrive_in_their_order",
    "bus::nothing_arrives_after_unsubscribe",
    "bus::an_answering_hub_can_be_pinged",
    "order::a_rev_goes_out_once_and_after_those_before_it",
    "order::what_went_out_after_a_position_is_remembered_in_order",
    "sessions::a_session_is_granted_on_another_node_as_it_was",
    "sessions::a_session_that_was_ended_is_unknown",
    "presence::the_last_device_to_go_is_settled_once",
    "presence::many_are_asked_for_at_once_and_come_in_that_order",
    "reaping::what_a_node_leaves_behind_is_reaped_at_once",
    "buckets::two_nodes_share_one_bucket",
    "typing::a_stop_is_news_once",
    "registry::a_renewed_lease_carries_the_new_figures",
];

async fn everything_holds_on(url: &str, door: &Door) {
    hold_on(url, door, crate::EVERYTHING).await;
}

async fn each_method_works_on(url: &str, door: &Door) {
    let all = crate::EVERYTHING.iter().copied();
    let chosen: Vec<_> = all.filter(|(name, _)| EACH_METHOD.contains(name)).collect();
    assert_eq!(chosen.len(), EACH_METHOD.len(), "one has another name now");
    hold_on(url, door, &chosen).await;
}

async fn hold_on(url: &str, door: &Door, checks: &[(&'static str, Check)]) {
    let mut options = RedisOptions::new(url, "");
    options.lease = LEASE;
    options.tls.ca_file = door.certificates().map(Certificates::ca_file);
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let all = async {
        let mut running = JoinSet::new();
        for (name, check) in checks.iter().copied() {
            let (turns, options) = (Arc::clone(&turns), options.clone());
            running.spawn_local(async move {
                let _turn = turns.acquire().await;
                let one = tokio::task::spawn_local(async move {
                    check(&RedisHarness::on(options)).await;
                });
                one.await.err().map(|_| name)
            });
        }
        running.join_all().await
    };
    let failed: Vec<&str> = LocalSet::new()
        .run_until(all)
        .await
        .into_iter()
        .flatten()
        .collect();
    assert!(failed.is_empty(), "see above for what failed: {failed:?}");
}

#[tokio::test]
async fn redis_behind_sentinel() {
    let redis = PrivateSentinel::start(Door::default()).await;
    each_method_works_on(&redis.url(), redis.door()).await;
}

#[tokio::test]
async fn redis_cluster() {
    let redis = PrivateCluster::start(Door::default()).await;
    everything_holds_on(&redis.url(), redis.door()).await;
}

#[tokio::test]
async fn redis_with_tls_and_a_user_who_may_do_little() {
    let redis = PrivateRedis::start_behind(Door::default().with_user().with_tls()).await;
    each_method_works_on(&redis.url(), redis.door()).await;
}
