//! Whoever becomes a member follows the conversation from there, and whoever is none any more hears
//! nothing after that: on every node, whatever gets lost on the way.

use std::time::Duration;

use serde_json::json;

use crate::support::{Client, Cluster, Fate, Op};

/// What has to be so on every node after this time.
const WITHIN: Duration = Duration::from_secs(2);

/// Alice on node 1, and on node 2 Bob and Carol, in a group (`rev` 1) that all follow.
async fn three_who_talk(cluster: &Cluster) -> (Client, Client, Client, String) {
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob", "carol"]).await;
    let bob = cluster.node(2).connect("bob").await;
    let carol = cluster.node(2).connect("carol").await;
    (alice, bob, carol, conversation)
}

#[tokio::test]
async fn who_is_removed_hears_of_that_last() {
    let cluster = Cluster::of(2).await;
    let (alice, mut bob, mut carol, conversation) = three_who_talk(&cluster).await;
    let mut tablet = cluster.node(1).connect("bob").await;
    alice.say(&conversation, "before").await;
    assert_eq!(alice.remove(&conversation, "bob").await, 3);
    for _ in 4..=6 {
        alice.say(&conversation, "after").await;
    }
    assert_eq!(carol.revs_until(6).await, [2, 3, 4, 5, 6]);
    for socket in [&mut bob, &mut tablet] {
        assert_eq!(socket.revs_until(3).await, [2, 3]);
        assert_eq!(socket.revs_so_far().await, [0_i64; 0]);
        let call = json!({"conversationId": conversation, "content": "may I?"});
        let error = socket.refused("message:send", call).await;
        assert_eq!(error["code"], "FORBIDDEN");
    }
}

#[tokio::test]
async fn who_exits_hears_nothing_more_on_any_device() {
    let cluster = Cluster::of(2).await;
    let (alice, mut bob, mut carol, conversation) = three_who_talk(&cluster).await;
    let mut tablet = cluster.node(1).connect("bob").await;
    let call = json!({"conversationId": conversation});
    let exited = bob.ok("conversation:exit", call).await;
    assert_eq!(exited["rev"], 2);
    alice.say(&conversation, "after").await;
    assert_eq!(carol.revs_until(3).await, [2, 3]);
    assert_eq!(tablet.revs_until(2).await, [2]);
    assert_eq!(tablet.revs_so_far().await, [0_i64; 0]);
    // It has the answer instead.
    assert_eq!(bob.revs_so_far().await, [0_i64; 0]);
}

#[tokio::test]
async fn a_removal_that_got_lost_is_read_from_the_store_and_carried_out() {
    let cluster = Cluster::of(2).await;
    let (alice, mut bob, mut carol, conversation) = three_who_talk(&cluster).await;
    cluster.node(1).hub.treat_revs(|rev| match rev {
        2 | 3 => Fate::Lost,
        _ => Fate::Arrives,
    });
    alice.say(&conversation, "lost").await;
    alice.remove(&conversation, "bob").await;
    alice.say(&conversation, "after").await;
    alice.say(&conversation, "after").await;
    assert_eq!(carol.revs_until(5).await, [2, 3, 4, 5]);
    assert_eq!(bob.revs_until(3).await, [2, 3]);
    assert_eq!(bob.revs_so_far().await, [0_i64; 0]);
}

#[tokio::test]
async fn a_node_that_is_cut_off_carries_out_a_removal_within_two_seconds() {
    let cluster = Cluster::of(2).await;
    let (alice, mut bob, _carol, conversation) = three_who_talk(&cluster).await;
    cluster.node(2).hub.cut().await;
    let removed = async {
        alice.remove(&conversation, "bob").await;
        bob.revs_until(2).await
    };
    let revs = tokio::time::timeout(WITHIN, removed).await;
    assert_eq!(revs.unwrap(), [2]);
    alice.say(&conversation, "after").await;
    bob.hears_nothing_of("message:new", WITHIN).await;
}

#[tokio::test]
async fn who_is_removed_while_the_past_is_read_is_not_let_in() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let node = cluster.node(2);
    let mut bob = node.connect("bob").await;
    let mut carol = node.connect("carol").await;
    let opening = node.store.gate("before heads");
    let reading = node.store.gate("changes");
    let conversation = alice.group(&["bob"]).await;
    opening.reached().await;
    alice.say(&conversation, "one").await;
    opening.open();
    reading.reached().await;
    // The room is live, and Bob waits for what came before.
    alice.add(&conversation, "carol").await;
    alice.remove(&conversation, "bob").await;
    alice.say(&conversation, "after").await;
    reading.open();
    assert_eq!(carol.revs_until(5).await, [3, 4, 5]);
    assert_eq!(bob.revs_until(4).await, [1, 4]);
    assert_eq!(bob.revs_so_far().await, [0_i64; 0]);
}

#[tokio::test]
async fn who_was_removed_before_the_room_opened_is_not_let_in() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let node = cluster.node(2);
    let mut bob = node.connect("bob").await;
    let opening = node.store.gate("before heads");
    let conversation = alice.group(&["bob"]).await;
    opening.reached().await;
    alice.say(&conversation, "before").await;
    alice.remove(&conversation, "bob").await;
    alice.say(&conversation, "after").await;
    opening.open();
    assert_eq!(bob.revs_until(3).await, [1, 2, 3]);
    alice.say(&conversation, "after").await;
    bob.hears_nothing_of("message:new", Duration::from_millis(300))
        .await;
}

#[tokio::test]
async fn who_is_removed_while_connecting_does_not_follow() {
    for somebody_is_there in [false, true] {
        let cluster = Cluster::of(2).await;
        let alice = cluster.node(1).connect("alice").await;
        let conversation = alice.group(&["bob", "carol"]).await;
        let node = cluster.node(2);
        let mut carol = None;
        if somebody_is_there {
            let mut socket = node.connect("carol").await;
            // Its presence is told by now.
            socket.revs_so_far().await;
            carol = Some(socket);
        }
        let reading = node.store.gate("heads_of");
        let removing = async {
            reading.reached().await;
            let rev = alice.remove(&conversation, "bob").await;
            if let Some(carol) = &mut carol {
                carol.revs_until(rev).await;
            }
            reading.open();
        };
        let (mut bob, ()) = tokio::join!(node.connect("bob"), removing);
        assert_eq!(bob.ready["rooms"], json!([]));
        alice.say(&conversation, "after").await;
        bob.hears_nothing_of("message:new", Duration::from_millis(300))
            .await;
    }
}

#[tokio::test]
async fn who_is_removed_while_joining_does_not_follow() {
    let cluster = Cluster::of(2).await;
    let (alice, mut bob, mut carol, conversation) = three_who_talk(&cluster).await;
    bob.leave(&conversation).await;
    for after in [None, Some(0)] {
        let node = cluster.node(2);
        let answer = node.store.gate("view");
        let mut removed = 0;
        let removing = async {
            answer.reached().await;
            removed = alice.remove(&conversation, "bob").await;
            carol.revs_until(removed).await;
            answer.open();
        };
        let call = json!({"conversationId": conversation, "afterRev": after});
        let (joined, ()) = tokio::join!(bob.ok("conversation:join", call), removing);
        assert_eq!(joined["conversation"]["rev"], removed - 1);
        assert_eq!(bob.revs_until(removed).await, [removed]);
        alice.say(&conversation, "after").await;
        bob.hears_nothing_of("message:new", Duration::from_millis(200))
            .await;
        let back = alice.add(&conversation, "bob").await;
        assert_eq!(bob.revs_until(back).await, [back]);
        bob.leave(&conversation).await;
    }
}

#[tokio::test]
async fn who_is_added_follows_from_there_wherever_the_room_is() {
    let cluster = Cluster::of(3).await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["carol"]).await;
    let mut carol = cluster.node(2).connect("carol").await;
    // Where nobody follows it, and where somebody does.
    let mut bobs = [
        cluster.node(1).connect("bob").await,
        cluster.node(2).connect("bob").await,
        cluster.node(3).connect("bob").await,
    ];
    alice.say(&conversation, "before").await;
    assert_eq!(alice.add(&conversation, "bob").await, 3);
    for _ in 4..=10 {
        alice.say(&conversation, "after").await;
    }
    for bob in &mut bobs {
        assert_eq!(bob.revs_until(10).await, (3..=10).collect::<Vec<_>>());
        assert_eq!(bob.revs_so_far().await, [0_i64; 0]);
    }
    assert_eq!(carol.revs_until(10).await, (2..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_is_added_again_at_once_hears_all_but_what_lies_between() {
    for late in [0, 5, 40] {
        let cluster = Cluster::of(2).await;
        let (alice, mut bob, mut carol, conversation) = three_who_talk(&cluster).await;
        // The way of the removal is longer than that of what brings him back.
        cluster.node(1).hub.treat_revs(move |rev| match rev {
            2 => Fate::Copies(vec![Duration::from_millis(late)]),
            _ => Fate::Arrives,
        });
        assert_eq!(alice.remove(&conversation, "bob").await, 2);
        alice.say(&conversation, "between").await;
        assert_eq!(alice.add(&conversation, "bob").await, 4);
        alice.say(&conversation, "after").await;
        assert_eq!(carol.revs_until(5).await, [2, 3, 4, 5], "{late}");
        assert_eq!(bob.revs_until(5).await, [2, 4, 5], "{late}");
    }
}

#[tokio::test]
async fn what_brings_somebody_late_neither_doubles_anything_nor_undoes_a_removal() {
    let cluster = Cluster::of(2).await;
    let (alice, mut carol) = {
        let alice = cluster.node(1).connect("alice").await;
        (alice, cluster.node(2).connect("carol").await)
    };
    let conversation = alice.group(&["carol"]).await;
    carol.wait_for("conversation:created").await;
    let mut bob = cluster.node(2).connect("bob").await;
    let hub = &cluster.node(1).hub;
    hub.treat(|event| match event.enters {
        Some(_) => Fate::Held,
        None => Fate::Arrives,
    });
    // The room tells Carol of it, and by that Bob.
    alice.add(&conversation, "bob").await;
    alice.say(&conversation, "hello").await;
    assert_eq!(bob.revs_until(3).await, [2, 3]);
    hub.release().await;
    alice.remove(&conversation, "bob").await;
    assert_eq!(bob.revs_until(4).await, [4]);
    alice.add(&conversation, "bob").await;
    alice.remove(&conversation, "bob").await;
    assert_eq!(bob.revs_until(6).await, [5, 6]);
    hub.release().await;
    alice.say(&conversation, "after").await;
    assert_eq!(carol.revs_until(7).await, (2..=7).collect::<Vec<_>>());
    assert_eq!(alice.add(&conversation, "bob").await, 8);
    assert_eq!(bob.revs_until(8).await, [8]);
}

#[tokio::test]
async fn members_of_a_reopened_conversation_follow_it_again() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let call = json!({"conversationId": conversation});
    alice.ok("conversation:archive", call.clone()).await;
    let mut bob = cluster.node(2).connect("bob").await;
    assert_eq!(bob.ready["rooms"], json!([]));
    let mut tablet = cluster.node(1).connect("alice").await;
    tablet.ok("conversation:reopen", call).await;
    alice.say(&conversation, "again").await;
    assert_eq!(bob.revs_until(4).await, [3, 4]);
    assert_eq!(tablet.revs_until(4).await, [4]);
}

#[tokio::test]
async fn the_room_of_one_who_was_removed_is_closed() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let node = cluster.node(2);
    let mut bob = node.connect("bob").await;
    assert!(node.listens_to(&conversation));
    alice.remove(&conversation, "bob").await;
    bob.wait_for("conversation:member-removed").await;
    node.until_it_listens(&conversation, false).await;
}

#[tokio::test]
async fn who_could_not_be_told_of_a_new_conversation_is_told_when_the_hub_is_back() {
    let cluster = Cluster::of(2).await;
    let node = cluster.node(1);
    let alice = node.connect("alice").await;
    let (mut here, mut carol) = (node.connect("bob").await, node.connect("carol").await);
    let mut there = cluster.node(2).connect("bob").await;
    node.hub.fail(&[Op::Publish]);
    let conversation = alice.group(&["bob", "carol"]).await;
    for one in [&mut here, &mut carol] {
        let created = one.wait_for("conversation:created").await;
        let id = &created.payload()["conversation"]["id"];
        assert_eq!(id, conversation.as_str());
    }
    // Once more in vain.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    node.hub.mend();
    // Not once more where it was known at once.
    let again = Duration::from_millis(2_200);
    let (created, (), ()) = tokio::join!(
        there.wait_for("conversation:created"),
        here.hears_nothing_of("conversation:created", again),
        carol.hears_nothing_of("conversation:created", again)
    );
    assert_eq!(
        created.payload()["conversation"]["id"],
        conversation.as_str()
    );
    alice.say(&conversation, "hello").await;
    for bob in [&mut here, &mut there] {
        let event = bob.wait_for("message:new").await;
        assert_eq!(event.payload()["message"]["content"], "hello");
    }
}

#[tokio::test]
async fn who_was_removed_before_the_hub_is_back_is_not_told_of_the_conversation() {
    let cluster = Cluster::of(2).await;
    let node = cluster.node(1);
    let alice = node.connect("alice").await;
    let mut bob = cluster.node(2).connect("bob").await;
    node.hub.fail(&[Op::Publish]);
    let conversation = alice.group(&["bob"]).await;
    alice.remove(&conversation, "bob").await;
    node.hub.mend();
    let later = Duration::from_millis(2_200);
    bob.hears_nothing_of("conversation:created", later).await;
    alice.say(&conversation, "without him").await;
    bob.hears_nothing_of("message:new", Duration::from_millis(200))
        .await;
}

#[tokio::test]
async fn who_begins_the_same_conversation_before_being_told_of_it_is_told_all_the_same() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let mut bob = cluster.node(2).connect("bob").await;
    let hub = &cluster.node(1).hub;
    hub.treat(|event| match event.enters {
        Some(_) => Fate::Held,
        None => Fate::Arrives,
    });
    let with = |user: &str| json!({ "kind": "direct", "participantIds": [user] });
    let made = alice.ok("conversation:create", with("bob")).await;
    let found = bob.ok("conversation:create", with("alice")).await;
    assert_eq!(found["created"], false);
    assert_eq!(found["conversation"]["id"], made["conversation"]["id"]);
    hub.release().await;
    let created = bob.wait_for("conversation:created").await;
    assert_eq!(
        created.payload()["conversation"]["id"],
        made["conversation"]["id"]
    );
    let later = Duration::from_millis(200);
    bob.hears_nothing_of("conversation:created", later).await;
}
