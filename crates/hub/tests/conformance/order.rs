//! The order of an organization's events, and what is remembered of it.

use switchboard_hub::order::MOST_EARLY;
use switchboard_messaging::hub::{
    BusEvent, Channel, Epoch, Lost, Missed, Position, Published, Room,
};
use switchboard_protocol::{ConversationId, DeliveryClass};
use uuid::Uuid;

use crate::harness::{Harness, Node, acme, alice, event, everybody, globex, room_of};

/// A conversation's room, of this number.
fn conversation(number: u128) -> Channel {
    let room = Room::Conversation(ConversationId(Uuid::from_u128(number)));
    Channel {
        organization: acme(),
        room,
    }
}

fn with_rev(channel: &Channel, rev: i64) -> BusEvent {
    BusEvent {
        class: DeliveryClass::Sequenced,
        rev: Some(rev),
        ..event(channel, &rev.to_string())
    }
}

async fn publish(node: &Node, channel: &Channel, rev: i64) -> Published {
    node.hub.publish(with_rev(channel, rev)).await.unwrap()
}

async fn position(node: &Node) -> Position {
    node.hub.standing(&acme(), &[]).await.unwrap().position
}

async fn missed(node: &Node, rooms: &[&Channel], after: &Position) -> Missed {
    let rooms: Vec<Room> = rooms.iter().map(|channel| channel.room.clone()).collect();
    node.hub.missed(&acme(), &rooms, after, 100).await.unwrap()
}

async fn missed_data(node: &Node, rooms: &[&Channel], after: &Position) -> Vec<String> {
    match missed(node, rooms, after).await {
        Missed::Events(events) => events.iter().map(|one| one.data.get().to_owned()).collect(),
        Missed::Unknown(lost) => panic!("{lost:?}"),
    }
}

async fn why_unknown(node: &Node, rooms: &[&Channel], after: &Position) -> Lost {
    match missed(node, rooms, after).await {
        Missed::Events(events) => panic!("{} events", events.len()),
        Missed::Unknown(lost) => lost,
    }
}

pub(crate) async fn all_nodes_get_the_events_of_an_organization_in_one_order(
    cluster: &impl Harness,
) {
    let mut a = cluster.node("a").await;
    let mut b = cluster.node("b").await;
    let rooms = [room_of(alice()), everybody(acme()), conversation(1)];
    a.subscribe(&rooms).await;
    b.subscribe(&rooms).await;

    let from = async |node: &Node, name: &str| {
        for number in 0..60 {
            node.publish(&rooms[number % 3], &format!("\"{name}{number}\""))
                .await;
        }
    };
    tokio::join!(from(&a, "a"), from(&b, "b"));

    for offset in 1..=120 {
        let (one, other) = (a.next_event().await, b.next_event().await);
        assert_eq!(one.data.get(), other.data.get());
        assert_eq!(one.position, other.position);
        assert_eq!(one.position.unwrap().offset, offset);
    }
}

pub(crate) async fn volatile_events_have_no_place_in_the_order(cluster: &impl Harness) {
    let mut a = cluster.node("a").await;
    a.subscribe(&[room_of(alice())]).await;
    let volatile = BusEvent {
        class: DeliveryClass::Volatile,
        ..event(&room_of(alice()), "1")
    };
    let published = a.hub.publish(volatile).await.unwrap();
    assert_eq!(published, Published::Out(None));
    assert_eq!(a.next_event().await.position, None);
    assert_eq!(position(&a).await.offset, 0);
}

pub(crate) async fn a_rev_goes_out_once_and_after_those_before_it(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let mut b = cluster.node("b").await;
    let room = conversation(1);
    b.subscribe(std::slice::from_ref(&room)).await;

    assert!(matches!(
        publish(&a, &room, 2).await,
        Published::Out(Some(_))
    ));
    assert_eq!(publish(&a, &room, 4).await, Published::Early { after: 2 });
    assert_eq!(publish(&b, &room, 5).await, Published::Early { after: 2 });
    assert_eq!(publish(&b, &room, 4).await, Published::Early { after: 2 });
    assert_eq!(publish(&b, &room, 2).await, Published::Known);
    assert!(matches!(
        publish(&b, &room, 3).await,
        Published::Out(Some(_))
    ));
    assert_eq!(publish(&a, &room, 5).await, Published::Known);
    assert!(matches!(
        publish(&a, &room, 6).await,
        Published::Out(Some(_))
    ));

    for rev in 2..=6 {
        let heard = b.next_event().await;
        assert_eq!(heard.rev, Some(rev));
        assert_eq!(heard.position.unwrap().offset, rev as u64 - 1);
    }
}

pub(crate) async fn so_many_early_events_are_kept_and_not_one_more(cluster: &impl Harness) {
    let mut a = cluster.node("a").await;
    let room = conversation(1);
    a.subscribe(std::slice::from_ref(&room)).await;
    publish(&a, &room, 2).await;
    let last_kept = MOST_EARLY as i64 + 3;
    for rev in 4..=last_kept + 1 {
        assert_eq!(publish(&a, &room, rev).await, Published::Early { after: 2 });
    }
    publish(&a, &room, 3).await;
    for rev in 2..=last_kept {
        assert_eq!(a.next_event().await.rev, Some(rev));
    }
    // The one that was not kept is to be published again.
    let again = publish(&a, &room, last_kept + 1).await;
    assert!(matches!(again, Published::Out(Some(_))), "{again:?}");
}

pub(crate) async fn where_nothing_is_known_the_given_rev_counts(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let (known, new) = (conversation(1), conversation(2));
    publish(&a, &known, 2).await;
    let rooms = [(known.room.clone(), 9), (new.room.clone(), 7)];
    let standing = a.hub.standing(&acme(), &rooms).await.unwrap();
    assert_eq!(standing.revs, [2, 7]);
    assert_eq!(publish(&a, &new, 7).await, Published::Known);
    assert_eq!(publish(&a, &new, 9).await, Published::Early { after: 7 });
    assert_eq!(publish(&a, &known, 4).await, Published::Early { after: 2 });
}

pub(crate) async fn organizations_have_orders_of_their_own(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    a.publish(&everybody(globex()), "1").await;
    a.publish(&everybody(acme()), "1").await;
    assert_eq!(position(&a).await.offset, 1);
    let other = a.hub.standing(&globex(), &[]).await.unwrap().position;
    assert_ne!(other.epoch, position(&a).await.epoch);
}

pub(crate) async fn what_went_out_after_a_position_is_remembered_in_order(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let b = cluster.node("b").await;
    let rooms = [room_of(alice()), conversation(1), conversation(2)];
    a.publish(&rooms[0], "0").await;
    let from = position(&b).await;
    publish(&a, &rooms[1], 2).await;
    a.publish(&rooms[0], "1").await;
    publish(&a, &rooms[2], 2).await;
    publish(&a, &rooms[1], 3).await;

    let asked = [&rooms[0], &rooms[1], &rooms[2], &conversation(3)];
    assert_eq!(missed_data(&b, &asked, &from).await, ["2", "1", "2", "3"]);
    assert_eq!(missed_data(&b, &asked[1..2], &from).await, ["2", "3"]);
    let now = position(&b).await;
    assert!(missed_data(&b, &asked, &now).await.is_empty());

    let Missed::Events(events) = missed(&b, &asked, &from).await else {
        panic!("nothing was lost");
    };
    let offsets = events
        .iter()
        .map(|one| one.position.clone().unwrap().offset);
    assert_eq!(offsets.collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert_eq!(events[0].rev, Some(2));
}

pub(crate) async fn what_is_asked_of_another_order_is_unknown(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let room = room_of(alice());
    a.publish(&room, "1").await;
    let now = position(&a).await;
    let beyond = Position {
        offset: now.offset + 1,
        ..now.clone()
    };
    assert_eq!(why_unknown(&a, &[&room], &beyond).await, Lost::Epoch);
    let other = Position {
        epoch: Epoch("other".into()),
        ..now
    };
    assert_eq!(why_unknown(&a, &[&room], &other).await, Lost::Epoch);
}

pub(crate) async fn what_the_log_no_longer_has_is_unknown(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let (busy, quiet) = (conversation(1), conversation(2));
    publish(&a, &busy, 2).await;
    let before = position(&a).await;
    let length = cluster.log().length as i64;
    for rev in 3..3 + length {
        publish(&a, &busy, rev).await;
    }
    // Exactly as long as the log.
    assert_eq!(
        missed_data(&a, &[&busy], &before).await.len() as i64,
        length
    );
    publish(&a, &busy, 3 + length).await;
    assert_eq!(why_unknown(&a, &[&busy], &before).await, Lost::Trimmed);
    assert!(missed_data(&a, &[&quiet], &before).await.is_empty());
}

pub(crate) async fn a_log_is_forgotten_after_its_time(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let room = conversation(1);
    publish(&a, &room, 2).await;
    let before = position(&a).await;
    publish(&a, &room, 3).await;
    let after = position(&a).await;
    let ttl = std::time::Duration::from_millis(cluster.log().ttl_ms as u64 + 50);
    cluster.let_time_pass(ttl).await;
    assert_eq!(why_unknown(&a, &[&room], &before).await, Lost::Trimmed);
    // Nothing went out after this one, forgotten or not.
    assert!(missed_data(&a, &[&room], &after).await.is_empty());
    publish(&a, &room, 4).await;
    assert_eq!(missed_data(&a, &[&room], &after).await, ["4"]);
    assert_eq!(why_unknown(&a, &[&room], &before).await, Lost::Trimmed);
}

pub(crate) async fn more_than_was_asked_for_is_too_many(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let before = position(&a).await;
    for number in 0..3 {
        a.publish(&room_of(alice()), &number.to_string()).await;
    }
    let rooms = [room_of(alice()).room];
    let ask = async |limit| a.hub.missed(&acme(), &rooms, &before, limit).await.unwrap();
    assert!(matches!(ask(3).await, Missed::Events(events) if events.len() == 3));
    assert!(matches!(ask(2).await, Missed::Unknown(Lost::TooMany)));
}

pub(crate) async fn a_room_whose_beginning_is_not_known_replays_nothing(cluster: &impl Harness) {
    let a = cluster.node("a").await;
    let before = position(&a).await;
    publish(&a, &conversation(1), 7).await;
    let room = [&conversation(1)];
    assert_eq!(why_unknown(&a, &room, &before).await, Lost::Trimmed);
    let after = position(&a).await;
    publish(&a, &conversation(1), 8).await;
    assert_eq!(missed_data(&a, &room, &after).await, ["8"]);
}
