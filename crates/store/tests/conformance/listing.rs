//! Lists of conversations.

use std::time::Duration;

use switchboard_messaging::store::{ListPage, NewConversation};
use switchboard_protocol::{ConversationId, ConversationStatus, ConversationView};

use crate::on_both_databases;
use crate::world::{World, user, viewer};

on_both_databases!(
    a_list_has_newest_activity_first,
    a_list_comes_in_pages_without_gap_or_double,
    a_list_has_one_status,
    a_list_has_only_memberships,
    a_list_tells_unread_and_role,
    heads_of_a_user_are_those_of_active_memberships,
    a_late_clock_does_not_make_a_conversation_older,
);

const ALL: ListPage = ListPage {
    status: ConversationStatus::Active,
    after: None,
    limit: 100,
};

async fn list(world: &World, name: &str, page: ListPage) -> Vec<ConversationView> {
    world.store.list(&viewer(name), page).await.unwrap()
}

fn ids(views: &[ConversationView]) -> Vec<ConversationId> {
    views.iter().map(|view| view.conversation.id).collect()
}

/// The next page's beginning.
fn after(view: &ConversationView) -> ListPage {
    let conversation = &view.conversation;
    let at = conversation
        .last_message_at
        .unwrap_or(conversation.created_at);
    ListPage {
        after: Some((at, conversation.id)),
        ..ALL
    }
}

async fn a_list_has_newest_activity_first(world: World) {
    let a = world.group("ann", &["ben"]).await;
    let b = world.group("ben", &["ann"]).await;
    let c = world.group("ann", &[]).await;
    assert_eq!(ids(&list(&world, "ann", ALL).await), [c, b, a]);
    world.say("ben", a, "hello").await;
    assert_eq!(ids(&list(&world, "ann", ALL).await), [a, c, b]);
}

async fn a_list_comes_in_pages_without_gap_or_double(world: World) {
    // Several in the same millisecond, so that only the id tells them apart.
    let at = world.now();
    for n in 0..11 {
        let new = NewConversation {
            at: at.plus(Duration::from_millis(n / 4)),
            ..world.new_group("ann", &[])
        };
        world.store.create_conversation(new).await.unwrap();
    }
    let whole = list(&world, "ann", ALL).await;
    assert_eq!(whole.len(), 11);
    for limit in [1, 2, 3, 10, 11, 12] {
        let mut paged = list(&world, "ann", ListPage { limit, ..ALL }).await;
        loop {
            let page = ListPage {
                limit,
                ..after(paged.last().unwrap())
            };
            let next = list(&world, "ann", page).await;
            if next.is_empty() {
                break;
            }
            assert!(next.len() <= usize::try_from(limit).unwrap());
            paged.extend(next);
        }
        assert_eq!(paged, whole, "in pages of {limit}");
    }
}

async fn a_list_has_one_status(world: World) {
    let a = world.group("ann", &[]).await;
    let b = world.group("ann", &[]).await;
    world.archive(a).await;
    assert_eq!(ids(&list(&world, "ann", ALL).await), [b]);
    let archived = ListPage {
        status: ConversationStatus::Archived,
        ..ALL
    };
    assert_eq!(ids(&list(&world, "ann", archived).await), [a]);
}

async fn a_list_has_only_memberships(world: World) {
    let a = world.group("ann", &["ben"]).await;
    world.group("ann", &["cid"]).await;
    assert_eq!(ids(&list(&world, "ben", ALL).await), [a]);
    world.remove("ben", a).await;
    assert_eq!(ids(&list(&world, "ben", ALL).await), []);
}

async fn a_list_tells_unread_and_role(world: World) {
    let a = world.group("ann", &["ben"]).await;
    let b = world.group("ben", &["ann"]).await;
    for (sender, to) in [("ann", a), ("ann", a), ("ben", a), ("ann", b)] {
        world.say(sender, to, "hello").await;
    }
    for name in ["ann", "ben"] {
        for view in list(&world, name, ALL).await {
            let id = view.conversation.id;
            let alone = world.store.view(&viewer(name), id).await.unwrap();
            assert_eq!(alone.as_ref(), Some(&view));
            let from_others = world.history(id).await;
            let from_others = from_others.iter().filter(|m| m.sender_id != user(name));
            assert_eq!(view.unread_count, from_others.count() as i64);
        }
    }
}

async fn heads_of_a_user_are_those_of_active_memberships(world: World) {
    let a = world.group("ann", &["ben"]).await;
    let b = world.group("ben", &["ann"]).await;
    let archived = world.group("ann", &["ben"]).await;
    let left = world.group("ann", &["ben"]).await;
    world.group("cid", &["ben"]).await;
    world.archive(archived).await;
    world.remove("ann", left).await;
    world.say("ben", a, "hello").await;
    let heads = world.store.heads_of(&viewer("ann"), 100).await.unwrap();
    let found: Vec<_> = heads.iter().map(|head| head.conversation).collect();
    assert_eq!(found, [a, b]);
    assert_eq!((heads[0].rev, heads[1].rev), (2, 1));
    assert_eq!(heads[0].member_count, 2);
    let newest = world.store.heads_of(&viewer("ann"), 1).await.unwrap();
    assert_eq!(newest, heads[..1]);
}

async fn a_late_clock_does_not_make_a_conversation_older(world: World) {
    let late = world.now();
    let a = world.group("ann", &[]).await;
    let sent = world.say("ann", a, "one").await;
    let mut new = world.text("ann", a, "two");
    new.at = late;
    world.store.append(new).await.unwrap();
    let view = world.store.view(&viewer("ann"), a).await.unwrap().unwrap();
    assert_eq!(view.conversation.last_message_at, Some(sent.created_at));
}
