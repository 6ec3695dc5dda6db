//! Making conversations and seeing one.

use serde_json::json;
use switchboard_messaging::store::{Membership, Refusal};
use switchboard_protocol::server_events::ConversationChanged;
use switchboard_protocol::{Context, ConversationStatus, Kind, Role, ServerEvent};

use crate::on_both_databases;
use crate::world::{World, acme, object, refusal, unused_conversation, user, viewer};

on_both_databases!(
    a_new_conversation_is_as_asked_for,
    the_creator_is_owner_and_comes_first,
    creation_is_the_first_change,
    a_direct_conversation_of_a_pair_is_made_once,
    another_context_is_another_direct_conversation,
    a_group_of_the_same_people_is_made_again,
    the_same_client_id_makes_one_conversation,
    another_creator_may_use_the_same_client_id,
    who_left_the_group_behind_a_client_id_is_not_shown_it,
    an_id_that_is_in_use_makes_nothing,
    nodes_that_make_the_same_pair_at_once_make_one,
    membership_tells_members_from_others,
    only_members_have_a_view,
);

async fn a_new_conversation_is_as_asked_for(world: World) {
    let mut new = world.new_group("ann", &["ben", "cid"]);
    new.title = Some("Käse & 🧀".to_owned());
    new.context = Some(Context {
        kind: "order".to_owned(),
        id: "4/2".to_owned(),
    });
    new.metadata = object(json!({"a": [1, 2.5, null], "ключ": {"🔑": "\"\\\n"}}));
    let created = world.store.create_conversation(new.clone()).await.unwrap();
    assert!(created.created);
    let conversation = created.view.conversation;
    assert_eq!(conversation.id, new.id);
    assert_eq!(conversation.organization_id, acme());
    assert_eq!(conversation.kind, Kind::Group);
    assert_eq!(conversation.title, new.title);
    assert_eq!(conversation.context, new.context);
    assert_eq!(conversation.status, ConversationStatus::Active);
    assert_eq!(conversation.created_by, user("ann"));
    assert_eq!(conversation.created_at, new.at);
    assert_eq!(conversation.last_message_at, None);
    assert_eq!(conversation.metadata, new.metadata);
    let counts = (
        conversation.last_seq,
        conversation.rev,
        conversation.message_count,
    );
    assert_eq!(counts, (0, 1, 0));
    assert_eq!(conversation.member_count, 3);
    assert_eq!(created.view.unread_count, 0);
}

async fn the_creator_is_owner_and_comes_first(world: World) {
    let new = world.new_group("zoe", &["ben", "ann"]);
    let created = world.store.create_conversation(new.clone()).await.unwrap();
    assert_eq!(created.view.my_role, Role::Owner);
    assert_eq!(created.members, [user("zoe"), user("ann"), user("ben")]);
    let members = world.store.members(&acme(), new.id, 100).await.unwrap();
    let roles: Vec<_> = members.iter().map(|member| member.role).collect();
    assert_eq!(roles, [Role::Owner, Role::Member, Role::Member]);
    assert!(members.iter().all(|member| member.joined_at == new.at));
    let first = world.store.members(&acme(), new.id, 1).await.unwrap();
    assert_eq!(first, members[..1]);
}

async fn creation_is_the_first_change(world: World) {
    let id = world.group("ann", &["ben"]).await;
    let changes = world.store.changes(&acme(), id, 0, 1).await.unwrap();
    let view = world.store.view(&viewer("ann"), id).await.unwrap().unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].rev, 1);
    let conversation = ConversationChanged::of(view.conversation);
    assert_eq!(
        changes[0].event,
        ServerEvent::ConversationCreated(conversation)
    );
}

async fn a_direct_conversation_of_a_pair_is_made_once(world: World) {
    let new = world.new_direct("ann", "ben");
    let first = world.store.create_conversation(new).await.unwrap();
    let new = world.new_direct("ben", "ann");
    let second = world.store.create_conversation(new).await.unwrap();
    assert!(first.created);
    assert!(!second.created);
    assert_eq!(second.view.conversation, first.view.conversation);
    assert_eq!(second.view.my_role, Role::Member);
    assert_eq!(second.members, first.members);
    let other = world.new_direct("ben", "cid");
    assert!(
        world
            .store
            .create_conversation(other)
            .await
            .unwrap()
            .created
    );
}

async fn another_context_is_another_direct_conversation(world: World) {
    // Of the kind that a careless encoding would mix up.
    let contexts = [
        ("a", "b\",\"c"),
        ("a\",\"b", "c"),
        ("", "a"),
        ("a", ""),
        ("null", ""),
    ];
    let contexts = contexts.map(|(kind, id)| {
        Some(Context {
            kind: kind.to_owned(),
            id: id.to_owned(),
        })
    });
    for created in [true, false] {
        for context in contexts.iter().chain([&None]) {
            let mut new = world.new_direct("ann", "ben");
            new.context.clone_from(context);
            let answer = world.store.create_conversation(new).await.unwrap();
            assert_eq!(answer.created, created, "{context:?}");
            assert_eq!(answer.view.conversation.context, *context);
        }
    }
}

async fn a_group_of_the_same_people_is_made_again(world: World) {
    let first = world.group("ann", &["ben"]).await;
    let second = world.group("ann", &["ben"]).await;
    assert_ne!(first, second);
}

async fn the_same_client_id_makes_one_conversation(world: World) {
    let mut new = world.new_group("ann", &["ben"]);
    new.client_conversation_id = Some("mine".to_owned());
    let first = world.store.create_conversation(new).await.unwrap();
    let mut new = world.new_group("ann", &["cid", "dan"]);
    new.client_conversation_id = Some("mine".to_owned());
    let second = world.store.create_conversation(new).await.unwrap();
    assert!(!second.created);
    assert_eq!(second.view, first.view);
    assert_eq!(second.members, first.members);
}

async fn another_creator_may_use_the_same_client_id(world: World) {
    for creator in ["ann", "ben"] {
        let mut new = world.new_group(creator, &["cid"]);
        new.client_conversation_id = Some("mine".to_owned());
        assert!(world.store.create_conversation(new).await.unwrap().created);
    }
}

async fn who_left_the_group_behind_a_client_id_is_not_shown_it(world: World) {
    let mut new = world.new_group("ann", &["ben"]);
    new.client_conversation_id = Some("mine".to_owned());
    world.store.create_conversation(new.clone()).await.unwrap();
    world.remove("ann", new.id).await;
    new.id = unused_conversation();
    let again = world.store.create_conversation(new.clone()).await;
    assert_eq!(refusal(again), Refusal::NotMember);
    assert_eq!(world.store.heads(&acme(), &[new.id]).await.unwrap(), []);
}

async fn an_id_that_is_in_use_makes_nothing(world: World) {
    let id = world.group("ann", &["ben"]).await;
    let mut new = world.new_group("cid", &["dan"]);
    new.id = id;
    world.store.create_conversation(new).await.unwrap_err();
    assert!(
        world
            .store
            .view(&viewer("cid"), id)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(world.store.members(&acme(), id, 9).await.unwrap().len(), 2);
}

async fn nodes_that_make_the_same_pair_at_once_make_one(world: World) {
    let nodes = [world.another_node().await, world.another_node().await];
    for round in 0..10 {
        let name = format!("ben{round}");
        let (left, right) = tokio::join!(
            nodes[0].create_conversation(world.new_direct("ann", &name)),
            nodes[1].create_conversation(world.new_direct(&name, "ann")),
        );
        let (left, right) = (left.unwrap(), right.unwrap());
        assert!(left.created != right.created, "both or none made it");
        assert_eq!(left.view.conversation, right.view.conversation);
    }
}

async fn membership_tells_members_from_others(world: World) {
    let id = world.group("ann", &["ben"]).await;
    let of = |name: &str| {
        let viewer = viewer(name);
        let store = world.store.clone();
        async move { store.membership(&viewer, id).await.unwrap() }
    };
    let Membership {
        conversation,
        member,
    } = of("ben").await.unwrap();
    assert_eq!(conversation.id, id);
    let members = world.store.members(&acme(), id, 9).await.unwrap();
    assert_eq!(member.as_ref(), members.last());
    assert_eq!(of("cid").await.unwrap().member, None);
    world.remove("ben", id).await;
    assert_eq!(of("ben").await.unwrap().member, None);
    let nothing = world
        .store
        .membership(&viewer("ann"), unused_conversation())
        .await;
    assert_eq!(nothing.unwrap(), None);
}

async fn only_members_have_a_view(world: World) {
    let id = world.group("ann", &["ben"]).await;
    let of = |name: &str| {
        let viewer = viewer(name);
        let store = world.store.clone();
        async move { store.view(&viewer, id).await.unwrap() }
    };
    assert_eq!(of("ben").await.unwrap().my_role, Role::Member);
    assert_eq!(of("cid").await, None);
    world.remove("ben", id).await;
    assert_eq!(of("ben").await, None);
}
