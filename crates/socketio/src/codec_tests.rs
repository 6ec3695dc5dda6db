use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::Packet;

fn event_of(text: &str) -> (String, Vec<Value>, Option<u64>) {
    match decode(text).unwrap().kind {
        Kind::Event { name, args, id } => (name, args, id),
        other => panic!("not an event: {other:?}"),
    }
}

#[test]
fn reads_an_event_with_namespace_and_ack_id() {
    let packet = decode(r#"2/chat,17["send",{"a":1}]"#).unwrap();
    assert_eq!(packet.namespace, "/chat");
    assert_eq!(
        packet.kind,
        Kind::Event {
            name: "send".into(),
            args: vec![json!({"a": 1})],
            id: Some(17)
        }
    );
}

#[test]
fn reads_connects_with_and_without_payload_comma_and_query() {
    assert_eq!(
        decode("0").unwrap().kind,
        Kind::Connect { auth: Value::Null }
    );
    assert_eq!(decode("0/chat").unwrap().namespace, "/chat");
    assert_eq!(decode("0/chat,").unwrap().namespace, "/chat");
    let packet = decode("0/chat?tok=abc,").unwrap();
    assert_eq!(
        (packet.namespace.as_str(), packet.query.as_deref()),
        ("/chat", Some("tok=abc"))
    );
    assert_eq!(
        decode(r#"0{"token":"x"}"#).unwrap().kind,
        Kind::Connect {
            auth: json!({"token": "x"})
        }
    );
}

#[test]
fn takes_numbers_as_event_names_as_the_js_server_does() {
    assert_eq!(
        event_of("2[7,true]"),
        ("7".to_owned(), vec![json!(true)], None)
    );
}

#[test]
fn counts_up_to_ten_attachments_and_refuses_the_eleventh() {
    let text = r#"510-["file",{"_placeholder":true,"num":0}]"#;
    assert_eq!(decode(text).unwrap().attachments, 10);
    assert!(decode(r#"511-["file"]"#).is_err());
    assert!(decode(r#"5["file"]"#).is_err());
    assert!(decode(r#"5-["file"]"#).is_err());
    assert!(decode(r#"5+1-["file"]"#).is_err());
}

#[test]
fn refuses_what_the_js_parser_refuses() {
    for text in [
        "",
        "x",
        "é",
        "7[]",
        "9",
        "2",
        "2[]",
        "2{}",
        "2[null]",
        "2[[1]]",
        "2[\"a\"",
        "2[\"a\"]x",
        "1{}",
        "0[]",
        "0\"x\"",
        "3",
        "3{}",
        "299999999999999999999[\"a\"]",
    ] {
        assert!(decode(text).is_err(), "{text}");
    }
    for name in RESERVED {
        assert!(matches!(
            decode(&format!("2[\"{name}\"]")),
            Err(DecodeError::Reserved)
        ));
    }
}

#[test]
fn takes_127_levels_of_nesting_and_refuses_128() {
    let nested = |levels: usize| {
        // One level is the packet's own array.
        format!(
            "2[\"a\",{}{}]",
            "[".repeat(levels - 1),
            "]".repeat(levels - 1)
        )
    };
    assert!(decode(&nested(127)).is_ok());
    assert!(decode(&nested(128)).is_err());
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(".*", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn never_panics_on_text(text in ".*") {
        let _ = decode(&text);
    }

    #[test]
    fn never_panics_on_nearly_packets(text in r#"[0-7][0-9]{0,3}-?(/[a-z?=]{0,5},?)?[0-9]{0,25}[\[\]{}",a-z0-9é]{0,12}"#) {
        let _ = decode(&text);
    }

    #[test]
    fn gives_back_the_event_that_was_encoded(
        namespace in prop_oneof![Just("/".to_owned()), "/[a-z0-9_-]{1,12}"],
        name in "[^\\[\\]]{0,20}",
        args in prop::collection::vec(json_value(), 0..4),
    ) {
        prop_assume!(!RESERVED.contains(&name.as_str()));
        let packet = Packet::event_args(&namespace, &name, &args).unwrap();
        let decoded = decode(packet.as_str()).unwrap();
        prop_assert_eq!(decoded.namespace, namespace);
        prop_assert_eq!(decoded.kind, Kind::Event { name, args, id: None });
    }

    #[test]
    fn gives_back_the_ack_id_that_was_encoded(id in any::<u64>(), value in json_value()) {
        let text = format!("{}[\"a\",{value}]", header('2', "/chat", Some(id)));
        prop_assert_eq!(event_of(&text), ("a".to_owned(), vec![value], Some(id)));
    }
}

fn first_arg(text: &str) -> Value {
    match decode(text).unwrap().kind {
        Kind::Event { args, .. } => args.into_iter().next().unwrap(),
        other => panic!("{other:?} is no event"),
    }
}

#[test]
fn half_an_emoji_is_read_as_the_replacement_character() {
    assert_eq!(first_arg(r#"2["e","\ud83d"]"#), json!("\u{fffd}"));
    assert_eq!(
        first_arg(r#"2["e","\ude00 \ud83d\ud83d\ude00x"]"#),
        json!("\u{fffd} \u{fffd}😀x")
    );
    assert_eq!(first_arg(r#"2["e","\\ud83d\n"]"#), json!("\\ud83d\n"));
    assert!(decode(r#"2["e","\ud83d]"#).is_err());
}
