//! Who is there.

use switchboard_messaging::hub::PresenceChange::{Choose, Settle};
use switchboard_protocol::PresenceStatus::{Away, Busy, Offline, Online};
use switchboard_protocol::{Presence, UserId};

use crate::harness::{Harness, acme, alice, at, away, bob, choose, globex, gone, online, user};

pub(crate) async fn somebody_unknown_is_offline(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    assert_eq!(a.presence(&alice()).await, Presence::unknown(alice()));
    let nobody = a.hub.presence_of(&acme(), &[]).await.unwrap();
    assert_eq!((nobody.presences, nobody.degraded), (vec![], false));
}

pub(crate) async fn two_devices_on_two_nodes_are_one_online(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let b = cluster.node("b").await;

    let first = a.change(&alice(), online("s1")).await;
    assert!(first.changed);
    assert_eq!((first.presence.status, first.devices), (Online, 1));

    let second = b.change(&alice(), online("s2")).await;
    assert!(!second.changed);
    assert_eq!((second.presence.status, second.devices), (Online, 2));

    let again = a.change(&alice(), online("s1")).await;
    assert_eq!((again.changed, again.devices), (false, 2));
}

pub(crate) async fn the_last_device_to_go_is_settled_once(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let b = cluster.node("b").await;
    a.change(&alice(), online("s1")).await;
    b.change(&alice(), online("s2")).await;

    let one_gone = a.change(&alice(), gone("s1")).await;
    assert_eq!((one_gone.changed, one_gone.devices), (false, 1));
    assert!(!a.change(&alice(), Settle).await.changed);

    let last_gone = b.change(&alice(), gone("s2")).await;
    assert_eq!((last_gone.changed, last_gone.devices), (false, 0));
    assert_eq!(a.presence(&alice()).await.status, Online);

    let settled = b.change(&alice(), Settle).await;
    assert!(settled.changed);
    assert_eq!(settled.presence.status, Offline);
    assert!(!a.change(&alice(), Settle).await.changed);
    assert_eq!(a.presence(&alice()).await.status, Offline);
}

pub(crate) async fn somebody_who_comes_back_within_the_grace_flaps_nothing(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let b = cluster.node("b").await;
    a.change(&alice(), online("s1")).await;
    a.change(&alice(), gone("s1")).await;

    assert!(!b.change(&alice(), online("s2")).await.changed);
    let settled = a.change(&alice(), Settle).await;
    assert_eq!((settled.changed, settled.devices), (false, 1));
    assert_eq!(a.presence(&alice()).await.status, Online);
}

pub(crate) async fn the_strongest_device_counts(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let b = cluster.node("b").await;
    a.change(&alice(), online("s1")).await;
    b.change(&alice(), online("s2")).await;

    assert!(!a.change(&alice(), away("s1")).await.changed);
    let both_away = b.change(&alice(), away("s2")).await;
    assert_eq!((both_away.changed, both_away.presence.status), (true, Away));
    let one_back = a.change(&alice(), online("s1")).await;
    assert_eq!((one_back.changed, one_back.presence.status), (true, Online));
    let only_away = a.change(&alice(), gone("s1")).await;
    assert_eq!((only_away.changed, only_away.presence.status), (true, Away));
}

pub(crate) async fn a_choice_wins_over_devices(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let b = cluster.node("b").await;
    a.change(&alice(), online("s1")).await;

    let busy = b.change(&alice(), choose(Some(Busy))).await;
    assert_eq!((busy.changed, busy.presence.status), (true, Busy));
    assert!(!b.change(&alice(), choose(Some(Busy))).await.changed);
    assert!(!a.change(&alice(), away("s1")).await.changed);
    assert_eq!(a.presence(&alice()).await.status, Busy);

    let auto = a.change(&alice(), choose(None)).await;
    assert_eq!((auto.changed, auto.presence.status), (true, Away));
}

pub(crate) async fn somebody_may_appear_offline(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    a.change_at(&alice(), online("s1"), 1_000).await;

    let hidden = a.change_at(&alice(), choose(Some(Offline)), 2_000).await;
    assert_eq!((hidden.changed, hidden.presence.status), (true, Offline));
    assert_eq!(hidden.devices, 1);

    // Nobody can tell from the time last seen that there is somebody.
    let still = a.change_at(&alice(), online("s2"), 3_000).await;
    assert_eq!((still.changed, still.devices), (false, 2));
    assert_eq!(still.presence.last_seen_at, Some(at(2_000)));
    a.change_at(&alice(), gone("s1"), 4_000).await;
    a.change_at(&alice(), gone("s2"), 5_000).await;
    let settled = a.change_at(&alice(), Settle, 6_000).await;
    assert!(!settled.changed);
    assert_eq!(settled.presence.last_seen_at, Some(at(2_000)));
}

pub(crate) async fn a_choice_made_without_a_device_counts_with_the_next_one(
    cluster: &impl Harness,
) {
    let a = cluster.node("a").await;
    let chosen = a.change(&alice(), choose(Some(Busy))).await;
    assert_eq!((chosen.changed, chosen.presence.status), (false, Offline));

    let here = a.change(&alice(), online("s1")).await;
    assert_eq!((here.changed, here.presence.status), (true, Busy));
    a.change(&alice(), gone("s1")).await;
    let settled = a.change(&alice(), Settle).await;
    assert_eq!((settled.changed, settled.presence.status), (true, Offline));
}

pub(crate) async fn a_custom_status_is_announced_when_it_changes(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    a.change(&alice(), online("s1")).await;
    let say = |custom_status: Option<Option<&str>>| Choose {
        status: None,
        custom_status: custom_status.map(|text| text.map(str::to_owned)),
    };

    let said = a
        .change(&alice(), say(Some(Some("in a meeting: ü ☕"))))
        .await;
    assert!(said.changed);
    assert_eq!(
        said.presence.custom_status.as_deref(),
        Some("in a meeting: ü ☕")
    );
    assert!(
        !a.change(&alice(), say(Some(Some("in a meeting: ü ☕"))))
            .await
            .changed
    );
    assert!(!a.change(&alice(), say(None)).await.changed);
    assert_eq!(
        a.presence(&alice()).await.custom_status.as_deref(),
        Some("in a meeting: ü ☕")
    );

    let cleared = a.change(&alice(), say(Some(None))).await;
    assert!(cleared.changed);
    assert_eq!(cleared.presence.custom_status, None);
    assert!(!a.change(&alice(), say(Some(None))).await.changed);
}

pub(crate) async fn last_seen_is_when_they_were_last_heard_of(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    a.change_at(&alice(), online("s1"), 1_700_000_000_001).await;
    assert_eq!(
        a.presence(&alice()).await.last_seen_at,
        Some(at(1_700_000_000_001))
    );
    a.change_at(&alice(), gone("s1"), 1_700_000_000_002).await;
    assert_eq!(
        a.presence(&alice()).await.last_seen_at,
        Some(at(1_700_000_000_002))
    );
    let settled = a.change_at(&alice(), Settle, 1_700_000_000_003).await;
    assert_eq!(settled.presence.last_seen_at, Some(at(1_700_000_000_003)));
    a.change_at(&alice(), Settle, 1_700_000_000_004).await;
    assert_eq!(
        a.presence(&alice()).await.last_seen_at,
        Some(at(1_700_000_000_003))
    );
}

pub(crate) async fn many_are_asked_for_at_once_and_come_in_that_order(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let users: Vec<UserId> = (0..500).map(|n| user(&format!("user-{n}"))).collect();
    for there in users.iter().step_by(100) {
        a.change(there, online(&format!("socket of {there}"))).await;
    }

    let presences = a.hub.presence_of(&acme(), &users).await.unwrap();
    let presences = presences.presences;
    assert_eq!(presences.len(), 500);
    for (n, (presence, asked)) in presences.iter().zip(&users).enumerate() {
        assert_eq!(&presence.user_id, asked);
        let expected = if n % 100 == 0 { Online } else { Offline };
        assert_eq!(presence.status, expected);
    }
}

pub(crate) async fn organizations_with_the_same_names_are_not_confused(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    a.change(&alice(), online("s1")).await;
    let theirs = a.hub.presence_of(&globex(), &[alice()]).await.unwrap();
    assert_eq!(theirs.presences, [Presence::unknown(alice())]);
    assert_eq!(a.presence(&bob()).await.status, Offline);
}

pub(crate) async fn concurrent_devices_announce_one_online(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let b = cluster.node("b").await;
    let (who, nodes) = (alice(), [&a, &b]);
    let arrivals = (0..40).map(|n| nodes[n % 2].change(&who, online(&format!("s{n}"))));
    let outcomes = futures_util::future::join_all(arrivals).await;
    let announced = outcomes.iter().filter(|outcome| outcome.changed).count();
    assert_eq!(announced, 1);
    assert_eq!(a.change(&who, Settle).await.devices, 40);
}

pub(crate) async fn who_has_a_device_is_there_whatever_they_appear_as(cluster: &impl Harness) {
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    a.change(&alice(), online("s1")).await;
    a.change(&alice(), choose(Some(Offline))).await;
    b.change(&bob(), online("s2")).await;
    b.change(&bob(), gone("s2")).await;
    // Within the grace bob still seems to be online.
    assert_eq!(a.presence(&bob()).await.status, Online);
    let asked = [bob(), user("carol"), alice()];
    for node in [&a, &b] {
        let there = node.hub.are_there(&acme(), &asked).await.unwrap();
        assert_eq!(there, [false, false, true]);
        let elsewhere = node.hub.are_there(&globex(), &asked).await.unwrap();
        assert_eq!(elsewhere, [false; 3]);
        let nobody = node.hub.are_there(&acme(), &[]).await.unwrap();
        assert!(nobody.is_empty());
    }
}
