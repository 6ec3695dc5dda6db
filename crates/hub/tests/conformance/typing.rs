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
