//! Who of an organization is there, and how many.

use switchboard_messaging::hub::{Device, Headcount, PresenceChange, PresenceChange::Settle};
use switchboard_protocol::PresenceStatus::{self, Away, Busy, Offline, Online};
use switchboard_protocol::UserId;

use crate::harness::{
    Harness, Node, acme, alice, at, away, bob, choose, globex, gone, online, user,
};

/// A socket of a device that has a name.
fn of_device(socket: &str, name: &str) -> PresenceChange {
    PresenceChange::Device(Device {
        socket: socket.into(),
        status: Online,
        name: Some(name.into()),
    })
}

/// A page of those who are there: who they are, after whom the next ones come, and how many there are.
async fn page(
    node: &Node,
    after: Option<&UserId>,
    limit: usize,
) -> (Vec<(UserId, PresenceStatus)>, Option<UserId>, u64) {
    let roster = node.hub.roster(&acme(), after, limit).await.unwrap();
    assert!(!roster.degraded);
    let presences = roster.presences.into_iter();
    let users = presences.map(|presence| (presence.user_id, presence.status));
    (users.collect(), roster.next, roster.total)
}

async fn everybody(node: &Node) -> Vec<(UserId, PresenceStatus)> {
    let (users, next, total) = page(node, None, 100).await;
    assert_eq!((next, total), (None, users.len() as u64));
    users
}

async fn count(node: &Node) -> Headcount {
    node.hub.headcount(&acme()).await.unwrap()
}

pub(crate) async fn those_who_are_there_come_in_pages_in_the_order_of_their_ids(
    cluster: &impl Harness,
) {
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    assert_eq!(everybody(&a).await, []);
    // Bytes count: large letters come before small ones.
    for name in ["b", "c", "B", "a-1", "a"] {
        a.change(&user(name), online("s")).await;
    }
    b.change(&user("c"), choose(Some(Busy))).await;
    a.change(&user("b"), away("s")).await;
    let (first, next, total) = page(&b, None, 2).await;
    assert_eq!(first, [(user("B"), Online), (user("a"), Online)]);
    assert_eq!((next.clone(), total), (Some(user("a")), 5));
    // Who goes and who comes meanwhile moves nobody else to another page.
    b.change(&user("a"), choose(Some(Offline))).await;
    a.change(&user("A"), online("s")).await;
    let (second, next, total) = page(&b, next.as_ref(), 2).await;
    assert_eq!(second, [(user("a-1"), Online), (user("b"), Away)]);
    assert_eq!(total, 5);
    let (last, next, _) = page(&b, next.as_ref(), 2).await;
    assert_eq!((last, next), (vec![(user("c"), Busy)], None));
}

pub(crate) async fn whoever_appears_offline_or_went_is_not_there(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    a.change(&alice(), online("s1")).await;
    a.change(&bob(), online("s2")).await;
    a.change(&alice(), choose(Some(Offline))).await;
    assert_eq!(everybody(&a).await, [(bob(), Online)]);
    // Not even the number of sockets tells of her.
    let seen = count(&a).await;
    assert_eq!((seen.online, seen.sockets, seen.devices), (1, 1, 1));
    a.change(&alice(), online("s3")).await;
    assert_eq!(count(&a).await, seen);
    a.change(&alice(), choose(None)).await;
    let seen = count(&a).await;
    assert_eq!((seen.online, seen.sockets, seen.devices), (2, 3, 3));

    a.change(&bob(), gone("s2")).await;
    assert_eq!(everybody(&a).await.len(), 2, "the grace is not over");
    a.change(&bob(), Settle).await;
    assert_eq!(everybody(&a).await, [(alice(), Online)]);
    a.change(&alice(), gone("s1")).await;
    a.change(&alice(), gone("s3")).await;
    a.change(&alice(), Settle).await;
    assert_eq!(count(&a).await, Headcount::default());
}

pub(crate) async fn users_sockets_and_devices_are_counted_over_all_nodes(cluster: &impl Harness) {
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    a.change(&alice(), of_device("s1", "phone")).await;
    a.change(&alice(), of_device("s2", "phone")).await;
    a.change(&alice(), of_device("s3", "laptop/old")).await;
    b.change(&alice(), online("s4")).await;
    b.change(&alice(), online("s4")).await;
    b.change(&bob(), away("s5")).await;
    b.change(&user("carol"), online("s6")).await;
    b.change(&user("carol"), choose(Some(Busy))).await;
    let expected = Headcount {
        online: 1,
        away: 1,
        busy: 1,
        sockets: 6,
        devices: 5,
        degraded: false,
    };
    assert_eq!(count(&a).await, expected);
    assert_eq!(count(&b).await, expected);
    a.change(&alice(), gone("s1")).await;
    let less = count(&b).await;
    assert_eq!(
        (less.sockets, less.devices),
        (5, 5),
        "the phone is still there"
    );
    a.change(&alice(), gone("s2")).await;
    a.change(&alice(), gone("s2")).await;
    let less = count(&b).await;
    assert_eq!((less.online, less.sockets, less.devices), (1, 4, 4));
}

pub(crate) async fn organizations_do_not_see_each_other(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    a.hub
        .presence_change(&globex(), &alice(), online("s1"), at(1))
        .await
        .unwrap();
    assert_eq!(everybody(&a).await, []);
    assert_eq!(count(&a).await, Headcount::default());
    assert_eq!(a.hub.headcount(&globex()).await.unwrap().sockets, 1);
}

pub(crate) async fn what_a_dead_node_had_is_gone_with_it(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let doomed = cluster.node("doomed").await;
    doomed.change(&alice(), online("s1")).await;
    doomed.change(&bob(), online("s2")).await;
    a.change(&bob(), online("s3")).await;
    doomed.dies().await;
    cluster.let_leases_run_out_but_of(&[&a]).await;
    for (_, user) in a.reaps().await {
        a.change(&user, Settle).await;
    }
    assert_eq!(everybody(&a).await, [(bob(), Online)]);
    let left = count(&a).await;
    assert_eq!((left.online, left.sockets, left.devices), (1, 1, 1));
}

pub(crate) async fn a_node_that_was_taken_for_dead_counts_once(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let frozen = cluster.node("frozen").await;
    frozen.change(&alice(), of_device("s1", "phone")).await;
    frozen.change(&alice(), of_device("s2", "phone")).await;
    cluster.let_leases_run_out_but_of(&[&a]).await;
    for (_, user) in a.reaps().await {
        a.change(&user, Settle).await;
    }
    assert_eq!(count(&a).await, Headcount::default());
    frozen.renew().await;
    a.renew().await;
    assert_eq!(everybody(&a).await, [(alice(), Online)]);
    let counted = count(&a).await;
    assert_eq!((counted.sockets, counted.devices), (2, 1));
}

pub(crate) async fn idleness_that_is_told_late_is_no_sign_of_life(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    a.change_at(&alice(), online("s1"), 5_000).await;
    let idle = a.change_at(&alice(), away("s1"), 2_000).await;
    assert_eq!(idle.presence.last_seen_at, Some(at(5_000)));
    let idle = a.change_at(&alice(), online("s1"), 6_000).await;
    assert_eq!(idle.presence.last_seen_at, Some(at(6_000)));
}
