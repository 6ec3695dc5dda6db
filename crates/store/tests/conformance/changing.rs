//! Editing and deleting messages.

use std::time::Duration;

use serde_json::{Map, json};
use switchboard_messaging::store::{Edit, Refusal};
use switchboard_protocol::server_events::MessageChanged;
use switchboard_protocol::{Message, ServerEvent, Timestamp};

use crate::on_both_databases;
use crate::world::{World, acme, object, refusal, unused_message, viewer};

on_both_databases!(
    an_edit_is_the_next_version_under_the_next_rev,
    an_edit_with_the_stored_version_is_taken,
    an_edit_at_the_end_of_the_window_is_taken,
    of_two_edits_of_one_version_the_second_is_stale,
    edits_are_refused_in_the_promised_order,
    who_left_can_neither_edit_nor_delete,
    a_deleted_message_is_a_tombstone_under_the_next_rev,
    deleting_again_changes_nothing,
    an_owner_or_admin_may_delete_what_others_said,
    deletions_are_refused_in_the_promised_order,
    an_archive_lets_messages_be_deleted,
);

async fn an_edit_is_the_next_version_under_the_next_rev(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let sent = world.say("ben", to, "one").await;
    let edit = world.new_edit("ben", sent.id, "öne 🧀");
    let at = edit.at;
    let edited = world.store.edit(edit).await.unwrap();
    let expected = Message {
        content: "öne 🧀".to_owned(),
        rev: 3,
        version: 2,
        edited_at: Some(at),
        ..sent
    };
    assert_eq!(edited, expected);
    assert_eq!(world.history(to).await, std::slice::from_ref(&expected));
    let changes = world.store.changes(&acme(), to, 2, 3).await.unwrap();
    assert_eq!(changes.len(), 1);
    let message = MessageChanged::of(expected);
    assert_eq!(changes[0].event, ServerEvent::MessageEdited(message));
    assert_eq!(world.say("ann", to, "next").await.rev, 4);
}

async fn an_edit_with_the_stored_version_is_taken(world: World) {
    let to = world.group("ann", &[]).await;
    let sent = world.say("ann", to, "one").await;
    for version in 1..4 {
        let edit = Edit {
            expected_version: Some(version),
            ..world.new_edit("ann", sent.id, "other")
        };
        assert_eq!(world.store.edit(edit).await.unwrap().version, version + 1);
    }
}

async fn an_edit_at_the_end_of_the_window_is_taken(world: World) {
    let to = world.group("ann", &[]).await;
    let sent = world.say("ann", to, "one").await;
    let at = |not_before: Timestamp| Edit {
        not_before: Some(not_before),
        ..world.new_edit("ann", sent.id, "other")
    };
    let later = sent.created_at.plus(Duration::from_millis(1));
    assert_eq!(
        refusal(world.store.edit(at(later)).await),
        Refusal::WindowPassed
    );
    world.store.edit(at(sent.created_at)).await.unwrap();
}

async fn of_two_edits_of_one_version_the_second_is_stale(world: World) {
    let to = world.group("ann", &[]).await;
    let sent = world.say("ann", to, "one").await;
    let node = world.another_node().await;
    let edit = |content: &str| Edit {
        expected_version: Some(1),
        ..world.new_edit("ann", sent.id, content)
    };
    let (left, right) = tokio::join!(world.store.edit(edit("left")), node.edit(edit("right")));
    let (winner, loser) = match (left, right) {
        (Ok(winner), loser) | (loser, Ok(winner)) => (winner, loser),
        neither => panic!("{neither:?}"),
    };
    assert_eq!(refusal(loser), Refusal::Stale(Box::new(winner)));
}

async fn edits_are_refused_in_the_promised_order(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let sent = world.say("ann", to, "one").await;
    let later = sent.created_at.plus(Duration::from_secs(1));
    let edit = |editor: &str, message| Edit {
        expected_version: Some(7),
        not_before: Some(later),
        ..world.new_edit(editor, message, "other")
    };
    let refused = async |edit| refusal(world.store.edit(edit).await);
    assert_eq!(
        refused(edit("cid", unused_message())).await,
        Refusal::NoMessage
    );
    let stale = Refusal::Stale(Box::new(sent.clone()));
    assert_eq!(refused(edit("ann", sent.id)).await, stale);
    let tombstone = world.delete("ann", sent.id).await;
    let tombstone = Refusal::Tombstone(Box::new(tombstone));
    assert_eq!(refused(edit("ann", sent.id)).await, tombstone);
    world.archive(to).await;
    let view = world.store.view(&viewer("ann"), to).await.unwrap().unwrap();
    let archived = Refusal::Archived(Box::new(view));
    assert_eq!(refused(edit("ann", sent.id)).await, archived);
    assert_eq!(refused(edit("ben", sent.id)).await, Refusal::NotAllowed);
    assert_eq!(refused(edit("cid", sent.id)).await, Refusal::NotMember);
    let head = world.store.heads(&acme(), &[to]).await.unwrap();
    assert_eq!(head[0].rev, 3, "a refused edit took a rev");
}

async fn who_left_can_neither_edit_nor_delete(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let sent = world.say("ben", to, "one").await;
    world.remove("ben", to).await;
    let edit = world.new_edit("ben", sent.id, "other");
    assert_eq!(refusal(world.store.edit(edit).await), Refusal::NotMember);
    let deletion = world.deletion("ben", sent.id);
    assert_eq!(
        refusal(world.store.delete(deletion).await),
        Refusal::NotMember
    );
}

async fn a_deleted_message_is_a_tombstone_under_the_next_rev(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let mut new = world.text("ben", to, "secret");
    new.metadata = object(json!({"also": "secret"}));
    let sent = world.store.append(new).await.unwrap().message;
    let deletion = world.deletion("ben", sent.id);
    let at = deletion.at;
    let deleted = world.store.delete(deletion).await.unwrap();
    let tombstone = Message {
        content: String::new(),
        metadata: Map::new(),
        rev: 3,
        deleted_at: Some(at),
        ..sent
    };
    assert!(deleted.changed);
    assert_eq!(deleted.message, tombstone);
    assert_eq!(world.history(to).await, std::slice::from_ref(&tombstone));
    let changes = world.store.changes(&acme(), to, 2, 3).await.unwrap();
    let message = MessageChanged::of(tombstone);
    assert_eq!(changes[0].event, ServerEvent::MessageDeleted(message));
    let view = world.store.view(&viewer("ann"), to).await.unwrap().unwrap();
    assert_eq!(
        view.conversation.message_count, 1,
        "tombstones count as messages"
    );
    assert_eq!(view.unread_count, 0, "tombstones do not count as unread");
}

async fn deleting_again_changes_nothing(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let sent = world.say("ben", to, "one").await;
    let tombstone = world.delete("ben", sent.id).await;
    let again = world
        .store
        .delete(world.deletion("ann", sent.id))
        .await
        .unwrap();
    assert!(!again.changed);
    assert_eq!(again.message, tombstone);
    let head = world.store.heads(&acme(), &[to]).await.unwrap();
    assert_eq!(head[0].rev, 3);
}

async fn an_owner_or_admin_may_delete_what_others_said(world: World) {
    let to = world.group("ann", &["ben", "cid"]).await;
    for role in ["owner", "admin"] {
        let sent = world.say("cid", to, "one").await;
        world.set_role("ben", role).await;
        assert!(world.delete("ben", sent.id).await.deleted_at.is_some());
    }
}

async fn deletions_are_refused_in_the_promised_order(world: World) {
    let to = world.group("ann", &["ben", "cid"]).await;
    let sent = world.say("ann", to, "one").await;
    let refused =
        async |by, message| refusal(world.store.delete(world.deletion(by, message)).await);
    assert_eq!(refused("dan", unused_message()).await, Refusal::NoMessage);
    assert_eq!(refused("dan", sent.id).await, Refusal::NotMember);
    assert_eq!(refused("ben", sent.id).await, Refusal::NotAllowed);
    world.set_role("cid", "readonly").await;
    assert_eq!(refused("cid", sent.id).await, Refusal::NotAllowed);
    assert_eq!(world.history(to).await, [sent]);
}

async fn an_archive_lets_messages_be_deleted(world: World) {
    let to = world.group("ann", &[]).await;
    let sent = world.say("ann", to, "one").await;
    world.archive(to).await;
    world.delete("ann", sent.id).await;
}
