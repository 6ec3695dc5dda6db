//! Which conversations a node follows, and for how long.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::support::{Cluster, Op};

#[tokio::test]
async fn a_room_that_could_not_be_subscribed_loses_nothing() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let node = cluster.node(2);
    node.hub.fail(&[Op::Subscribe]);
    let mut bob = node.connect("bob").await;
    for _ in 2..=5 {
        alice.say(&conversation, "hello").await;
    }
    assert!(!node.listens_to(&conversation));
    node.hub.mend();
    assert_eq!(bob.revs_until(5).await, [2, 3, 4, 5]);
    node.until_it_listens(&conversation, true).await;
    alice.say(&conversation, "and now").await;
    assert_eq!(bob.revs_until(6).await, [6]);
}

#[tokio::test]
async fn who_left_hears_no_more() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let mut bob = cluster.node(2).connect("bob").await;
    let mut other = cluster.node(2).connect("bob").await;
    bob.leave(&conversation).await;
    alice.say(&conversation, "hello").await;
    assert_eq!(other.revs_until(2).await, [2]);
    assert_eq!(bob.revs_so_far().await, [0_i64; 0]);
    bob.join(&conversation).await;
    alice.say(&conversation, "hello").await;
    assert_eq!(bob.revs_until(3).await, [3]);
}

#[tokio::test]
async fn a_room_is_followed_for_some_seconds_after_the_last_one_left() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let node = cluster.node(2);
    let mut bob = node.connect("bob").await;
    assert!(node.listens_to(&conversation));
    bob.leave(&conversation).await;
    sleep(Duration::from_secs(3)).await;
    // Coming back begins the time anew.
    bob.join(&conversation).await;
    bob.leave(&conversation).await;
    let left = Instant::now();
    node.until_it_listens(&conversation, false).await;
    let lingered = left.elapsed();
    assert!(lingered > Duration::from_millis(4_500), "{lingered:?}");
    assert!(lingered < Duration::from_secs(10), "{lingered:?}");

    bob.join(&conversation).await;
    assert!(node.listens_to(&conversation));
    alice.say(&conversation, "hello").await;
    assert_eq!(bob.revs_until(2).await, [2]);
}
