//! A room is entered without a seam: what the answer shows and what comes after it leave out
//! nothing and tell nothing twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use switchboard_messaging::Rules;
use switchboard_testkit::client::{Frame, RawSocket};

use crate::support::{Client, Cluster, Fate, Setup};

/// A cluster whose sockets follow only what they join.
async fn without_auto_join(nodes: usize) -> Cluster {
    let rules = Rules {
        auto_join: 0,
        ..Rules::default()
    };
    let setup = Setup {
        rules,
        ..Setup::default()
    };
    Cluster::with(nodes, setup).await
}

/// Sends until told to stop.
async fn send_on(client: &Client, conversation: &str, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        client.say(conversation, "again").await;
    }
}

fn assert_follows(revs: &[i64], rev: i64) {
    let expected: Vec<i64> = (rev + 1..).take(revs.len()).collect();
    assert_eq!(revs, expected, "after {rev}");
}

fn rev(answer: &Value) -> i64 {
    answer["conversation"]["rev"].as_i64().unwrap()
}

/// Joins and leaves, over and over, while another node sends.
async fn join_and_leave(bob: &mut Client, conversation: &str, times: usize) {
    for _ in 0..times {
        let joined = rev(&bob.join(conversation).await);
        let mut revs = bob.revs_until(joined + 3).await;
        bob.leave(conversation).await;
        revs.extend(bob.revs_so_far().await);
        assert_follows(&revs, joined);
    }
}

#[tokio::test]
async fn joining_while_another_node_sends_loses_and_doubles_nothing() {
    let cluster = without_auto_join(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let mut bob = cluster.node(2).connect("bob").await;
    let stop = AtomicBool::new(false);
    let joining = async {
        join_and_leave(&mut bob, &conversation, 20).await;
        stop.store(true, Ordering::SeqCst);
    };
    tokio::join!(send_on(&alice, &conversation, &stop), joining);
}

#[tokio::test]
async fn joining_loses_and_doubles_nothing_when_events_come_late_and_get_lost() {
    let cluster = without_auto_join(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let mut bob = cluster.node(2).connect("bob").await;
    let late = Duration::from_millis(30);
    cluster.node(1).hub.treat_revs(move |rev| match rev % 5 {
        0 => Fate::Lost,
        1 => Fate::Copies(vec![late, late]),
        _ => Fate::Arrives,
    });
    let stop = AtomicBool::new(false);
    let joining = async {
        join_and_leave(&mut bob, &conversation, 10).await;
        stop.store(true, Ordering::SeqCst);
    };
    tokio::join!(send_on(&alice, &conversation, &stop), joining);
}

#[tokio::test]
async fn joining_after_a_rev_gives_what_was_missed_and_then_the_rest() {
    let cluster = without_auto_join(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let mut bob = cluster.node(2).connect("bob").await;
    let stop = AtomicBool::new(false);
    let joining = async {
        let mut last = 1;
        for _ in 0..10 {
            let call = json!({"conversationId": conversation, "afterRev": last});
            let answer = bob.ok("conversation:join", call).await;
            let missed = answer["changes"]["messages"].as_array().unwrap();
            assert_eq!(answer["changes"]["hasMore"], false);
            let mut revs: Vec<i64> = missed.iter().map(|m| m["rev"].as_i64().unwrap()).collect();
            assert_eq!(revs.last().copied().unwrap_or(last), rev(&answer));
            revs.extend(bob.revs_until(rev(&answer) + 2).await);
            bob.leave(&conversation).await;
            revs.extend(bob.revs_so_far().await);
            assert_follows(&revs, last);
            last = *revs.last().unwrap();
        }
        stop.store(true, Ordering::SeqCst);
    };
    tokio::join!(send_on(&alice, &conversation, &stop), joining);
}

#[tokio::test]
async fn joining_twice_at_once_is_joining_once() {
    let cluster = without_auto_join(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let mut bob = cluster.node(2).connect("bob").await;
    let stop = AtomicBool::new(false);
    let joining = async {
        for _ in 0..10 {
            let (first, second) = tokio::join!(bob.join(&conversation), bob.join(&conversation));
            assert!(rev(&first) <= rev(&second));
            let mut revs = bob.revs_until(rev(&second) + 2).await;
            bob.leave(&conversation).await;
            revs.extend(bob.revs_so_far().await);
            assert_follows(&revs, rev(&first));
        }
        stop.store(true, Ordering::SeqCst);
    };
    tokio::join!(send_on(&alice, &conversation, &stop), joining);
}

#[tokio::test]
async fn the_answer_to_a_join_comes_before_the_first_event_of_the_room() {
    let cluster = without_auto_join(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let node = cluster.node(2);
    let mut bob = RawSocket::open(&node.url).await.unwrap();
    bob.handshake().await.unwrap();
    let token = node.token("bob", "acme", Duration::from_hours(1));
    bob.send(format!("40{}", json!({"token": token}))).await;
    while !matches!(bob.next_frame().await, Frame::Text(text) if text.starts_with("40")) {}
    let stop = AtomicBool::new(false);
    let joining = async {
        for round in 0..20 {
            let payload = json!({"conversationId": conversation});
            bob.send(format!("421{}", json!(["conversation:join", payload])))
                .await;
            let mut next = None;
            let mut seen = 0;
            while seen < 3 {
                match next_packet(&mut bob).await {
                    Packet::Ack(1, answer) => {
                        assert_eq!(next, None);
                        next = Some(rev(&answer["data"]) + 1);
                    }
                    Packet::Event(rev) => {
                        assert_eq!(Some(rev), next, "in round {round}");
                        next = Some(rev + 1);
                        seen += 1;
                    }
                    Packet::Ack(..) | Packet::Other => {}
                }
            }
            bob.send(format!("422{}", json!(["conversation:leave", payload])))
                .await;
            while !matches!(next_packet(&mut bob).await, Packet::Ack(2, _)) {}
        }
        stop.store(true, Ordering::SeqCst);
    };
    tokio::join!(send_on(&alice, &conversation, &stop), joining);
}

enum Packet {
    Ack(u64, Value),
    /// A message, by its `rev`.
    Event(i64),
    Other,
}

async fn next_packet(socket: &mut RawSocket) -> Packet {
    let frame = socket.next_frame_within(Duration::from_secs(15)).await;
    let Some(Frame::Text(text)) = frame else {
        panic!("instead of a packet: {frame:?}")
    };
    if let Some(ack) = text.strip_prefix("43") {
        let (id, answer) = ack.split_at(1);
        let answer: Value = serde_json::from_str(answer).unwrap();
        return Packet::Ack(id.parse().unwrap(), answer[0].clone());
    }
    let event: Option<Value> = text
        .strip_prefix("42")
        .and_then(|event| serde_json::from_str(event).ok());
    let rev = event.and_then(|event| event[1]["message"]["rev"].as_i64());
    rev.map_or(Packet::Other, Packet::Event)
}

#[tokio::test]
async fn members_elsewhere_hear_of_a_new_conversation_and_then_of_every_message() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let mut bob = cluster.node(2).connect("bob").await;
    for late in [Duration::ZERO, Duration::from_millis(40)] {
        cluster.node(1).hub.treat(move |event| {
            if event.enters.is_some() {
                Fate::Copies(vec![late])
            } else {
                Fate::Arrives
            }
        });
        let conversation = alice.group(&["bob"]).await;
        for _ in 2..=20 {
            alice.say(&conversation, "hello").await;
        }
        let created = bob.wait_for("conversation:created").await;
        assert_eq!(created.payload()["conversation"]["id"], json!(conversation));
        let revs = bob.revs_until(20).await;
        assert_eq!(revs, (2..=20).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn who_answers_a_new_conversation_at_once_does_not_hear_the_own_answer() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let mut bob = cluster.node(2).connect("bob").await;
    let opening = cluster.node(2).store.gate("before heads");
    let reading = cluster.node(2).store.gate("changes");
    let conversation = alice.group(&["bob"]).await;
    opening.reached().await;
    alice.say(&conversation, "well").await;
    opening.open();
    bob.wait_for("conversation:created").await;
    reading.reached().await;
    assert_eq!(bob.say(&conversation, "here").await["rev"], 3);
    reading.open();
    alice.say(&conversation, "good").await;
    assert_eq!(bob.revs_until(4).await, [2, 4]);
}

#[tokio::test]
async fn who_speaks_before_the_room_is_open_does_not_hear_the_own_words() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let mut bob = cluster.node(2).connect("bob").await;
    let opening = cluster.node(2).store.gate("before heads");
    let conversation = alice.group(&["bob"]).await;
    opening.reached().await;
    // The room begins after these: what Bob lacks of them is read from the store.
    assert_eq!(bob.say(&conversation, "here").await["rev"], 2);
    alice.say(&conversation, "well").await;
    opening.open();
    alice.say(&conversation, "good").await;
    assert_eq!(bob.revs_until(4).await, [1, 3, 4]);
}

#[tokio::test]
async fn who_was_told_of_a_conversation_hears_also_what_is_never_told_again() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let mut bob = cluster.node(2).connect("bob").await;
    for _ in 0..5 {
        let conversation = alice.group(&["bob"]).await;
        bob.wait_for("conversation:created").await;
        let typing = json!({"conversationId": conversation, "isTyping": true});
        alice.ok("message:typing", typing).await;
        let event = bob.wait_for("message:typing").await;
        assert_eq!(event.payload()["conversationId"], json!(conversation));
    }
}

#[tokio::test]
async fn what_was_read_for_an_earlier_join_is_not_taken_for_that_of_a_later_one() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let node = cluster.node(2);
    let mut carol = node.connect("carol").await;
    let mut bob = node.connect("bob").await;
    let conversation = alice.group(&["bob", "carol"]).await;
    bob.wait_for("conversation:created").await;
    carol.join(&conversation).await;
    bob.leave(&conversation).await;
    let past = node.store.gate("changes");
    // Twice, Bob's answer is older than what the room has when he enters it.
    for rev in 2..=3 {
        let answer = node.store.gate("view");
        let joining = async {
            answer.reached().await;
            alice.say(&conversation, "hello").await;
            carol.revs_until(rev).await;
            answer.open();
        };
        let (joined, ()) = tokio::join!(bob.join(&conversation), joining);
        assert_eq!(self::rev(&joined), rev - 1);
        past.reached().await;
        if rev == 2 {
            bob.leave(&conversation).await;
        }
    }
    past.open();
    alice.say(&conversation, "bye").await;
    assert_eq!(bob.revs_until(4).await, [3, 4]);
}

#[tokio::test]
async fn a_conversation_that_is_made_while_its_member_connects_is_not_missed() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let reading = cluster.node(2).store.gate("heads_of");
    let connecting = cluster.node(2).connect("bob");
    let creating = async {
        reading.reached().await;
        let conversation = alice.group(&["bob"]).await;
        reading.open();
        conversation
    };
    let (mut bob, conversation) = tokio::join!(connecting, creating);
    let created = bob.wait_for("conversation:created").await;
    assert_eq!(created.payload()["conversation"]["id"], json!(conversation));
    alice.say(&conversation, "hello").await;
    assert_eq!(bob.revs_until(2).await, [2]);
}

#[tokio::test]
async fn who_joins_a_new_conversation_on_hearing_of_it_still_hears_all_of_it() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let mut bob = cluster.node(2).connect("bob").await;
    let opening = cluster.node(2).store.gate("before heads");
    let reading = cluster.node(2).store.gate("changes");
    let conversation = alice.group(&["bob"]).await;
    opening.reached().await;
    alice.say(&conversation, "one").await;
    alice.say(&conversation, "two").await;
    opening.open();
    bob.wait_for("conversation:created").await;
    reading.reached().await;
    assert_eq!(rev(&bob.join(&conversation).await), 3);
    reading.open();
    alice.say(&conversation, "three").await;
    assert_eq!(bob.revs_until(4).await, [2, 3, 4]);
}

#[tokio::test]
async fn what_comes_while_the_past_is_read_comes_after_it() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let node = cluster.node(2);
    let mut bob = node.connect("bob").await;
    let opening = node.store.gate("before heads");
    let reading = node.store.gate("changes");
    let conversation = alice.group(&["bob", "carol"]).await;
    opening.reached().await;
    alice.say(&conversation, "one").await;
    opening.open();
    reading.reached().await;
    alice.say(&conversation, "two").await;
    // What she hears has been given to all who are in the room, and kept for Bob, who is not yet.
    let mut carol = node.connect("carol").await;
    alice.say(&conversation, "three").await;
    assert_eq!(carol.revs_until(4).await, [4]);
    reading.open();
    bob.wait_for("conversation:created").await;
    assert_eq!(bob.revs_until(4).await, [2, 3, 4]);
}
