//! Emoji on messages.

use switchboard_messaging::store::{MAX_EMOJI, React, Reacted, Refusal, StoreResult};
use switchboard_protocol::{MessageId, Reaction, ServerEvent};

use crate::on_both_databases;
use crate::world::{World, acme, refusal, stranger, unused_message, user, viewer};

on_both_databases!(
    reactions_are_counted_in_the_order_in_which_they_came,
    what_changes_nothing_takes_no_rev,
    a_message_has_twenty_emoji_and_not_one_more,
    reactions_are_refused,
    a_deleted_message_loses_them,
    they_are_on_the_message_wherever_it_is_read,
    they_are_read_back_as_the_events_that_they_were,
    reactions_at_the_same_time_are_all_there,
);

fn new(world: &World, name: &str, message: MessageId, emoji: &str) -> React {
    React {
        message,
        by: viewer(name),
        socket: Some(format!("{name}'s phone")),
        emoji: emoji.to_owned(),
        add: true,
        at: world.now(),
    }
}

async fn react(world: &World, name: &str, message: MessageId, emoji: &str) -> StoreResult<Reacted> {
    world.store.react(new(world, name, message, emoji)).await
}

async fn unreact(
    world: &World,
    name: &str,
    message: MessageId,
    emoji: &str,
) -> StoreResult<Reacted> {
    let react = React {
        add: false,
        ..new(world, name, message, emoji)
    };
    world.store.react(react).await
}

fn shown(reactions: &[Reaction]) -> Vec<(&str, i64, Vec<&str>)> {
    let shown = reactions.iter().map(|one| {
        let users = one
            .user_ids
            .iter()
            .map(switchboard_protocol::UserId::as_str)
            .collect();
        (one.emoji.as_str(), one.count, users)
    });
    shown.collect()
}

async fn reactions_are_counted_in_the_order_in_which_they_came(world: World) {
    let to = world.group("ann", &["ben", "cid"]).await;
    let message = world.say("ann", to, "hello").await;
    assert_eq!(message.reactions, []);
    for (name, emoji) in [("ben", "👍"), ("ann", "🎉"), ("ann", "👍"), ("cid", "👍")] {
        assert!(
            react(&world, name, message.id, emoji)
                .await
                .unwrap()
                .changed
        );
    }
    let after = unreact(&world, "ann", message.id, "👍")
        .await
        .unwrap()
        .message;
    let expected = [("👍", 2, vec!["ben", "cid"]), ("🎉", 1, vec!["ann"])];
    assert_eq!(shown(&after.reactions), expected);
    assert_eq!((after.rev, after.version), (7, 1));
    let after = unreact(&world, "ann", message.id, "🎉")
        .await
        .unwrap()
        .message;
    assert_eq!(shown(&after.reactions), expected[..1]);
}

async fn what_changes_nothing_takes_no_rev(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let message = world.say("ann", to, "hello").await.id;
    let off = unreact(&world, "ben", message, "👍").await.unwrap();
    assert!(!off.changed);
    let on = react(&world, "ben", message, "👍").await.unwrap();
    let again = react(&world, "ben", message, "👍").await.unwrap();
    assert_eq!((again.changed, &again.message), (false, &on.message));
    let off = unreact(&world, "ann", message, "👍").await.unwrap();
    assert_eq!((off.changed, off.message.rev), (false, 3));
    assert_eq!(world.store.heads(&acme(), &[to]).await.unwrap()[0].rev, 3);
}

async fn a_message_has_twenty_emoji_and_not_one_more(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let message = world.say("ann", to, "hello").await.id;
    for n in 0..MAX_EMOJI {
        react(&world, "ben", message, &format!(":{n}:"))
            .await
            .unwrap();
    }
    let one_more = react(&world, "ann", message, ":20:").await;
    assert_eq!(refusal(one_more), Refusal::TooManyEmoji);
    assert!(react(&world, "ann", message, ":19:").await.unwrap().changed);
    unreact(&world, "ben", message, ":0:").await.unwrap();
    assert!(react(&world, "ann", message, ":20:").await.unwrap().changed);
}

async fn reactions_are_refused(world: World) {
    let to = world.group("ann", &["ben", "cid", "dan"]).await;
    let message = world.say("ann", to, "hello").await.id;
    world.remove("cid", to).await;
    let theirs = React {
        by: stranger("ann"),
        ..new(&world, "ann", message, "👍")
    };
    assert_eq!(refusal(world.store.react(theirs).await), Refusal::NoMessage);
    let nowhere = react(&world, "ann", unused_message(), "👍").await;
    assert_eq!(refusal(nowhere), Refusal::NoMessage);
    for name in ["cid", "eve"] {
        let outside = react(&world, name, message, "👍").await;
        assert_eq!(refusal(outside), Refusal::NotMember);
    }
    world.set_role("dan", "readonly").await;
    let quiet = react(&world, "dan", message, "👍").await;
    assert_eq!(refusal(quiet), Refusal::ReadOnly);
    world.archive(to).await;
    for result in [
        react(&world, "ben", message, "👍").await,
        unreact(&world, "ben", message, "👍").await,
    ] {
        assert!(matches!(refusal(result), Refusal::Archived(_)));
    }
    let stored = world.store.message(&acme(), message).await.unwrap();
    assert_eq!(stored.unwrap().reactions, []);
}

async fn a_deleted_message_loses_them(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let message = world.say("ann", to, "hello").await.id;
    react(&world, "ben", message, "👍").await.unwrap();
    assert_eq!(world.delete("ann", message).await.reactions, []);
    assert_eq!(world.history(to).await[0].reactions, []);
    let late = react(&world, "ben", message, "👍").await;
    assert!(matches!(refusal(late), Refusal::Tombstone(_)));
}

async fn they_are_on_the_message_wherever_it_is_read(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let mut sent = world.text("ann", to, "hello");
    sent.client_message_id = Some("c-1".to_owned());
    let message = world.store.append(sent.clone()).await.unwrap().message.id;
    assert!(world.store.append(sent.clone()).await.unwrap().is_as_sent);
    let expected = react(&world, "ben", message, "👍").await.unwrap().message;
    assert_eq!(shown(&expected.reactions), [("👍", 1, vec!["ben"])]);
    let read = world.store.message(&acme(), message).await.unwrap();
    assert_eq!(read.as_ref(), Some(&expected));
    let one = std::slice::from_ref(&expected);
    assert_eq!(world.history(to).await, one);
    let page = world.store.sync(&acme(), to, 2, 100).await.unwrap();
    assert_eq!(page.messages, one);
    let repeated = world.store.append(sent).await.unwrap();
    assert!(repeated.duplicate && !repeated.is_as_sent);
    assert_eq!(repeated.message, expected);
    let edited = world.edit("ann", message, "bye").await;
    assert_eq!(shown(&edited.reactions), [("👍", 1, vec!["ben"])]);
}

async fn they_are_read_back_as_the_events_that_they_were(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let message = world.say("ann", to, "hello").await.id;
    react(&world, "ben", message, "👍").await.unwrap();
    unreact(&world, "ben", message, "👍").await.unwrap();
    let changes = world.store.changes(&acme(), to, 2, 4).await.unwrap();
    let seen: Vec<_> = changes
        .iter()
        .map(|change| {
            let ServerEvent::MessageReaction(event) = &change.event else {
                panic!("{:?}", change.event);
            };
            let maker = change.maker.as_deref();
            assert_eq!(
                (event.user_id.clone(), maker),
                (user("ben"), Some("ben's phone"))
            );
            (
                change.rev,
                event.message.rev,
                event.emoji.as_str(),
                event.added,
            )
        })
        .collect();
    assert_eq!(seen, [(3, 3, "👍", true), (4, 4, "👍", false)]);
}

async fn reactions_at_the_same_time_are_all_there(world: World) {
    let others: Vec<String> = (0..10).map(|n| format!("u{n}")).collect();
    let names: Vec<&str> = others.iter().map(String::as_str).collect();
    let to = world.group("ann", &names).await;
    let message = world.say("ann", to, "hello").await.id;
    let reacting = names.iter().map(|name| react(&world, name, message, "👍"));
    let reacted = futures_util::future::join_all(reacting).await;
    let mut revs: Vec<i64> = reacted
        .iter()
        .map(|one| one.as_ref().unwrap().message.rev)
        .collect();
    revs.sort_unstable();
    assert_eq!(revs, (3..13).collect::<Vec<_>>());
    let stored = world
        .store
        .message(&acme(), message)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.reactions[0].count, 10);
}
