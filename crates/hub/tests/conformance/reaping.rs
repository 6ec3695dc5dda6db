//! What becomes of the users of nodes that die.

use switchboard_messaging::hub::PresenceChange::Settle;
use switchboard_protocol::PresenceStatus::{Offline, Online};

use crate::harness::{Harness, acme, alice, at, bob, globex, gone, online};

pub(crate) async fn the_users_of_a_dead_node_are_reaped_by_one_survivor(cluster: &impl Harness) {
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    let doomed = cluster.node("doomed").await;
    doomed.change(&alice(), online("s1")).await;
    doomed.change(&bob(), online("s2")).await;
    let hub = &doomed.hub;
    hub.presence_change(&globex(), &bob(), online("s3"), at(1))
        .await
        .unwrap();
    assert_eq!(a.reaps().await, []);
    doomed.dies().await;
    cluster.let_leases_run_out_but_of(&[&a, &b]).await;

    let (by_a, by_b) = tokio::join!(a.reaps(), b.reaps());
    let mut reaped = [by_a, by_b].concat();
    reaped.sort();
    assert_eq!(
        reaped,
        [(acme(), alice()), (acme(), bob()), (globex(), bob())]
    );
    assert_eq!(a.reaps().await, []);

    assert_eq!(a.presence(&alice()).await.status, Online);
    let settled = a.change(&alice(), Settle).await;
    assert_eq!((settled.changed, settled.presence.status), (true, Offline));
    assert!(!b.change(&alice(), Settle).await.changed);
}

pub(crate) async fn somebody_with_a_device_on_a_living_node_is_not_reaped(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let doomed = cluster.node("doomed").await;
    doomed.change(&alice(), online("s1")).await;
    a.change(&alice(), online("s2")).await;
    doomed.dies().await;
    cluster.let_leases_run_out_but_of(&[&a]).await;

    assert_eq!(a.reaps().await, []);
    assert_eq!(a.change(&alice(), Settle).await.devices, 1);
    assert_eq!(a.presence(&alice()).await.status, Online);
}

pub(crate) async fn a_dead_nodes_devices_do_not_count_even_before_it_is_reaped(
    cluster: &impl Harness,
) {
    let a = cluster.node("a").await;
    let doomed = cluster.node("doomed").await;
    doomed.change(&alice(), online("s1")).await;
    a.change(&alice(), online("s2")).await;
    doomed.dies().await;
    cluster.let_leases_run_out_but_of(&[&a]).await;

    assert_eq!(a.change(&alice(), gone("s2")).await.devices, 0);
    assert!(a.change(&alice(), Settle).await.changed);
}

pub(crate) async fn a_user_whom_a_dead_node_was_to_settle_is_found(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let doomed = cluster.node("doomed").await;
    doomed.change(&alice(), online("s1")).await;
    doomed.change(&alice(), gone("s1")).await;
    doomed.change(&bob(), online("s2")).await;
    doomed.change(&bob(), gone("s2")).await;
    doomed.change(&bob(), Settle).await;
    doomed.dies().await;
    cluster.let_leases_run_out_but_of(&[&a]).await;

    assert_eq!(a.reaps().await, [(acme(), alice())]);
    assert!(a.change(&alice(), Settle).await.changed);
}

pub(crate) async fn a_user_whom_a_dead_reaper_was_to_settle_is_found_again(cluster: &impl Harness) {
    let (a, reaper) = (cluster.node("a").await, cluster.node("reaper").await);
    let doomed = cluster.node("doomed").await;
    doomed.change(&alice(), online("s1")).await;
    doomed.dies().await;
    cluster.let_leases_run_out_but_of(&[&a, &reaper]).await;
    assert_eq!(reaper.reaps().await, [(acme(), alice())]);
    reaper.dies().await;
    cluster.let_leases_run_out_but_of(&[&a]).await;

    assert_eq!(a.reaps().await, [(acme(), alice())]);
}

pub(crate) async fn a_node_that_was_taken_for_dead_gets_its_devices_back(cluster: &impl Harness) {
    let (a, frozen) = (cluster.node("a").await, cluster.node("frozen").await);
    frozen.change(&alice(), online("s1")).await;
    frozen.change(&alice(), online("s2")).await;
    frozen.change(&bob(), online("s3")).await;
    cluster.let_leases_run_out_but_of(&[&a]).await;
    assert_eq!(a.reaps().await, [(acme(), alice()), (acme(), bob())]);
    // Bob's grace is not over yet when the node comes back.
    assert!(a.change(&alice(), Settle).await.changed);
    frozen.change(&alice(), gone("s1")).await;

    let seen_again = frozen.renew().await;
    assert_eq!(seen_again.len(), 1);
    let (organization, presence) = &seen_again[0];
    assert_eq!((organization, &presence.user_id), (&acme(), &alice()));
    assert_eq!(presence.status, Online);

    let settled = a.change(&bob(), Settle).await;
    assert_eq!((settled.changed, settled.devices), (false, 1));
    assert_eq!(a.change(&alice(), Settle).await.devices, 1);
    assert_eq!(a.reaps().await, []);
    assert_eq!(frozen.renew().await, []);
}

pub(crate) async fn a_node_that_stood_still_unnoticed_announces_nothing_twice(
    cluster: &impl Harness,
) {
    let (a, frozen) = (cluster.node("a").await, cluster.node("frozen").await);
    frozen.change(&alice(), online("s1")).await;
    cluster.let_leases_run_out_but_of(&[&a]).await;

    assert_eq!(frozen.renew().await, []);
    assert_eq!(a.change(&alice(), Settle).await.devices, 1);
    assert_eq!(a.reaps().await, []);
    assert_eq!(a.presence(&alice()).await.status, Online);
}

pub(crate) async fn what_a_node_leaves_behind_is_reaped_at_once(cluster: &impl Harness) {
    let (a, leaving) = (cluster.node("a").await, cluster.node("leaving").await);
    leaving.change(&alice(), online("s1")).await;
    leaving.hub.leave().await.unwrap();
    leaving.dies().await;

    assert_eq!(a.reaps().await, [(acme(), alice())]);
}

pub(crate) async fn whoever_has_devices_on_a_dead_node_only_is_not_there(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let doomed = cluster.node("doomed").await;
    doomed.change(&alice(), online("s1")).await;
    a.change(&bob(), online("s2")).await;
    doomed.dies().await;
    cluster.let_leases_run_out_but_of(&[&a]).await;
    let there = a.hub.are_there(&acme(), &[alice(), bob()]).await.unwrap();
    assert_eq!(there, [false, true]);
}

pub(crate) async fn whoever_is_on_a_node_that_came_just_now_is_there(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    a.change(&bob(), online("s1")).await;
    // With this it has looked at who lives.
    let there = a.hub.are_there(&acme(), &[alice(), bob()]).await.unwrap();
    assert_eq!(there, [false, true]);
    let b = cluster.node("b").await;
    b.change(&alice(), online("s2")).await;
    let there = a.hub.are_there(&acme(), &[alice(), bob()]).await.unwrap();
    assert_eq!(there, [true, true]);
}
