//! Events that come lost, late, double or in the wrong order from another node reach every socket
//! in the order of `rev`, each once.

use std::time::Duration;

use serde_json::json;

use crate::support::{Client, Cluster, Counters, Fate};

const REPAIRED: &str = "switchboard_gaps_repaired_total";

/// Alice on node 1 and Bob on node 2, in a conversation (`rev` 1) that Bob follows.
async fn two_who_talk(cluster: &Cluster) -> (Client, Client, String) {
    let alice = cluster.node(1).connect("alice").await;
    let mut bob = cluster.node(2).connect("bob").await;
    let conversation = alice.group(&["bob"]).await;
    bob.wait_for("conversation:created").await;
    // Once the answer is there, the room is live.
    bob.join(&conversation).await;
    (alice, bob, conversation)
}

#[tokio::test]
async fn events_that_come_in_the_wrong_order_are_delivered_in_that_of_rev() {
    let cluster = Cluster::of(2).await;
    let (alice, mut bob, conversation) = two_who_talk(&cluster).await;
    let hub = &cluster.node(1).hub;
    hub.treat_revs(|rev| if rev < 4 { Fate::Held } else { Fate::Arrives });
    for _ in 2..=4 {
        alice.say(&conversation, "hello").await;
    }
    hub.release().await;
    assert_eq!(bob.revs_until(4).await, [2, 3, 4]);
}

#[tokio::test]
async fn a_socket_sends_on_while_its_messages_are_stored_and_does_nothing_else_before_they_are() {
    let cluster = Cluster::of(1).await;
    let node = cluster.node(1);
    let alice = node.connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let storing = node.store.gate("append");
    let exits = json!({"conversationId": conversation});
    let all_are_stored = async {
        while node.store.calls("append") < 3 {
            storing.reached().await;
        }
        // It would have been asked by now.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(node.store.calls("alter"), 0);
        storing.open();
    };
    let (one, two, three, _, ()) = tokio::join!(
        alice.say(&conversation, "one"),
        alice.say(&conversation, "two"),
        alice.say(&conversation, "three"),
        alice.ok("conversation:exit", exits),
        all_are_stored,
    );
    let seqs = [one, two, three].map(|message| message["seq"].clone());
    assert_eq!(seqs, [1, 2, 3]);
}

#[tokio::test]
async fn an_event_that_comes_twice_is_delivered_once() {
    let cluster = Cluster::of(2).await;
    let (alice, mut bob, conversation) = two_who_talk(&cluster).await;
    let hub = &cluster.node(1).hub;
    hub.treat_revs(|_| Fate::Copies(vec![Duration::ZERO, Duration::ZERO]));
    alice.say(&conversation, "hello").await;
    hub.settled().await;
    hub.clear_up();
    alice.say(&conversation, "again").await;
    assert_eq!(bob.revs_until(3).await, [2, 3]);
}

#[tokio::test]
async fn a_lost_event_is_read_from_the_store_when_a_later_one_comes() {
    let counters = Counters::default();
    let _recording = metrics::set_default_local_recorder(&counters);
    let cluster = Cluster::of(2).await;
    let (alice, mut bob, conversation) = two_who_talk(&cluster).await;
    cluster.node(1).hub.treat_revs(|rev| match rev {
        2 | 3 => Fate::Lost,
        _ => Fate::Arrives,
    });
    let first = alice.say(&conversation, "lost").await;
    alice.say(&conversation, "lost too").await;
    assert_eq!(counters.of(REPAIRED), 0);
    alice.say(&conversation, "seen").await;
    let event = bob.wait_for("message:new").await;
    assert_eq!(event.payload()["message"], first);
    assert_eq!(bob.revs_until(4).await, [3, 4]);
    // The third may be read together with them.
    assert!((2..=3).contains(&counters.of(REPAIRED)));
}

#[tokio::test]
async fn a_last_event_that_is_lost_comes_by_itself_within_some_seconds() {
    let cluster = Cluster::of(2).await;
    let (alice, mut bob, conversation) = two_who_talk(&cluster).await;
    cluster.node(1).hub.treat_revs(|_| Fate::Lost);
    alice.say(&conversation, "the last word").await;
    assert_eq!(bob.revs_until(2).await, [2]);
}

#[tokio::test]
async fn a_long_gap_is_filled_without_cutting_anybody_as_too_slow() {
    let cluster = Cluster::of(2).await;
    let (alice, mut bob, conversation) = two_who_talk(&cluster).await;
    let hub = &cluster.node(1).hub;
    // Nothing is filled before all of it is lost, and more than the queue of a socket holds.
    let filling = cluster.node(2).store.gate("before changes");
    hub.treat_revs(|_| Fate::Lost);
    for _ in 2..=600 {
        alice.say(&conversation, "lost").await;
    }
    hub.clear_up();
    alice.say(&conversation, "seen").await;
    filling.reached().await;
    filling.open();
    assert_eq!(bob.revs_until(601).await, (2..=601).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_goes_on_elsewhere_does_not_hear_what_the_former_node_could_not_tell() {
    let cluster = Cluster::of(2).await;
    let (alice, mut bob, conversation) = two_who_talk(&cluster).await;
    let node = cluster.node(2);
    // Alice is there before anything is read back.
    let filling = node.store.gate("before changes");
    cluster.node(1).hub.treat_revs(|_| Fate::Lost);
    let message = alice.say(&conversation, "hello").await;
    let edit = json!({"messageId": message["id"], "content": "hi"});
    alice.ok("message:edit", edit).await;
    let delete = json!({"messageId": message["id"]});
    alice.ok("message:delete", delete).await;
    let mut alice = node.recover("alice", alice).await;
    filling.open();
    bob.say(&conversation, "well").await;
    assert_eq!(bob.revs_until(4).await, [2, 3, 4]);
    assert_eq!(alice.revs_until(5).await, [5]);
    assert_eq!(bob.revs_so_far().await, [0; 0]);
}

#[tokio::test]
async fn a_message_that_is_sent_again_is_told_to_those_who_have_not_heard_of_it() {
    let counters = Counters::default();
    let _recording = metrics::set_default_local_recorder(&counters);
    let cluster = Cluster::of(2).await;
    let (alice, mut bob, conversation) = two_who_talk(&cluster).await;
    let hub = &cluster.node(1).hub;
    hub.treat_revs(|_| Fate::Lost);
    let send = json!({"conversationId": conversation, "content": "x", "clientMessageId": "1"});
    alice.ok("message:send", send.clone()).await;
    hub.clear_up();
    assert_eq!(
        alice.ok("message:send", send.clone()).await["duplicate"],
        true
    );
    assert_eq!(bob.revs_until(2).await, [2]);
    // By being told, that is, and not by the look at the store that comes every few seconds.
    assert_eq!(counters.of(REPAIRED), 0);
    // Once is enough: it is dropped where it is known.
    alice.ok("message:send", send).await;
    alice.say(&conversation, "next").await;
    assert_eq!(bob.revs_until(3).await, [3]);
}

#[tokio::test]
async fn a_last_event_that_is_lost_comes_with_the_next_one() {
    let cluster = Cluster::of(2).await;
    let (alice, mut bob, conversation) = two_who_talk(&cluster).await;
    let hub = &cluster.node(1).hub;
    hub.treat_revs(|_| Fate::Lost);
    let message = alice.say(&conversation, "hello").await;
    let edit = json!({"messageId": message["id"], "content": "hi"});
    alice.ok("message:edit", edit).await;
    hub.clear_up();
    let delete = json!({"messageId": message["id"]});
    alice.ok("message:delete", delete).await;
    assert_eq!(bob.revs_until(4).await, [2, 3, 4]);
}
