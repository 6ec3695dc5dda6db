//! Storing messages.

use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::json;
use switchboard_messaging::store::{NewMessage, Refusal};
use switchboard_protocol::server_events::MessageChanged;
use switchboard_protocol::{MessageType, ServerEvent};

use crate::on_both_databases;
use crate::world::{
    World, acme, object, refusal, unused_conversation, unused_message, user, viewer,
};

on_both_databases!(
    a_message_is_stored_as_sent,
    every_kind_of_text_comes_back_as_it_was,
    the_first_message_is_seq_1_rev_2,
    a_message_moves_the_conversation,
    a_reply_belongs_to_its_thread,
    the_same_client_id_stores_once,
    the_same_client_id_at_the_same_time_stores_once,
    a_client_id_is_its_senders_and_conversations_own,
    a_duplicate_is_shown_as_it_is_now,
    a_duplicate_is_answered_even_in_an_archive,
    messages_sent_together_get_one_seq_each,
    messages_have_their_place_once_they_are_polled,
    one_bad_message_does_not_fail_its_neighbours,
    no_conversation_refuses,
    not_being_a_member_refuses,
    having_left_refuses,
    being_read_only_refuses,
    an_archive_refuses_and_shows_itself,
    an_unknown_reply_refuses,
);

async fn a_message_is_stored_as_sent(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let new = NewMessage {
        kind: MessageType::Image,
        metadata: object(json!({"width": 1.5, "nested": {"list": [true, null, "x"]}})),
        client_message_id: Some("c-1".to_owned()),
        ..world.text("ben", to, "look")
    };
    let message = world.store.append(new.clone()).await.unwrap().message;
    assert_eq!(message.id, new.id);
    assert_eq!(message.conversation_id, to);
    assert_eq!(message.sender_id, user("ben"));
    assert_eq!(message.kind, MessageType::Image);
    assert_eq!(message.content, "look");
    assert_eq!(message.metadata, new.metadata);
    assert_eq!(message.client_message_id, new.client_message_id);
    assert_eq!(message.created_at, new.at);
    assert_eq!(message.version, 1);
    assert_eq!((message.edited_at, message.deleted_at), (None, None));
    let stored = world.store.message(&acme(), new.id).await.unwrap();
    assert_eq!(stored, Some(message));
}

async fn every_kind_of_text_comes_back_as_it_was(world: World) {
    let to = world.group("ann", &[]).await;
    let texts = [
        "1 < 2 && a > b, R&D",
        "👩‍👩‍👧‍👦 🇨🇭 \u{10ffff} 𝒳",
        "line\none\ttab",
        "'; drop table messages; --",
        "\"quotes\" and \\ backslashes {a,b} $1 ? NULL",
        "\u{feff}\u{200b}e\u{301}",
        &"🧀".repeat(5_000),
    ];
    for text in texts {
        let mut new = world.text("ann", to, text);
        new.metadata = object(json!({ text: text }));
        let sent = world.store.append(new).await.unwrap().message;
        assert_eq!(sent.content, text);
        let stored = world.store.message(&acme(), sent.id).await.unwrap();
        assert_eq!(stored, Some(sent));
    }
}

async fn the_first_message_is_seq_1_rev_2(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let first = world.say("ann", to, "one").await;
    assert_eq!((first.seq, first.rev), (1, 2));
    let second = world.say("ben", to, "two").await;
    assert_eq!((second.seq, second.rev), (2, 3));
    let changes = world.store.changes(&acme(), to, 2, 3).await.unwrap();
    assert_eq!(changes.len(), 1);
    let message = MessageChanged::of(second);
    assert_eq!(changes[0].event, ServerEvent::MessageNew(message));
}

async fn a_message_moves_the_conversation(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let sent = world.say("ann", to, "one").await;
    let view = world.store.view(&viewer("ben"), to).await.unwrap().unwrap();
    let conversation = view.conversation;
    assert_eq!(conversation.last_seq, 1);
    assert_eq!(conversation.rev, 2);
    assert_eq!(conversation.message_count, 1);
    assert_eq!(conversation.last_message_at, Some(sent.created_at));
    assert_eq!(view.unread_count, 1);
}

async fn a_reply_belongs_to_its_thread(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let root = world.say("ann", to, "root").await;
    let mut last = root.clone();
    for text in ["reply", "reply to a reply"] {
        let mut new = world.text("ben", to, text);
        new.reply_to = Some(last.id);
        let reply = world.store.append(new).await.unwrap().message;
        assert_eq!(reply.reply_to, Some(last.id));
        assert_eq!(reply.thread_root_id, Some(root.id));
        last = reply;
    }
}

async fn the_same_client_id_stores_once(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let mut first = world.text("ann", to, "one");
    first.client_message_id = Some("c-1".to_owned());
    let mut again = world.text("ann", to, "another text");
    again.client_message_id = Some("c-1".to_owned());
    let first = world.store.append(first).await.unwrap();
    let again = world.store.append(again).await.unwrap();
    assert!(!first.duplicate);
    assert!(again.duplicate);
    assert_eq!(again.message, first.message);
    assert_eq!(world.history(to).await, [first.message]);
}

async fn the_same_client_id_at_the_same_time_stores_once(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let send = |content: &str| {
        let mut new = world.text("ann", to, content);
        new.client_message_id = Some("c-1".to_owned());
        world.store.append(new)
    };
    let (a, b, c) = tokio::join!(send("a"), send("b"), send("c"));
    let answers = [a.unwrap(), b.unwrap(), c.unwrap()];
    assert_eq!(answers.iter().filter(|answer| !answer.duplicate).count(), 1);
    let stored = world.history(to).await;
    assert_eq!(stored.len(), 1);
    assert!(answers.iter().all(|answer| answer.message == stored[0]));
}

async fn a_client_id_is_its_senders_and_conversations_own(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let elsewhere = world.group("ann", &["ben"]).await;
    for (sender, to) in [
        ("ann", to),
        ("ben", to),
        ("ann", elsewhere),
        ("ben", elsewhere),
    ] {
        let mut new = world.text(sender, to, "hello");
        new.client_message_id = Some("c-1".to_owned());
        assert!(!world.store.append(new).await.unwrap().duplicate);
    }
}

async fn a_duplicate_is_shown_as_it_is_now(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let mut new = world.text("ann", to, "one");
    new.client_message_id = Some("c-1".to_owned());
    let sent = world.store.append(new.clone()).await.unwrap().message;
    let edited = world.edit("ann", sent.id, "better").await;
    new.id = unused_message();
    let again = world.store.append(new).await.unwrap();
    assert!(again.duplicate);
    assert_eq!(again.message, edited);
}

async fn a_duplicate_is_answered_even_in_an_archive(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let mut new = world.text("ann", to, "one");
    new.client_message_id = Some("c-1".to_owned());
    world.store.append(new.clone()).await.unwrap();
    world.archive(to).await;
    assert!(world.store.append(new).await.unwrap().duplicate);
}

async fn messages_sent_together_get_one_seq_each(world: World) {
    let to = [world.group("ann", &[]).await, world.group("ann", &[]).await];
    let texts: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    let sends = texts
        .iter()
        .enumerate()
        .map(|(n, text)| world.store.append(world.text("ann", to[n % 2], text)));
    for answer in join_all(sends).await {
        answer.unwrap();
    }
    for to in to {
        let stored = world.history(to).await;
        let seqs: Vec<i64> = stored.iter().map(|message| message.seq).collect();
        assert_eq!(seqs, (1..=100).collect::<Vec<_>>());
        assert!(stored.iter().all(|message| message.rev == message.seq + 1));
    }
}

async fn messages_have_their_place_once_they_are_polled(world: World) {
    let to = world.group("ann", &[]).await;
    let mut sending: Vec<_> = (1..=40)
        .map(|n| world.store.append(world.text("ann", to, &n.to_string())))
        .collect();
    for one in &mut sending {
        assert!(one.now_or_never().is_none());
    }
    // Whoever waits last was polled first.
    while let Some(one) = sending.pop() {
        let message = one.await.unwrap().message;
        let seq = sending.len() as i64 + 1;
        assert_eq!((message.seq, message.content), (seq, seq.to_string()));
    }
}

async fn one_bad_message_does_not_fail_its_neighbours(world: World) {
    let to = world.group("ann", &[]).await;
    let taken = world.say("ann", to, "first").await;
    let mut bad = world.text("ann", to, "bad");
    bad.id = taken.id;
    let (before, bad, after) = tokio::join!(
        world.store.append(world.text("ann", to, "before")),
        world.store.append(bad),
        world.store.append(world.text("ann", to, "after")),
    );
    bad.unwrap_err();
    let stored = world.history(to).await;
    assert_eq!(
        stored,
        [taken, before.unwrap().message, after.unwrap().message]
    );
}

async fn no_conversation_refuses(world: World) {
    let new = world.text("ann", unused_conversation(), "hello");
    assert_eq!(
        refusal(world.store.append(new).await),
        Refusal::NoConversation
    );
}

async fn not_being_a_member_refuses(world: World) {
    let to = world.group("ann", &["ben"]).await;
    world.archive(to).await;
    let new = world.text("cid", to, "hello");
    assert_eq!(refusal(world.store.append(new).await), Refusal::NotMember);
}

async fn having_left_refuses(world: World) {
    let to = world.group("ann", &["ben"]).await;
    world.remove("ben", to).await;
    let new = world.text("ben", to, "hello");
    assert_eq!(refusal(world.store.append(new).await), Refusal::NotMember);
}

async fn being_read_only_refuses(world: World) {
    let to = world.group("ann", &["ben"]).await;
    world.set_role("ben", "readonly").await;
    world.archive(to).await;
    let new = world.text("ben", to, "hello");
    assert_eq!(refusal(world.store.append(new).await), Refusal::ReadOnly);
    assert_eq!(world.history(to).await, []);
}

async fn an_archive_refuses_and_shows_itself(world: World) {
    let to = world.group("ann", &["ben"]).await;
    world.say("ann", to, "before").await;
    world.archive(to).await;
    let mut new = world.text("ben", to, "after");
    new.reply_to = Some(unused_message());
    let view = world.store.view(&viewer("ben"), to).await.unwrap().unwrap();
    assert_eq!(view.unread_count, 1);
    let refused = refusal(world.store.append(new).await);
    assert_eq!(refused, Refusal::Archived(Box::new(view)));
}

async fn an_unknown_reply_refuses(world: World) {
    let to = world.group("ann", &["ben"]).await;
    let elsewhere = world.group("ann", &["ben"]).await;
    let elsewhere = world.say("ann", elsewhere, "not here").await;
    for reply_to in [unused_message(), elsewhere.id] {
        let mut new = world.text("ann", to, "hello");
        new.reply_to = Some(reply_to);
        assert_eq!(
            refusal(world.store.append(new).await),
            Refusal::UnknownReply
        );
    }
    let head = world.store.heads(&acme(), &[to]).await.unwrap();
    assert_eq!(head[0].rev, 1);
}
