//! Which socket made a change, for nodes that read it back.

use serde_json::to_string;
use switchboard_messaging::store::{Appended, Change, Deletion, Edit, NewConversation, NewMessage};
use switchboard_protocol::{ConversationId, Message, MessageId};

use crate::on_both_databases;
use crate::world::{World, acme};

on_both_databases!(
    every_kind_of_change_says_which_socket_made_it,
    an_edited_and_deleted_message_was_still_sent_by_its_first_socket,
    what_no_socket_made_has_no_maker,
    each_message_of_a_batch_has_its_own_maker,
    a_repeated_send_keeps_the_first_maker,
    a_repeated_creation_keeps_the_first_maker,
    a_second_deletion_keeps_the_first_maker,
    sockets_are_in_no_object,
);

async fn group_by(world: &World, maker: &str) -> ConversationId {
    let new = NewConversation {
        socket: Some(maker.to_owned()),
        ..world.new_group("ann", &["ben"])
    };
    let created = world.store.create_conversation(new).await.unwrap();
    created.view.conversation.id
}

async fn say_by(world: &World, maker: &str, to: ConversationId) -> Message {
    let new = NewMessage {
        socket: Some(maker.to_owned()),
        ..world.text("ann", to, "hello")
    };
    world.store.append(new).await.unwrap().message
}

async fn edit_by(world: &World, maker: &str, message: MessageId) {
    let edit = Edit {
        socket: Some(maker.to_owned()),
        ..world.new_edit("ann", message, "hi")
    };
    world.store.edit(edit).await.unwrap();
}

async fn delete_by(world: &World, maker: &str, message: MessageId) -> bool {
    let deletion = Deletion {
        socket: Some(maker.to_owned()),
        ..world.deletion("ann", message)
    };
    world.store.delete(deletion).await.unwrap().changed
}

/// Sends under the same client id each time; whether it was there already.
async fn say_again_by(world: &World, maker: &str, to: ConversationId) -> bool {
    let new = NewMessage {
        socket: Some(maker.to_owned()),
        client_message_id: Some("c-1".to_owned()),
        ..world.text("ann", to, "hello")
    };
    let Appended { duplicate, .. } = world.store.append(new).await.unwrap();
    duplicate
}

/// Which socket made every change, as another node reads it.
async fn makers(world: &World, of: ConversationId) -> Vec<String> {
    let node = world.another_node().await;
    let changes = node.changes(&acme(), of, 0, 100).await.unwrap();
    changes
        .into_iter()
        .map(|Change { event, maker, .. }| {
            let maker = maker.as_deref().unwrap_or("nobody");
            format!("{} by {maker}", event.name())
        })
        .collect()
}

async fn every_kind_of_change_says_which_socket_made_it(world: World) {
    let to = group_by(&world, "phone").await;
    let edited = say_by(&world, "laptop", to).await;
    let deleted = say_by(&world, "phone", to).await;
    edit_by(&world, "tablet", edited.id).await;
    delete_by(&world, "laptop", deleted.id).await;
    let expected = [
        "conversation:created by phone",
        "message:new by laptop",
        "message:new by phone",
        "message:edited by tablet",
        "message:deleted by laptop",
    ];
    assert_eq!(makers(&world, to).await, expected);
}

async fn an_edited_and_deleted_message_was_still_sent_by_its_first_socket(world: World) {
    let to = world.group("ann", &[]).await;
    let sent = say_by(&world, "first", to).await;
    edit_by(&world, "second", sent.id).await;
    edit_by(&world, "third", sent.id).await;
    delete_by(&world, "fourth", sent.id).await;
    let expected = [
        "conversation:created by nobody",
        "message:new by first",
        "message:edited by second",
        "message:edited by third",
        "message:deleted by fourth",
    ];
    assert_eq!(makers(&world, to).await, expected);
}

async fn what_no_socket_made_has_no_maker(world: World) {
    let to = world.group("ann", &[]).await;
    let sent = world.say("ann", to, "hello").await;
    say_by(&world, "phone", to).await;
    world.edit("ann", sent.id, "hi").await;
    world.delete("ann", sent.id).await;
    let expected = [
        "conversation:created by nobody",
        "message:new by nobody",
        "message:new by phone",
        "message:edited by nobody",
        "message:deleted by nobody",
    ];
    assert_eq!(makers(&world, to).await, expected);
}

async fn each_message_of_a_batch_has_its_own_maker(world: World) {
    let to = world.group("ann", &[]).await;
    let names: Vec<String> = (0..50).map(|n| format!("socket{n}")).collect();
    let sends = names.iter().map(|name| async {
        let rev = say_by(&world, name, to).await.rev;
        (rev, Some(name.to_owned()))
    });
    let mut sent = futures_util::future::join_all(sends).await;
    sent.sort();
    let changes = world.store.changes(&acme(), to, 1, 100).await.unwrap();
    let read: Vec<_> = changes.into_iter().map(|c| (c.rev, c.maker)).collect();
    assert_eq!(read, sent);
}

async fn a_repeated_send_keeps_the_first_maker(world: World) {
    let to = group_by(&world, "phone").await;
    assert!(!say_again_by(&world, "first", to).await);
    assert!(say_again_by(&world, "second", to).await);
    let new = "message:new by first";
    assert_eq!(makers(&world, to).await[1..], [new]);
}

async fn a_repeated_creation_keeps_the_first_maker(world: World) {
    let new = |maker: &str| NewConversation {
        socket: Some(maker.to_owned()),
        ..world.new_direct("ann", "ben")
    };
    let made = world.store.create_conversation(new("first")).await.unwrap();
    let again = world.store.create_conversation(new("second")).await;
    assert!(!again.unwrap().created);
    let created = "conversation:created by first";
    let of = made.view.conversation.id;
    assert_eq!(makers(&world, of).await, [created]);
}

async fn a_second_deletion_keeps_the_first_maker(world: World) {
    let to = world.group("ann", &[]).await;
    let sent = say_by(&world, "phone", to).await;
    assert!(delete_by(&world, "first", sent.id).await);
    assert!(!delete_by(&world, "second", sent.id).await);
    let deleted = "message:deleted by first";
    assert_eq!(makers(&world, to).await[2..], [deleted]);
}

async fn sockets_are_in_no_object(world: World) {
    let to = group_by(&world, "secret-1").await;
    let sent = say_by(&world, "secret-2", to).await;
    edit_by(&world, "secret-3", sent.id).await;
    let store = &world.store;
    let page = store.sync(&acme(), to, 0, 100).await.unwrap();
    let mut texts = vec![
        to_string(&page.conversation).unwrap(),
        to_string(&page.messages).unwrap(),
        to_string(&page.members).unwrap(),
        to_string(&world.history(to).await).unwrap(),
    ];
    for change in store.changes(&acme(), to, 0, 100).await.unwrap() {
        texts.push(to_string(&change.event).unwrap());
    }
    for text in texts {
        assert!(!text.contains("secret"), "{text}");
    }
}
