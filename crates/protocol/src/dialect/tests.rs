use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::calls::{Call, ClientEvent, Watermark};
use crate::error::{ErrorCode, ErrorObject};
use crate::server_events::SERVER_EVENTS;

const ID: &str = "01939c1e-0000-7000-8000-000000000001";

fn named(namespace: &str) -> Dialect {
    let mut all = Dialect::built_in().unwrap().into_iter();
    all.find(|one| one.namespace() == namespace).unwrap()
}

fn mistakes(text: &str) -> Vec<String> {
    let mistakes = Dialect::read(text).unwrap_err();
    mistakes.iter().map(ToString::to_string).collect()
}

#[test]
fn the_built_in_tables_are_read_without_a_mistake() {
    let names = Dialect::built_in().unwrap();
    let names: Vec<_> = names.iter().map(Dialect::namespace).collect();
    assert_eq!(names, ["/messaging", "/chat"]);
}

#[test]
fn a_message_goes_in_with_words_constants_and_fields_that_go_elsewhere() {
    let payload = json!({
        "conversationId": ID, "content": "hi", "messageType": "IMAGE", "tempId": "t1",
        "imageUrl": "https://example.com/a.png", "metadata": {"a": 1},
    });
    let Ok(Call::SendMessage(send)) = named("/messaging").decode("send_message", &payload) else {
        panic!("not understood");
    };
    assert_eq!(send.kind, crate::MessageType::Image);
    assert_eq!(send.client_message_id.as_deref(), Some("t1"));
    let metadata = json!({"a": 1, "imageUrl": "https://example.com/a.png"});
    assert_eq!(Value::Object(send.metadata), metadata);
    for (event, expected) in [("typing_start", true), ("typing_stop", false)] {
        let call = named("/messaging").decode(event, &json!({"conversationId": ID}));
        assert!(
            matches!(call, Ok(Call::Typing { is_typing, .. }) if is_typing == expected),
            "{call:?}"
        );
    }
}

#[test]
fn marking_without_a_message_means_all() {
    let decode = |payload: Value| named("/messaging").decode("mark_read", &payload);
    let all = decode(json!({"conversationId": ID})).unwrap();
    assert!(
        matches!(all, Call::MarkRead(Watermark::All { .. })),
        "{all:?}"
    );
    let one = decode(json!({"conversationId": ID, "messageId": ID})).unwrap();
    assert!(matches!(one, Call::MarkRead(Watermark::Messages(ids)) if ids.len() == 1));
}

#[test]
fn every_mistake_is_told_under_the_dialects_names() {
    let paths = |namespace: &str, event: &str, payload: &Value| {
        let details = named(namespace).decode(event, payload).unwrap_err();
        let mut paths: Vec<_> = details.into_iter().map(|detail| detail.path).collect();
        paths.sort();
        paths
    };
    let wrong = json!({"messageType": "text", "imageUrl": 5, "tempId": 7, "metadata": []});
    assert_eq!(
        paths("/messaging", "send_message", &wrong),
        [
            "content",
            "conversationId",
            "imageUrl",
            "messageType",
            "metadata",
            "tempId"
        ]
    );
    assert_eq!(
        paths("/chat", "sendMessage", &json!({})),
        ["content", "roomId"]
    );
    assert_eq!(paths("/chat", "sendMessage", &json!("text")), [""]);
    assert_eq!(
        paths("/messaging", "mark_read", &json!({})),
        ["conversationId"]
    );
    assert_eq!(
        paths("/messaging", "mark_read", &json!({"messageId": 5})),
        ["conversationId", "messageId"]
    );
    // Nothing is understood by its native name.
    let native = json!({"conversationId": ID, "content": "x"});
    assert_eq!(paths("/chat", "sendMessage", &native), ["roomId"]);
    assert_eq!(named("/chat").call_of("message:send"), None);
}

#[test]
fn what_a_command_finds_wrong_is_told_under_the_dialects_names() {
    let error = ErrorObject::invalid("clientMessageId", "is bad").of_event("send_message");
    let error = named("/messaging").in_words_of("send_message", error);
    assert_eq!(error.details[0].path, "tempId");
    assert_eq!(error.message, "tempId: is bad");
    assert_eq!(error.event.as_deref(), Some("send_message"));
    let other = ErrorObject::not_found("conversation");
    assert_eq!(
        named("/messaging").in_words_of("send_message", other.clone()),
        other
    );
}

fn message() -> Value {
    json!({"message": {
        "id": ID, "conversationId": "c", "seq": 7, "rev": 9, "version": 1, "senderId": "ann",
        "type": "image", "content": "hi", "metadata": {"imageUrl": "u", "a": 1},
        "clientMessageId": "t1", "createdAt": "now", "editedAt": null, "deletedAt": null,
    }})
}

#[test]
fn a_message_comes_out_to_its_sender_and_to_the_others() {
    let messaging = named("/messaging");
    let data = message();
    let told = messaging.tell("message:new", &data);
    let expected = json!({
        "id": ID, "conversationId": "c", "senderId": "ann", "messageType": "IMAGE", "content": "hi",
        "imageUrl": "u", "metadata": {"a": 1}, "createdAt": "now", "deliveredAt": null, "readAt": null,
    });
    assert_eq!(told[0].event, "message_sent");
    assert_eq!(told[0].hearers, Hearers::Only("ann".to_owned()));
    assert_eq!(
        told[0].payload,
        json!({"message": expected, "tempId": "t1"})
    );
    assert_eq!(told[1].event, "message_received");
    assert_eq!(told[1].hearers, Hearers::But("ann".to_owned()));
    assert_eq!(told[1].payload, json!({"message": expected}));
    let caller = messaging.tell_caller(ClientEvent::MessageSend, &data);
    assert_eq!(caller, told[..1]);
    assert_eq!(messaging.answer(data), json!({"message": expected}));
    assert!(messaging.tell("message:edited", &message()).is_empty());
    assert!(
        named("/chat")
            .tell_caller(ClientEvent::MessageSend, &message())
            .is_empty()
    );
}

#[test]
fn rooms_hear_of_messages_edits_deletions_and_the_offline_queue() {
    let chat = named("/chat");
    let data = message();
    let new = chat.tell("message:new", &data);
    let expected = json!({
        "id": ID, "roomId": "c", "authorId": "ann", "content": "hi", "createdAt": "now", "seq": 7,
    });
    assert_eq!(
        (new[0].event, &new[0].payload),
        ("receiveMessage", &expected)
    );
    let edited = chat.tell("message:edited", &data);
    assert_eq!(
        (edited[0].event, &edited[0].payload),
        ("messageUpdated", &expected)
    );
    let deleted = chat.tell("message:deleted", &data);
    let expected = json!({"id": ID, "roomId": "c"});
    assert_eq!(
        (deleted[0].event, &deleted[0].payload),
        ("messageDeleted", &expected)
    );
    let queued = json!({"events": [
        {"id": "1", "event": "order", "data": {"n": 1}, "priority": "low"},
        {"id": "2", "event": "bill", "data": null, "priority": "low"},
    ]});
    let told = chat.tell("queue:events", &queued);
    let payloads: Vec<_> = told.iter().map(|one| one.payload.clone()).collect();
    assert_eq!(
        payloads,
        [
            json!({"event": "order", "data": {"n": 1}}),
            json!({"event": "bill", "data": null})
        ]
    );
}

#[test]
fn presence_is_told_for_each_user_by_what_it_is() {
    let changes = json!({"changes": [
        {"userId": "ann", "status": "busy", "lastSeenAt": null},
        {"userId": "bob", "status": "offline", "lastSeenAt": "then"},
    ]});
    let messaging = named("/messaging");
    let told = messaging.tell("presence:changed", &changes);
    assert_eq!(
        (told[0].event, &told[0].payload),
        ("user_online", &json!({"userId": "ann"}))
    );
    let offline = json!({"userId": "bob", "lastSeen": "then"});
    assert_eq!(
        (told[1].event, &told[1].payload),
        ("user_offline", &offline)
    );
    assert_eq!(told.len(), 2);
}

#[test]
fn receipts_and_counts_and_failures_have_their_rows() {
    let messaging = named("/messaging");
    let post = |id: &str, sender: &str| json!({"id": id, "senderId": sender});
    let receipt = json!({
        "conversationId": "c", "userId": "bob", "upToSeq": 3, "at": "now",
        "message": post("m3", "ann"), "messages": [post("m2", "eve"), post("m3", "ann")],
    });
    let told = messaging.tell("message:delivered", &receipt);
    assert_eq!(told.len(), 2);
    assert_eq!(told[1].hearers, Hearers::Only("ann".to_owned()));
    let expected =
        json!({"conversationId": "c", "messageId": "m3", "userId": "bob", "deliveredAt": "now"});
    assert_eq!(told[1].payload, expected);
    let told = messaging.tell("message:read", &receipt);
    let expected =
        json!({"conversationId": "c", "messageId": "m3", "userId": "bob", "readAt": "now"});
    assert_eq!(
        (told[0].event, &told[0].payload),
        ("message_read", &expected)
    );
    let count = json!({"conversationId": "c", "unreadCount": 2, "total": 5});
    let told = messaging.tell("unread:count", &count);
    assert_eq!(
        told[0].payload,
        json!({"conversationId": "c", "count": 2, "total": 5})
    );
    for code in ErrorCode::ALL {
        let error = serde_json::to_value(ErrorObject::new(*code, "no")).unwrap();
        let told = messaging.tell(code.failure_event(), &error);
        let expected = json!({"code": code.as_str(), "message": "no"});
        assert_eq!((told[0].event, &told[0].payload), ("error", &expected));
    }
}

#[test]
fn who_hears_depends_on_whose_a_socket_is() {
    let (only, but) = (
        Hearers::Only("ann".to_owned()),
        Hearers::But("ann".to_owned()),
    );
    for (user, expected) in [
        (Some("ann"), [true, true, false]),
        (Some("bob"), [true, false, true]),
        (None, [true, false, false]),
    ] {
        let heard = [&Hearers::All, &only, &but].map(|hearers| hearers.include(user));
        assert_eq!(heard, expected, "{user:?}");
    }
}

#[test]
fn every_mistake_of_a_table_is_listed_with_its_place() {
    let table = r#"
        namespace = "chat"
        written_is_delivered = "yes"
        colour = "red"
        [authentication]
        event = "login"
        token = "token"
        seconds = 301
        [forms.message]
        id = 5
        [answers]
        message = "massage"
        [in.say]
        call = "message:send"
        fields.text = { to = "content", kind = "number" }
        [in.write]
        call = "message:send"
        fields.text = "contents"
        with = { typ = "text" }
        [in.said]
        call = "message:sent"
        without.room = { all = true }
        [in.connect]
        call = "message:send"
        [[out]]
        on = ["message:newest"]
        event = "said"
        only = "item.userId"
        fields.id = "message..id"
        [[out]]
        on = ["message:new"]
        event = "said"
    "#;
    let found = mistakes(table);
    let places: Vec<_> = found
        .iter()
        .map(|one| one.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "colour",
            "namespace",
            "written_is_delivered",
            "authentication.seconds",
            "forms.message.id",
            "answers.message",
            "in.connect",
            "in.said.call",
            "in.said.without.room",
            "in.say.fields.text.kind",
            "in.write.fields.text",
            "in.write.with",
            "out[0].on",
            "out[0].fields.id",
            "out[0]",
            "out[1]",
        ],
        "{found:#?}"
    );
}

#[test]
fn a_place_at_which_there_is_nothing_is_a_mistake() {
    let row = |row: &str| {
        let forms = "namespace = \"/a\"\n[forms.m]\nid = \"id\"\nwho = \"sender\"\n";
        Dialect::read(&format!("{forms}[[out]]\nevent = \"e\"\n{row}"))
    };
    let reasons = |text: &str| {
        let found = row(text).unwrap_err();
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for right in [
        "on = [\"message:new\"]\nfields = { a = \"message.metadata.any.thing\" }",
        "on = [\"presence:changed\"]\neach = \"changes\"\nfields = { a = \"item.customStatus\" }",
        "on = [\"queue:events\"]\neach = \"events\"\nfields = { a = \"item.data.any\" }",
        "on = [\"error\"]\nfields = { a = \"retryAfterMs\" }",
        "on = [\"message:read\"]\nfields = { a = \"message.id\" }",
        "on = [\"conversation:created\"]\nfields = { a = \"conversation.context.id\" }",
    ] {
        assert!(row(right).is_ok(), "{right}: {:?}", row(right));
    }
    for (wrong, reason) in [
        (
            "on = [\"message:new\"]\nbut = \"senderId\"\nfields = { a = \"message.ids\" }",
            &[
                "out[0].but: `message:new` has nothing at `senderId`",
                "out[0].fields.a: `message:new` has nothing at `message.ids`",
            ][..],
        ),
        (
            "on = [\"message:new\"]\npayload = { from = \"message\", form = \"m\" }",
            &["out[0].payload.who: `message:new` has nothing at `sender`"],
        ),
        (
            "on = [\"presence:changed\"]\neach = \"change\"\nfields = { a = \"item.userId\" }",
            &["out[0].each: `presence:changed` has no list there: change"],
        ),
        (
            "on = [\"presence:changed\"]\neach = \"changes\"\nfields = { a = \"item.user\" }",
            &["out[0].fields.a: `presence:changed` has nothing at `item.user`"],
        ),
    ] {
        assert_eq!(reasons(wrong), reason, "{wrong}");
    }
}

#[test]
fn the_table_in_the_documentation_is_one() {
    let page = include_str!("../../../../docs/dialects.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (table, _) = rest.split_once("```").unwrap();
    assert_eq!(Dialect::read(table).unwrap().namespace(), "/irc");
}

#[test]
fn what_is_no_toml_is_a_mistake_with_its_line() {
    assert!(mistakes("namespace = \"/a\"\nx = = 1")[0].starts_with("line 2: "));
    assert_eq!(mistakes(""), ["namespace: is required"]);
}

#[test]
fn a_namespace_has_at_most_64_characters_and_a_socket_at_most_300_seconds() {
    let table = |length: usize, seconds: i64| {
        let namespace = format!("/{}", "x".repeat(length - 1));
        Dialect::read(&format!(
            "namespace = \"{namespace}\"\n[authentication]\nevent = \"a\"\ntoken = \"t\"\nseconds = {seconds}"
        ))
    };
    assert!(table(64, 300).is_ok());
    assert!(table(65, 300).is_err());
    assert!(table(64, 301).is_err());
    assert!(table(2, 1).is_ok());
    assert!(table(1, 1).is_err());
    assert!(table(2, 0).is_err());
}

#[test]
fn forms_in_one_another_come_to_an_end() {
    let table = "namespace = \"/a\"\n[forms.a]\na = { from = \"a\", form = \"a\" }";
    assert!(mistakes(table)[0].contains("more than 4 deep"));
}

#[test]
fn the_queue_is_acknowledged_in_every_namespace_and_nothing_else_is_native() {
    for dialect in Dialect::built_in().unwrap() {
        for event in ClientEvent::ALL {
            let known = dialect.call_of(event.name());
            assert_eq!(
                known.is_some(),
                event.name() == "queue:ack",
                "{}",
                event.name()
            );
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
        Just(Value::from("TEXT")),
        Just(Value::from(ID)),
    ];
    let names = prop::sample::select(vec![
        "conversationId",
        "content",
        "messageType",
        "imageUrl",
        "metadata",
        "tempId",
        "messageId",
        "roomId",
        "isTyping",
        "status",
        "message",
        "messages",
        "changes",
        "item",
        "senderId",
        "events",
    ]);
    let names = prop_oneof![names.prop_map(str::to_owned), ".*"];
    leaf.prop_recursive(3, 32, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(names.clone(), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_comes_in_is_understood_or_refused_under_the_dialects_names(payload in any_json()) {
        for dialect in Dialect::built_in().unwrap() {
            for (event, row) in &dialect.incoming {
                let Err(details) = dialect.decode(event, &payload) else { continue };
                prop_assert!(!details.is_empty());
                for detail in details {
                    let end = detail.path.find(['.', '[']).unwrap_or(detail.path.len());
                    let field = &detail.path[..end];
                    prop_assert!(field.is_empty() || row.fields.contains_key(field), "{event}: {detail:?}");
                }
            }
        }
    }

    #[test]
    fn whatever_happens_is_told_in_the_tables_fields_or_not_at_all(data in any_json()) {
        for dialect in Dialect::built_in().unwrap() {
            for native in SERVER_EVENTS {
                for told in dialect.tell(native.name, &data) {
                    prop_assert!(!told.event.is_empty());
                }
            }
            dialect.answer(data.clone());
        }
    }

    #[test]
    fn no_text_makes_the_reader_of_tables_panic(text in ".*", cut in 0usize..4000) {
        let _ = Dialect::read(&text);
        let table = include_str!("../../dialects/messaging.toml");
        let end = (0..=cut.min(table.len())).rev().find(|end| table.is_char_boundary(*end));
        let _ = Dialect::read(&format!("{}{text}", &table[..end.unwrap_or(0)]));
    }
}
