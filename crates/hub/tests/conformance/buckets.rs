//! Token buckets.

use std::time::Duration;

use switchboard_messaging::Rate;
use switchboard_messaging::hub::Admission::{Admitted, RefusedFor};

use crate::harness::{Harness, acme, alice, bob, globex};

const AN_HOUR: Duration = Duration::from_hours(1);

pub(crate) async fn two_nodes_share_one_bucket(cluster: &impl Harness) {
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    let (organization, who, rate) = (acme(), alice(), Rate::new(20, AN_HOUR));
    let hubs = [&a.hub, &b.hub];
    let takes = (0..33).map(|n| hubs[n % 2].take(&organization, &who, "message:send", rate));
    let answers = futures_util::future::join_all(takes).await;
    let admitted = answers
        .into_iter()
        .filter(|answer| matches!(answer, Ok(Admitted)))
        .count();
    assert_eq!(admitted, 20);
}

pub(crate) async fn a_bucket_fills_again_and_says_when(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let (organization, who) = (acme(), alice());
    let rate = Rate::new(2, Duration::from_millis(1_200));
    let take = || async { a.hub.take(&organization, &who, "x", rate).await.unwrap() };
    assert_eq!(take().await, Admitted);
    assert_eq!(take().await, Admitted);
    let RefusedFor(wait) = take().await else {
        panic!("a third should have been refused");
    };
    assert!(wait <= Duration::from_millis(600), "{wait:?}");
    assert!(wait > Duration::from_millis(300), "{wait:?}");

    // A refused take costs no token, and half a token is none.
    cluster.let_time_pass(wait / 2).await;
    let RefusedFor(rest) = take().await else {
        panic!("half a token should have been refused");
    };
    assert!(rest <= wait / 2, "{rest:?} of {wait:?}");
    cluster.let_time_pass(rest).await;
    assert_eq!(take().await, Admitted);
    assert_ne!(take().await, Admitted);
}

pub(crate) async fn the_burst_is_admitted_and_one_more_is_not(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    for burst in [1, 7, 100] {
        let name = format!("burst of {burst}");
        let rate = Rate::new(burst, AN_HOUR);
        for _ in 0..burst {
            let admission = a.hub.take(&acme(), &alice(), &name, rate).await.unwrap();
            assert_eq!(admission, Admitted);
        }
        let refused = a.hub.take(&acme(), &alice(), &name, rate).await.unwrap();
        let RefusedFor(wait) = refused else {
            panic!("one more than {burst} should have been refused");
        };
        let token = AN_HOUR / burst;
        assert!(wait <= token + Duration::from_micros(1), "{wait:?}");
        assert!(wait + Duration::from_secs(10) > token, "{wait:?}");
    }
}

pub(crate) async fn buckets_of_other_names_users_and_organizations_are_others(
    cluster: &impl Harness,
) {
    let a = cluster.node("a").await;
    let rate = Rate::new(1, AN_HOUR);
    for (organization, user, name) in [
        (acme(), alice(), "message:send"),
        (acme(), bob(), "message:send"),
        (globex(), alice(), "message:send"),
        (acme(), alice(), "message:edit"),
    ] {
        let take = || a.hub.take(&organization, &user, name, rate);
        assert_eq!(take().await.unwrap(), Admitted);
        assert_ne!(take().await.unwrap(), Admitted);
    }
}
