use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    fuzzing,
    wire::{Decoder, testing},
};

fn event_of(text: &str) -> (String, Vec<Value>, Option<u64>) {
    match decode(text).unwrap().0.kind {
        Kind::Event { name, args, id, .. } => (name, args, id),
        other => panic!("not an event: {other:?}"),
    }
}

fn kind_of(text: &str) -> Kind {
    decode(text).unwrap().0.kind
}

#[test]
fn reads_an_event_with_namespace_and_ack_id() {
    let (packet, attachments) = decode(r#"2/chat,17["send",{"a":1}]"#).unwrap();
    assert_eq!((packet.namespace.as_ref(), attachments), ("/chat", 0));
    assert_eq!(
        packet.kind,
        Kind::Event {
            name: "send".into(),
            args: vec![json!({"a": 1})],
            id: Some(17),
            attachments: vec![],
        }
    );
}

#[test]
fn reads_connects_with_and_without_payload_comma_and_query() {
    assert_eq!(kind_of("0"), Kind::Connect { auth: Value::Null });
    for text in ["0/chat", "0/chat,"] {
        assert_eq!(decode(text).unwrap().0.namespace, "/chat");
    }
    let (packet, _) = decode("0/chat?tok=abc&x=?,").unwrap();
    assert_eq!(
        (packet.namespace.as_ref(), packet.query.as_deref()),
        ("/chat", Some("tok=abc&x=?"))
    );
    assert_eq!(
        kind_of(r#"0{"token":"x"}"#),
        Kind::Connect {
            auth: json!({"token": "x"})
        }
    );
}

#[test]
fn reads_disconnects_acks_and_connect_errors() {
    assert_eq!(kind_of("1/chat,"), Kind::Disconnect);
    assert_eq!(
        kind_of(r#"30["ok"]"#),
        Kind::Ack {
            id: 0,
            args: vec![json!("ok")],
            attachments: vec![]
        }
    );
    assert_eq!(kind_of("37[]"), kind_of("3/,7[]"));
    for text in ["4", r#"4"no""#, r#"4{"message":"no"}"#] {
        assert_eq!(kind_of(text), Kind::ConnectError);
    }
}

#[test]
fn refuses_what_fits_no_packet() {
    for text in [
        "",
        "x",
        "é",
        "7[]",
        "9",
        "-1",
        " 0",
        "2",
        "2[]",
        "2{}",
        "2[null]",
        "2[[1]]",
        "2[\"a\"",
        "2[\"a\"]x",
        "1{}",
        "1null",
        "0[]",
        "0\"x\"",
        "0null",
        "3",
        "3[]",
        "31",
        "31{}",
        "4[]",
        "4null",
        "5[\"a\"]",
        "5-[\"a\"]",
        "5+1-[\"a\"]",
        "51[\"a\"]",
        "51",
        "50-[\"a\"]",
        "500-[\"a\"]",
        "5é",
    ] {
        assert!(decode(text).is_err(), "{text}");
    }
}

#[test]
fn takes_the_largest_ack_id_and_refuses_the_next() {
    let largest = format!("2{}[\"a\"]", u64::MAX);
    assert_eq!(event_of(&largest).2, Some(u64::MAX));
    assert_eq!(event_of("2007[\"a\"]").2, Some(7));
    for text in ["218446744073709551616[\"a\"]", "318446744073709551616[]"] {
        assert_eq!(decode(text).unwrap_err(), DecodeError::AckId);
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

#[test]
fn a_placeholder_holds_nothing_but_its_number() {
    let text =
        r#"51-["a",{"b":[{"x":{"_placeholder":true,"num":7},"num":0.0,"_placeholder":true}]}]"#;
    assert_eq!(
        event_of(text).1,
        [json!({"b": [{"_placeholder": true, "num": 0}]})]
    );
    let other = json!({"_placeholder": "true", "num": 9});
    assert_eq!(event_of(&format!("51-[\"a\",{other}]")).1, [other]);
}

/// engineioxide #794: a packet whose first character is longer than a byte.
#[test]
fn issue_794_the_first_character_may_be_of_several_bytes() {
    for text in [
        "é",
        "€",
        "😀2[\"a\"]",
        "\u{0662}[\"a\"]",
        "5é-",
        "51é-",
        "51-é",
        "2é",
        "2/é",
        "2[é",
    ] {
        assert!(decode(text).is_err(), "{text}");
    }
}

#[test]
fn writes_every_packet_as_the_protocol_shows_it() {
    assert_eq!(event_text("/", None, r#"["foo"]"#, 0), r#"2["foo"]"#);
    assert_eq!(
        event_text("/admin", Some(13), r#"["bar"]"#, 2),
        r#"52-/admin,13["bar"]"#
    );
    assert_eq!(ack_text("/", 12, "[]", 0), "312[]");
    assert_eq!(ack_text("/admin", 0, "[]", 1), "61-/admin,0[]");
    assert_eq!(connect_text("/", None), "0");
    assert_eq!(
        connect_text("/admin", Some(&json!({"sid": "x"}))),
        r#"0/admin,{"sid":"x"}"#
    );
    assert_eq!(disconnect_text("/"), "1");
    assert_eq!(disconnect_text("/admin"), "1/admin,");
    assert_eq!(
        connect_error_text("/", &json!({"message": "no"})),
        r#"4{"message":"no"}"#
    );
}

proptest! {
    #[test]
    fn holds_its_invariants_for_any_bytes(bytes in any::<Vec<u8>>()) {
        fuzzing::socketio_packet(&bytes);
    }

    #[test]
    fn holds_its_invariants_for_nearly_packets(
        text in r#"[0-7][0-9]{0,3}-?(/[a-z?=]{0,5},?)?[0-9]{0,25}[\[\]{}",a-z0-9é]{0,12}"#,
    ) {
        fuzzing::socketio_packet(text.as_bytes());
    }

    #[test]
    fn gives_back_the_event_that_was_encoded(
        path in testing::path(),
        id in any::<Option<u64>>(),
        args in testing::event(),
        attachments in testing::attachments(),
    ) {
        let placed = testing::place(args, attachments.len());
        let text = event_text(&path, id, &Value::from(placed.clone()).to_string(), attachments.len());
        let mut decoder = Decoder::new(usize::MAX);
        let mut packet = decoder.text(&text).unwrap();
        for attachment in &attachments {
            prop_assert_eq!(packet, None);
            packet = decoder.binary(attachment).unwrap();
        }
        let expected = Kind::event(Some(placed.into()), id, attachments).unwrap();
        prop_assert_eq!(packet, Some(Incoming::new(&path, expected).unwrap()));
    }

    #[test]
    fn gives_back_the_ack_that_was_encoded(
        path in testing::path(),
        id in any::<u64>(),
        args in testing::args(),
    ) {
        let args = Value::from(args);
        let packet = decode(&ack_text(&path, id, &args.to_string(), 0)).unwrap().0;
        let expected = Kind::ack(Some(args), Some(id), vec![]).unwrap();
        prop_assert_eq!(packet, Incoming::new(&path, expected).unwrap());
    }
}
