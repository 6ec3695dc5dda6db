//! Who is typing.

use std::time::Duration;

use switchboard_messaging::hub::Channel;

use crate::harness::{Harness, Node, alice, bob, everybody, globex, room_of};

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(200);

impl Node {
    async fn starts(&self, channel: &Channel, ttl: Duration) -> bool {
        let start = self.hub.typing_start(channel, &alice(), ttl).await;
        start.unwrap()
    }

    async fn stops(&self, channel: &Channel) -> bool {
        let stop = self.hub.typing_stop(channel, &alice(), false).await;
        stop.unwrap()
    }

    async fn ran_out(&self, channel: &Channel) -> bool {
        let stop = self.hub.typing_stop(channel, &alice(), true).await;
        stop.unwrap()
    }
}

pub(crate) async fn only_the_first_start_is_news(cluster: &impl Harness) {
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    let room = room_of(bob());
    assert!(a.starts(&room, LONG).await);
    assert!(!a.starts(&room, LONG).await);
    assert!(!b.starts(&room, LONG).await);
}

pub(crate) async fn a_stop_is_news_once(cluster: &impl Harness) {
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    let room = room_of(bob());
    assert!(!a.stops(&room).await);
    a.starts(&room, LONG).await;
    assert!(b.stops(&room).await);
    assert!(!a.stops(&room).await);
    assert!(a.starts(&room, LONG).await);
}

pub(crate) async fn what_ran_out_is_news_again(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let room = room_of(bob());
    a.starts(&room, SHORT).await;
    cluster.let_time_pass(SHORT).await;
    assert!(a.starts(&room, LONG).await);
}

pub(crate) async fn an_expiry_is_announced_by_one(cluster: &impl Harness) {
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    let room = room_of(bob());
    a.starts(&room, SHORT).await;
    cluster.let_time_pass(SHORT).await;
    let (by_a, by_b) = tokio::join!(a.ran_out(&room), b.ran_out(&room));
    assert_ne!(by_a, by_b);
    assert!(!a.ran_out(&room).await);
    assert!(!a.stops(&room).await);
}

pub(crate) async fn somebody_who_went_on_typing_is_left_alone(cluster: &impl Harness) {
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    let room = room_of(bob());
    a.starts(&room, SHORT).await;
    assert!(!b.starts(&room, LONG).await);
    cluster.let_time_pass(SHORT).await;
    assert!(!a.ran_out(&room).await);
    assert!(a.stops(&room).await);
}

pub(crate) async fn rooms_and_organizations_are_apart(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    a.starts(&room_of(bob()), LONG).await;
    let theirs = Channel {
        organization: globex(),
        ..room_of(bob())
    };
    assert!(a.starts(&theirs, LONG).await);
    assert!(a.starts(&room_of(alice()), LONG).await);
    assert!(a.starts(&everybody(globex()), LONG).await);
    assert!(a.stops(&theirs).await);
    assert!(!a.starts(&room_of(bob()), LONG).await);
}

pub(crate) async fn who_types_is_told_with_since_when(cluster: &impl Harness) {
    let (a, b) = (cluster.node("a").await, cluster.node("b").await);
    let room = room_of(bob());
    let who = async || b.hub.typing_users(&room).await.unwrap();
    assert_eq!(who().await, []);
    a.starts(&room, LONG).await;
    let first = who().await;
    assert_eq!(first[0].0, alice());
    cluster.let_time_pass(SHORT).await;
    b.hub.typing_start(&room, &bob(), SHORT).await.unwrap();
    a.starts(&room, LONG).await;
    let both = who().await;
    assert_eq!(
        (both.len(), &both[0]),
        (2, &first[0]),
        "who goes on has not begun anew"
    );
    assert!(both[1].1.since(both[0].1) >= SHORT.mul_f64(0.9));
    let elsewhere = b.hub.typing_users(&room_of(alice())).await.unwrap();
    assert_eq!(elsewhere, []);
    cluster.let_time_pass(SHORT).await;
    assert_eq!(who().await, first, "what ran out is not told");
    a.stops(&room).await;
    assert_eq!(who().await, []);
    a.starts(&room, LONG).await;
    assert!(who().await[0].1 > first[0].1);
}

pub(crate) async fn of_many_who_type_the_first_are_told(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let room = room_of(bob());
    for n in 0..101 {
        let user = switchboard_protocol::UserId::new(&format!("u{n:03}")).unwrap();
        a.hub.typing_start(&room, &user, LONG).await.unwrap();
    }
    let who = a.hub.typing_users(&room).await.unwrap();
    assert_eq!(who.len(), 100);
    assert!(who.iter().all(|(user, _)| user.as_str() != "u100"));
}
