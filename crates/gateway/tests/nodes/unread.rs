//! Unread counts come by themselves, and cost a node one reading however many they are for.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use switchboard_messaging::hub::{UnreadBook as _, UnreadNote};
use switchboard_protocol::{OrganizationId, UserId};

use crate::support::{Client, Cluster, Counters, Setup};

/// Longer than the window.
const A_WHILE: Duration = Duration::from_millis(600);

/// The count and the total that the next `unread:count` says, and of which conversation.
async fn count(client: &mut Client) -> (String, i64, i64) {
    let event = client.wait_for("unread:count").await;
    let Value::Object(payload) = event.payload() else {
        panic!("{event:?}")
    };
    assert_eq!(payload.len(), 3, "{payload:?}");
    let conversation = payload["conversationId"].as_str().unwrap().to_owned();
    let number = |name: &str| payload[name].as_i64().unwrap();
    (conversation, number("unreadCount"), number("total"))
}

async fn read(client: &Client, conversation: &str, up_to: i64) {
    let call = json!({"conversationId": conversation, "upToSeq": up_to});
    client.ok("message:read", call).await;
}

#[tokio::test]
async fn a_message_counts_for_the_others_and_reading_it_for_ones_other_devices() {
    let cluster = Cluster::of(2).await;
    let mut alice = cluster.node(1).connect("alice").await;
    let (one, other) = (alice.group(&["bob"]).await, alice.group(&["bob"]).await);
    alice.say(&other, "before").await;
    let mut phone = cluster.node(1).connect("bob").await;
    let mut tablet = cluster.node(2).connect("bob").await;
    assert_eq!(phone.ready["unread"]["total"], 1);
    alice.say(&one, "hello").await;
    for device in [&mut phone, &mut tablet] {
        let mut heard = count(device).await;
        // What was said before may be told just after they came.
        if heard.0 == other {
            heard = count(device).await;
        }
        assert_eq!(heard, (one.clone(), 1, 2));
    }
    // Or with it.
    for device in [&mut phone, &mut tablet] {
        while let Some(event) = device.next_event(A_WHILE).await {
            let told = &event.payload()["conversationId"];
            assert!(event.name != "unread:count" || *told == other, "{event:?}");
        }
    }
    read(&phone, &one, 1).await;
    assert_eq!(count(&mut tablet).await, (one.clone(), 0, 1));
    phone.hears_nothing_of("unread:count", A_WHILE).await;
    alice.hears_nothing_of("unread:count", Duration::ZERO).await;
}

#[tokio::test]
async fn many_messages_in_a_moment_are_one_event() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let mut bob = cluster.node(2).connect("bob").await;
    for n in 0..10 {
        alice.say(&conversation, &n.to_string()).await;
    }
    let mut events = 1;
    while count(&mut bob).await.1 < 10 {
        events += 1;
    }
    assert!(events <= 4, "{events} events");
}

#[tokio::test]
async fn a_message_to_many_costs_each_node_one_reading() {
    let cluster = Cluster::with(
        2,
        Setup {
            unread_window: Duration::from_millis(300),
            ..Setup::default()
        },
    )
    .await;
    let names: Vec<String> = (0..60).map(|n| format!("user-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&names).await;
    let mut clients = Vec::new();
    for (index, name) in names.iter().enumerate() {
        clients.push(cluster.node(index % 2 + 1).connect(name).await);
    }
    let notes = || [1, 2].map(|n| cluster.node(n).hub.unread_notes.load(Ordering::SeqCst));
    let readings = || [1, 2].map(|n| cluster.node(n).store.calls("unread_of"));
    let (notes_before, readings_before) = (notes(), readings());
    alice.say(&conversation, "hello").await;
    for client in &mut clients {
        assert_eq!(count(client).await, (conversation.clone(), 1, 1));
    }
    assert_eq!(notes(), notes_before.map(|count| count + 1));
    assert_eq!(readings(), readings_before.map(|count| count + 1));
    assert_eq!(
        [1, 2].map(|n| cluster.node(n).store.calls("all_unread_of")),
        [31, 30],
        "at connects"
    );
}

#[tokio::test]
async fn without_the_hub_counts_come_from_the_store() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let mut bob = cluster.node(2).connect("bob").await;
    cluster.node(2).hub.fail(&[crate::support::Op::Unread]);
    alice.say(&conversation, "hello").await;
    assert_eq!(count(&mut bob).await, (conversation, 1, 1));
}

#[tokio::test]
async fn what_was_said_while_a_room_was_being_opened_is_counted_too() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let mut bob = cluster.node(2).connect("bob").await;
    // Node 2 hears of the conversation, and has not looked yet where it stands.
    let opening = cluster.node(2).store.gate("before heads");
    let conversation = alice.group(&["bob"]).await;
    opening.reached().await;
    alice.say(&conversation, "hello").await;
    opening.open();
    bob.wait_for("message:new").await;
    assert_eq!(count(&mut bob).await, (conversation, 1, 1));
    bob.hears_nothing_of("unread:count", A_WHILE).await;
}

#[tokio::test]
async fn counts_that_the_store_could_not_tell_come_when_it_can() {
    let cluster = Cluster::of(2).await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let mut bob = cluster.node(2).connect("bob").await;
    for method in ["unread_of", "all_unread_of"] {
        let node = cluster.node(2);
        if method == "all_unread_of" {
            // Then it is the store that the total comes from.
            node.hub.fail(&[crate::support::Op::Unread]);
        }
        let before = node.store.calls(method);
        node.store.break_down(Some(method));
        let said = alice.say(&conversation, method).await;
        while node.store.calls(method) < before + 2 {
            bob.hears_nothing_of("unread:count", A_WHILE / 10).await;
        }
        node.store.break_down(None);
        let unread = said["seq"].as_i64().unwrap();
        assert_eq!(
            count(&mut bob).await,
            (conversation.clone(), unread, unread)
        );
    }
    bob.hears_nothing_of("unread:count", A_WHILE).await;
}

#[tokio::test]
async fn what_is_noted_wrong_is_found_repaired_and_told() {
    let counters = Counters::default();
    let _recording = metrics::set_default_local_recorder(&counters);
    let cluster = Cluster::with(
        1,
        Setup {
            unread_check: Duration::from_millis(200),
            ..Setup::default()
        },
    )
    .await;
    let alice = cluster.node(1).connect("alice").await;
    let conversation = alice.group(&["bob"]).await;
    let mut bob = cluster.node(1).connect("bob").await;
    alice.say(&conversation, "hello").await;
    assert_eq!(count(&mut bob).await, (conversation.clone(), 1, 1));
    let wrong = UnreadNote {
        user: UserId::new("bob").unwrap(),
        counts: Vec::new(),
        is_all: true,
    };
    let acme = OrganizationId::new(crate::support::ORGANIZATION).unwrap();
    let hub = &cluster.node(1).hub;
    hub.unread_note(&acme, &[wrong]).await.unwrap();
    assert_eq!(count(&mut bob).await, (conversation, 1, 1));
    assert_eq!(counters.of("switchboard_unread_drift_total"), 1);
    bob.hears_nothing_of("unread:count", A_WHILE).await;
}
