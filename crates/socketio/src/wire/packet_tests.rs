use serde_json::json;

use super::*;
use crate::wire::{event_msgpack, event_text};

const LIMIT: usize = 1000;

fn decoder() -> Decoder {
    Decoder::new(LIMIT)
}

fn event_of(packet: Incoming) -> (String, Vec<Value>, Vec<Bytes>) {
    match packet.kind {
        Kind::Event {
            name,
            args,
            attachments,
            ..
        } => (name, args, attachments),
        other => panic!("not an event: {other:?}"),
    }
}

fn read(text: &str) -> (String, Vec<Value>, Vec<Bytes>) {
    event_of(decoder().text(text).unwrap().unwrap())
}

fn placeholder(num: usize) -> Value {
    json!({"_placeholder": true, "num": num})
}

/// The text of an event with placeholders for so many attachments.
fn announcing(attachments: usize) -> String {
    let mut args = vec![json!("file")];
    args.extend((0..attachments).map(placeholder));
    event_text("/", None, &Value::from(args).to_string(), attachments)
}

#[test]
fn takes_no_heap_and_little_room_while_nothing_is_pending() {
    assert!(size_of::<Decoder>() <= 32);
    let mut decoder = decoder();
    assert!(decoder.pending.is_none());
    decoder.text(&announcing(1)).unwrap();
    decoder.binary(b"x").unwrap();
    assert!(decoder.pending.is_none());
}

#[test]
fn learns_the_parser_from_the_first_message() {
    let msgpack = event_msgpack("/", None, &json!(["a"]), &[]);
    let mut text = decoder();
    assert_eq!(text.parser(), None);
    text.text(r#"2["a"]"#).unwrap();
    assert_eq!(text.parser(), Some(Parser::Default));
    assert_eq!(text.binary(&msgpack), Err(DecodeError::UnexpectedBinary));
    assert_eq!(text.parser(), Some(Parser::Default));

    let mut binary = decoder();
    binary.binary(&msgpack).unwrap();
    assert_eq!(binary.parser(), Some(Parser::Msgpack));
    assert_eq!(binary.text(r#"2["a"]"#), Err(DecodeError::UnexpectedText));
    assert!(binary.binary(&msgpack).unwrap().is_some());
}

#[test]
fn gives_out_a_packet_with_its_last_attachment() {
    let mut decoder = decoder();
    assert_eq!(decoder.text(&announcing(2)), Ok(None));
    assert_eq!(decoder.binary(b"one"), Ok(None));
    let packet = decoder.binary(b"").unwrap().unwrap();
    let (name, args, attachments) = event_of(packet);
    assert_eq!(name, "file");
    assert_eq!(args, [placeholder(0), placeholder(1)]);
    assert_eq!(attachments, [&b"one"[..], b""]);
}

#[test]
fn acks_have_attachments_too() {
    let mut decoder = decoder();
    let text = r#"61-/chat,7[{"_placeholder":true,"num":0}]"#;
    assert_eq!(decoder.text(text), Ok(None));
    let packet = decoder.binary(b"x").unwrap().unwrap();
    assert_eq!(packet.namespace, "/chat");
    assert_eq!(
        packet.kind,
        Kind::Ack {
            id: 7,
            args: vec![placeholder(0)],
            attachments: vec![Bytes::from_static(b"x")],
        }
    );
}

#[test]
fn refuses_text_while_attachments_are_awaited() {
    let mut decoder = decoder();
    decoder.text(&announcing(1)).unwrap();
    assert_eq!(decoder.text("1"), Err(DecodeError::UnexpectedText));
    // The pending packet is given up.
    assert_eq!(decoder.binary(b"x"), Err(DecodeError::UnexpectedBinary));
}

#[test]
fn refuses_a_binary_message_that_belongs_to_no_packet() {
    let mut decoder = decoder();
    decoder.text(r#"2["a"]"#).unwrap();
    assert_eq!(decoder.binary(b"x"), Err(DecodeError::UnexpectedBinary));
    decoder.text(&announcing(1)).unwrap();
    decoder.binary(b"x").unwrap();
    assert_eq!(decoder.binary(b"x"), Err(DecodeError::UnexpectedBinary));
}

#[test]
fn takes_ten_attachments_and_refuses_an_eleventh() {
    let mut decoder = decoder();
    decoder.text(&announcing(10)).unwrap();
    for _ in 0..9 {
        assert_eq!(decoder.binary(b"x"), Ok(None));
    }
    let packet = decoder.binary(b"x").unwrap().unwrap();
    assert_eq!(event_of(packet).2.len(), 10);
    assert_eq!(
        decoder.text(&announcing(11)),
        Err(DecodeError::TooManyAttachments)
    );

    let content = vec![Bytes::from_static(b"x"); 11];
    let msgpack = |count: usize| {
        let args = (0..count).map(placeholder);
        let args = std::iter::once(json!("file")).chain(args).collect();
        event_msgpack("/", None, &args, &content)
    };
    let packet = msgpack::decode(&msgpack(10)).unwrap();
    assert_eq!(event_of(packet).2.len(), 10);
    assert_eq!(
        msgpack::decode(&msgpack(11)),
        Err(DecodeError::TooManyAttachments)
    );
}

#[test]
fn takes_exactly_as_many_bytes_as_are_allowed() {
    let too_large = Err(DecodeError::TooLarge { limit: LIMIT });
    let text = |length: usize| format!(r#"2["{}"]"#, "a".repeat(length - 5));
    assert!(decoder().text(&text(LIMIT)).is_ok());
    assert_eq!(decoder().text(&text(LIMIT + 1)), too_large);

    let msgpack = |length: usize| event_msgpack("/", None, &json!(["a".repeat(length)]), &[]);
    let head = msgpack(LIMIT / 2).len() - LIMIT / 2;
    assert!(decoder().binary(&msgpack(LIMIT - head)).is_ok());
    assert_eq!(decoder().binary(&msgpack(LIMIT - head + 1)), too_large);
}

#[test]
fn counts_the_attachments_of_a_packet_together_with_its_text() {
    let text = announcing(2);
    let first = vec![0; 400];
    let second = |length| vec![0; length];
    let rest = LIMIT - text.len() - first.len();
    for (length, fits) in [(rest, true), (rest + 1, false)] {
        let mut decoder = decoder();
        decoder.text(&text).unwrap();
        decoder.binary(&first).unwrap();
        let last = decoder.binary(&second(length));
        assert_eq!(last.is_ok(), fits);
        assert!(decoder.pending.is_none());
    }
    // Each packet is counted anew.
    let mut decoder = decoder();
    for _ in 0..3 {
        decoder.text(&announcing(1)).unwrap();
        assert!(decoder.binary(&second(LIMIT / 2)).unwrap().is_some());
    }
}

#[test]
fn takes_numbers_as_event_names_as_the_js_server_does() {
    assert_eq!(read("2[7,true]").0, "7");
    assert_eq!(read("2[-7.0]").0, "-7");
    assert_eq!(read("2[0.5]").0, "0.5");
    assert_eq!(read("2[1e3]").0, "1000");
    assert_eq!(read("2[18446744073709551615]").0, "18446744073709551615");
}

#[test]
fn the_root_namespace_takes_no_allocation() {
    for text in ["0", "0/,", "0/?a=b,"] {
        let packet = decoder().text(text).unwrap().unwrap();
        assert!(matches!(packet.namespace, Cow::Borrowed("/")), "{text}");
    }
}

// Regressions of others. What they are about is named by the advisory.

/// socket.io-parser: a long packet made the decoder concatenate strings until memory was short.
#[test]
fn cve_2020_36049_long_digits_take_linear_time() {
    let digits = "1".repeat(4_000_000);
    let mut decoder = Decoder::new(usize::MAX);
    for text in [
        format!("2{digits}[\"a\"]"),
        format!("5{digits}-[\"a\"]"),
        format!("5{digits}"),
        format!("2/{digits}"),
        format!("2/{},", "/".repeat(4_000_000)),
        format!("2[{digits}"),
        format!("51-{}", "[".repeat(4_000_000)),
    ] {
        assert!(decoder.text(&text).is_err());
    }
}

/// socket.io-parser: `num` was an index of anything, such as `"splice"` or `"length"`.
#[test]
fn cve_2022_2421_the_number_of_a_placeholder_is_an_integer_in_range() {
    for num in [
        r#""splice""#,
        r#""0""#,
        "-1",
        "1",
        "0.5",
        "null",
        "true",
        "[0]",
        "{}",
        "1e300",
        "18446744073709551615",
    ] {
        let text = format!(r#"51-["a",{{"_placeholder":true,"num":{num}}}]"#);
        assert_eq!(
            decoder().text(&text),
            Err(DecodeError::Placeholder),
            "{num}"
        );
    }
    let missing = decoder().text(r#"51-["a",[{"b":{"_placeholder":true}}]]"#);
    assert_eq!(missing, Err(DecodeError::Placeholder));
}

/// socket.io-parser: an event name that was no string crashed Node, or was a reserved one.
#[test]
fn cve_2023_32695_event_names_are_strings_or_numbers_and_not_reserved() {
    for first in [r#"{"toString":"a"}"#, "[\"a\"]", "null", "true", "{}"] {
        let text = format!("2[{first}]");
        assert_eq!(decoder().text(&text), Err(DecodeError::Payload), "{first}");
    }
    for name in RESERVED {
        let args = json!([name, placeholder(0)]);
        let reserved = Err(DecodeError::Reserved);
        assert_eq!(decoder().text(&format!("2{args}")), reserved, "{name}");
        assert_eq!(decoder().text(&format!("51-{args}")), reserved, "{name}");
        let msgpack = event_msgpack("/", None, &args, &[]);
        assert_eq!(decoder().binary(&msgpack), reserved, "{name}");
    }
}

/// socket.io-parser 4.2.6 and socketioxide GHSA-55mf-67qm-4wpg: attachments without bound.
#[test]
fn ghsa_55mf_67qm_4wpg_attachments_are_bounded_in_number_and_size() {
    let announced = decoder().text(r#"54294967295-["a"]"#);
    assert_eq!(announced, Err(DecodeError::TooManyAttachments));
    let mut decoder = decoder();
    decoder.text(&announcing(10)).unwrap();
    decoder.binary(&[0; 500]).unwrap();
    assert_eq!(
        decoder.binary(&[0; 500]),
        Err(DecodeError::TooLarge { limit: LIMIT })
    );
}

/// One attachment in a thousand places would be written a thousand times as msgpack.
#[test]
fn no_two_placeholders_stand_for_the_same_attachment() {
    let twice = r#"52-["a",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":1}]]"#;
    assert_eq!(decoder().text(twice), Err(DecodeError::Placeholder));
}

/// An event of type 2 has no attachments, whatever its arguments look like.
#[test]
fn a_placeholder_in_a_packet_without_attachments_is_data() {
    let (_, args, attachments) = read(r#"2["a",{"_placeholder":true,"num":0}]"#);
    assert_eq!(args, [placeholder(0)]);
    assert!(attachments.is_empty());
    let msgpack = event_msgpack("/", None, &json!(["a", placeholder(0)]), &[]);
    let (_, args, attachments) = event_of(decoder().binary(&msgpack).unwrap().unwrap());
    assert_eq!(args, [placeholder(0)]);
    assert!(attachments.is_empty());
}

#[test]
fn errors_never_quote_the_payload() {
    let mut wrong: Vec<DecodeError> = [
        r#"2["secret", secret]"#,
        r#"2["secret""#,
        r#"2{"secret":1}"#,
        r#"0"secret""#,
        r#"0["secret"]"#,
        r#"51-["a",{"_placeholder":true,"num":"secret"}]"#,
        "5secret-[]",
        "secret",
        r#"3{"secret":1}"#,
    ]
    .iter()
    .map(|text| decoder().text(text).unwrap_err())
    .collect();
    wrong.push(decoder().binary(b"\xa6secret").unwrap_err());
    for error in wrong {
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}
