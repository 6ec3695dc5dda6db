//! Threads, whom a message has reached, statistics, system messages, and unread counts in bulk.

use switchboard_messaging::store::ReceiptKind::{Delivered, Read};
use switchboard_messaging::store::{NewMessage, Refusal, Statistics, UnreadOf};
use switchboard_protocol::{ConversationId, Message, MessageType, Timestamp};

use crate::on_both_databases;
use crate::world::{World, acme, refusal, stranger, user, viewer};

on_both_databases!(
    a_thread_is_read_in_pages,
    a_message_tells_whom_it_has_reached,
    of_those_who_were_reached_the_latest_are_named,
    statistics_are_of_what_somebody_sent,
    statistics_of_a_conversation_are_of_all_in_it,
    the_service_speaks_where_it_is_no_member,
    unread_is_counted_for_many_at_once,
    what_is_archived_is_not_unread_in_all,
);

async fn reply(world: &World, to: ConversationId, of: &Message) -> Message {
    let new = NewMessage {
        reply_to: Some(of.id),
        ..world.text("ben", to, "reply")
    };
    world.store.append(new).await.unwrap().message
}

async fn a_thread_is_read_in_pages(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let root = world.say("ann", to, "root").await;
    let one = reply(&world, to, &root).await;
    world.say("ann", to, "beside").await;
    let two = reply(&world, to, &one).await;
    let gone = reply(&world, to, &root).await;
    let gone = world.delete("ben", gone.id).await;
    let replies = async |after, limit| {
        let page = world.store.replies(&acme(), root.id, after, limit).await;
        page.unwrap()
    };
    assert_eq!(
        replies(0, 100).await,
        [one.clone(), two.clone(), gone.clone()]
    );
    assert_eq!(&replies(0, 1).await[..], std::slice::from_ref(&one));
    assert_eq!(replies(one.seq, 100).await, [two, gone]);
    let nothing = world.store.replies(&acme(), one.id, 0, 100).await;
    assert_eq!(nothing.unwrap(), [], "a reply is no root");
    let theirs = stranger("ann").organization;
    assert_eq!(
        world.store.replies(&theirs, root.id, 0, 100).await.unwrap(),
        []
    );
}

async fn a_message_tells_whom_it_has_reached(world: World) {
    let to = world.group("ann", &["ben", "cid", "dan", "eve"]).await;
    world.say("ben", to, "before").await;
    let message = world.say("ann", to, "hello").await;
    world.mark(Read, "ann", to, 2).await.unwrap();
    world.mark(Delivered, "ben", to, 2).await.unwrap();
    world.mark(Delivered, "dan", to, 1).await.unwrap();
    world.mark(Read, "cid", to, 2).await.unwrap();
    world.mark(Read, "eve", to, 2).await.unwrap();
    world.remove("eve", to).await;
    let reach = world.store.reach(&acme(), &message, 100).await.unwrap();
    let names = |list: &[(switchboard_protocol::UserId, Timestamp)]| {
        list.iter()
            .map(|(user, _)| user.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&reach.delivered_to), ["cid", "ben"]);
    assert_eq!(names(&reach.read_by), ["cid"]);
    assert_eq!((reach.recipients, reach.delivered, reach.read), (3, 2, 1));
    assert!(reach.delivered_to[0].1 > reach.delivered_to[1].1);
}

async fn of_those_who_were_reached_the_latest_are_named(world: World) {
    let others: Vec<String> = (0..101).map(|n| format!("u{n:03}")).collect();
    let names: Vec<&str> = others.iter().map(String::as_str).collect();
    let to = world.group("ann", &names).await;
    let message = world.say("ann", to, "hello").await;
    for name in &names {
        world.mark(Read, name, to, 1).await.unwrap();
    }
    let reach = world.store.reach(&acme(), &message, 100).await.unwrap();
    assert_eq!(
        (reach.recipients, reach.delivered, reach.read),
        (101, 101, 101)
    );
    assert_eq!((reach.delivered_to.len(), reach.read_by.len()), (100, 100));
    assert_eq!(reach.read_by[0].0, user("u100"));
    assert!(reach.read_by.iter().all(|(name, _)| *name != user("u000")));
}

async fn statistics(world: &World, name: &str, of: Option<ConversationId>) -> Statistics {
    let since = Timestamp::from_millis(world.now().as_millis() - 60_000);
    let statistics = world.store.statistics(&viewer(name), of, since).await;
    statistics.unwrap()
}

fn counts(numbers: [i64; 6]) -> Statistics {
    let [sent, delivered, read, edited, deleted, lately] = numbers;
    Statistics {
        sent,
        delivered,
        read,
        edited,
        deleted,
        lately,
    }
}

async fn statistics_are_of_what_somebody_sent(world: World) {
    assert_eq!(statistics(&world, "ann", None).await, counts([0; 6]));
    let a = world.group("ann", &["ben", "cid"]).await;
    let b = world.group("ben", &["ann"]).await;
    for to in [a, a, b] {
        world.say("ann", to, "mine").await;
    }
    world.say("ben", a, "his").await;
    assert_eq!(
        statistics(&world, "ann", None).await,
        counts([3, 0, 0, 0, 0, 3])
    );
    // One's own watermark is no receipt.
    world.mark(Read, "ann", a, 3).await.unwrap();
    world.mark(Delivered, "ben", a, 2).await.unwrap();
    world.mark(Read, "cid", a, 1).await.unwrap();
    let messages = world.history(a).await;
    world.edit("ann", messages[0].id, "other").await;
    world.delete("ann", messages[1].id).await;
    assert_eq!(
        statistics(&world, "ann", None).await,
        counts([3, 2, 1, 1, 1, 3])
    );
    assert_eq!(
        statistics(&world, "ben", None).await,
        counts([1, 1, 1, 0, 0, 1])
    );
    let (ann, theirs) = (viewer("ann"), stranger("ann"));
    let theirs = world.store.statistics(&theirs, None, world.now());
    assert_eq!(theirs.await.unwrap(), counts([0; 6]));
    let lately = world.store.statistics(&ann, None, world.now());
    assert_eq!(lately.await.unwrap().lately, 0);
}

async fn statistics_of_a_conversation_are_of_all_in_it(world: World) {
    let to = world.group("ann", &["ben"]).await;
    for (name, text) in [("ann", "1"), ("ben", "2"), ("ann", "3")] {
        world.say(name, to, text).await;
    }
    world
        .say("ann", world.group("ann", &["ben"]).await, "elsewhere")
        .await;
    // Ben's own watermark counts for Ann's messages, and Ann's for Ben's.
    world.mark(Read, "ben", to, 3).await.unwrap();
    let all = async || statistics(&world, "ann", Some(to)).await;
    assert_eq!(all().await, counts([3, 2, 2, 0, 0, 3]));
    world.mark(Delivered, "ann", to, 2).await.unwrap();
    assert_eq!(all().await, counts([3, 3, 2, 0, 0, 3]));
    world.delete("ann", world.history(to).await[0].id).await;
    assert_eq!(all().await, counts([3, 3, 2, 0, 1, 3]));
}

async fn the_service_speaks_where_it_is_no_member(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let new = || NewMessage {
        kind: MessageType::System,
        client_message_id: Some("order-1".to_owned()),
        ..world.text("orders", to, "your order was shipped")
    };
    let sent = world.store.append(new()).await.unwrap();
    assert_eq!(
        (sent.message.seq, sent.message.rev, sent.duplicate),
        (1, 2, false)
    );
    assert!(world.store.append(new()).await.unwrap().duplicate);
    assert_eq!(world.store.total_unread(&viewer("ann")).await.unwrap(), 1);
    let text = world.text("orders", to, "as anybody");
    assert_eq!(refusal(world.store.append(text).await), Refusal::NotMember);
    let mut elsewhere = new();
    elsewhere.sender = stranger("orders");
    assert_eq!(
        refusal(world.store.append(elsewhere).await),
        Refusal::NoConversation
    );
    world.archive(to).await;
    let late = NewMessage {
        client_message_id: None,
        ..new()
    };
    let refused = refusal(world.store.append(late).await);
    assert!(matches!(refused, Refusal::Archived(_)), "{refused:?}");
}

/// Whom, where, how many, and up to which change and number.
type Counted = (String, ConversationId, i64, i64, i64);

fn of(name: &str, to: ConversationId, count: i64, rev: i64, read: i64) -> Counted {
    (name.to_owned(), to, count, rev, read)
}

fn seen(list: Vec<UnreadOf>) -> Vec<Counted> {
    let one = |of: UnreadOf| {
        let user = of.user.to_string();
        (user, of.conversation, of.count, of.rev, of.read_seq)
    };
    let mut list: Vec<Counted> = list.into_iter().map(one).collect();
    list.sort_by_key(|one| (one.0.clone(), one.1));
    list
}

/// One with two others and three messages, one with one and one, and one where nobody speaks.
async fn three_groups(world: &World) -> (ConversationId, ConversationId, ConversationId) {
    let a = world.group("ann", &["ben", "cid"]).await;
    let b = world.group("ann", &["ben"]).await;
    let quiet = world.group("ann", &["ben"]).await;
    for (name, to) in [("ann", a), ("ann", a), ("ben", a), ("ann", b)] {
        world.say(name, to, "hello").await;
    }
    (a, b, quiet)
}

async fn unread_is_counted_for_many_at_once(world: World) {
    let (a, b, quiet) = three_groups(&world).await;
    world.mark(Read, "cid", a, 1).await.unwrap();
    let pairs = [
        ("ben", a),
        ("cid", a),
        ("cid", b),
        ("ann", a),
        ("ben", quiet),
        ("eve", a),
    ];
    let pairs = pairs.map(|(name, to)| (user(name), to));
    let some = world.store.unread_of(&acme(), &pairs).await.unwrap();
    assert!(some.iter().all(|one| one.is_active));
    let ben = (of("ben", a, 2, 4, 0), of("ben", b, 1, 2, 0));
    let cid = of("cid", a, 2, 4, 1);
    let expected = [
        of("ann", a, 1, 4, 0),
        ben.0.clone(),
        of("ben", quiet, 0, 1, 0),
        cid.clone(),
    ];
    assert_eq!(seen(some), expected);
    let users = [user("ben"), user("cid"), user("eve")];
    let all = world.store.all_unread_of(&acme(), &users).await.unwrap();
    assert_eq!(seen(all), [ben.0, ben.1, cid]);
}

async fn what_is_archived_is_not_unread_in_all(world: World) {
    let (a, b, _) = three_groups(&world).await;
    world.archive(a).await;
    let one = world
        .store
        .unread_of(&acme(), &[(user("ben"), a)])
        .await
        .unwrap();
    assert_eq!((one[0].count, one[0].is_active), (2, false));
    let all = world
        .store
        .all_unread_of(&acme(), &[user("ben")])
        .await
        .unwrap();
    assert_eq!(seen(all), [of("ben", b, 1, 2, 0)]);
    let theirs = stranger("ben").organization;
    assert_eq!(
        world
            .store
            .unread_of(&theirs, &[(user("ben"), b)])
            .await
            .unwrap(),
        []
    );
    let all = world.store.all_unread_of(&theirs, &[user("ben")]).await;
    assert_eq!(all.unwrap(), []);
}
