//! Publish and subscribe.

use switchboard_hub::RECEIVER_QUEUE;
use switchboard_messaging::hub::{Enters, Room};
use switchboard_protocol::{ConversationId, DeliveryClass};
use uuid::Uuid;

use crate::harness::{Harness, acme, alice, at, bob, event, everybody, globex, room_of};

pub(crate) async fn a_node_receives_only_what_it_subscribed_to(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let mut b = cluster.node("b").await;
    b.subscribe(&[room_of(bob())]).await;

    a.publish(&room_of(alice()), "1").await;
    a.publish(&everybody(acme()), "2").await;
    a.publish(&room_of(bob()), "3").await;

    assert_eq!(b.hears().await, "3");
}

pub(crate) async fn events_of_one_publisher_arrive_in_their_order(cluster: &impl Harness) {
    let mut a = cluster.node("a").await;
    let mut b = cluster.node("b").await;
    let channels = [room_of(alice()), room_of(bob())];
    a.subscribe(&channels).await;
    b.subscribe(&channels).await;

    for number in 0..200 {
        a.publish(&channels[number % 2], &number.to_string()).await;
    }

    for number in 0..200 {
        assert_eq!(b.hears().await, number.to_string());
        assert_eq!(a.hears().await, number.to_string());
    }
}

pub(crate) async fn a_node_receives_its_own_events_once(cluster: &impl Harness) {
    let mut a = cluster.node("a").await;
    let b = cluster.node("b").await;
    let room = everybody(acme());
    a.subscribe(&[room.clone(), room.clone()]).await;
    a.subscribe(std::slice::from_ref(&room)).await;

    a.publish(&room, "1").await;
    b.publish(&room, "2").await;

    assert_eq!(a.hears().await, "1");
    assert_eq!(a.hears().await, "2");
}

pub(crate) async fn nothing_arrives_after_unsubscribe(cluster: &impl Harness) {
    let mut a = cluster.node("a").await;
    let b = cluster.node("b").await;
    a.subscribe(&[room_of(alice()), room_of(bob())]).await;
    a.hub.unsubscribe(&[room_of(alice())]).await.unwrap();

    a.publish(&room_of(alice()), "1").await;
    b.publish(&room_of(alice()), "2").await;
    b.publish(&room_of(bob()), "3").await;

    assert_eq!(a.hears().await, "3");
}

pub(crate) async fn a_channel_can_be_subscribed_to_again(cluster: &impl Harness) {
    let mut a = cluster.node("a").await;
    let b = cluster.node("b").await;
    let room = [room_of(alice())];
    for round in 0..20 {
        a.subscribe(&room).await;
        b.publish(&room[0], &round.to_string()).await;
        assert_eq!(a.hears().await, round.to_string());
        a.hub.unsubscribe(&room).await.unwrap();
    }
}

pub(crate) async fn organizations_with_the_same_names_do_not_hear_each_other(
    cluster: &impl Harness,
) {
    let mut a = cluster.node("a").await;
    let b = cluster.node("b").await;
    a.subscribe(&[everybody(acme())]).await;

    b.publish(&everybody(globex()), "1").await;
    b.publish(&everybody(acme()), "2").await;

    assert_eq!(a.hears().await, "2");
}

pub(crate) async fn an_event_arrives_as_it_was_published(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let mut b = cluster.node("b").await;
    let conversation = ConversationId(Uuid::from_u128(5));
    let room = room_of(bob());
    b.subscribe(std::slice::from_ref(&room)).await;

    // Spaces, order and number format of the payload are the publisher's.
    let mut sent = event(&room, "{ \"b\": 1.0,\"a\":\"\\u00e9\\n\" }");
    sent.audience = vec![Room::User(alice()), Room::Conversation(conversation)];
    sent.class = DeliveryClass::Sequenced;
    sent.rev = Some(17);
    sent.except = Some("socket".into());
    sent.enters = Some(Enters {
        conversation,
        rev: 16,
        told_there: false,
    });
    a.hub.publish(sent.clone()).await.unwrap();

    let received = b.next_event().await;
    assert_eq!(received.channel, sent.channel);
    assert_eq!(received.audience, sent.audience);
    assert_eq!(received.name, "test:event");
    assert_eq!(received.data.get(), sent.data.get());
    assert_eq!(received.class, sent.class);
    assert_eq!(received.rev, Some(17));
    assert_eq!(received.except.as_deref(), Some("socket"));
    assert_eq!(received.enters, sent.enters);
    assert_eq!(received.at, at(1_000));
}

pub(crate) async fn more_events_than_the_queue_holds_all_arrive(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let mut b = cluster.node("b").await;
    let room = room_of(bob());
    b.subscribe(std::slice::from_ref(&room)).await;

    let count = RECEIVER_QUEUE + 500;
    let publish = async {
        for number in 0..count {
            a.publish(&room, &number.to_string()).await;
        }
    };
    let receive = async {
        for number in 0..count {
            assert_eq!(b.hears().await, number.to_string());
        }
    };
    tokio::join!(publish, receive);
}

pub(crate) async fn an_answering_hub_can_be_pinged(cluster: &impl Harness) {
    cluster.unregistered("a").await.hub.ping().await.unwrap();
}
