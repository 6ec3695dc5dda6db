use proptest::prelude::*;

use super::*;
use crate::{
    fuzzing,
    wire::{Message, PayloadPart as Part},
};

fn text(text: &str) -> EnginePacket<'_> {
    EnginePacket::Message(Message::Text(text))
}

fn binary(content: &[u8]) -> EnginePacket<'_> {
    EnginePacket::Message(Message::Binary(content.into()))
}

#[test]
fn version_3_counts_utf16_code_units() {
    let packets: Vec<_> = decode_payload_v3_text("3:4😀2:4é2:4€").collect();
    assert_eq!(packets, [Ok(text("😀")), Ok(text("é")), Ok(text("€"))]);
    // Half of a character.
    assert!(decode_payload_v3_text("2:4😀").eq([Err(EngineError::Length)]));
    // More than there is.
    assert!(decode_payload_v3_text("4:4😀").eq([Err(EngineError::Length)]));
}

#[test]
fn decoding_ends_with_the_first_error() {
    let expected = [Ok(text("a")), Err(EngineError::Type)];
    assert!(decode_payload_v4("4a\x1e7\x1e4b").eq(expected.clone()));
    assert!(decode_payload_v3_text("2:4a1:72:4b").eq(expected.clone()));
    let body = b"\x00\x02\xff4a\x00\x01\xff7\x00\x02\xff4b";
    assert!(decode_payload_v3_binary(body).eq(expected));
}

#[test]
fn refuses_broken_binary_payloads() {
    for (body, error) in [
        (&b"\x02\x01\xff4"[..], EngineError::Type),
        (b"\x00", EngineError::Length),
        (b"\x00\xff4", EngineError::Length),
        (b"\x00\x01", EngineError::Length),
        (b"\x00\x01\x0a\xff4", EngineError::Length),
        (b"\x00\x03\xff4a", EngineError::Length),
        (b"\x00\x00\xff", EngineError::Type),
        (b"\x01\x00\xff", EngineError::Type),
        (b"\x01\x01\xff\x02", EngineError::Type),
        (b"\x00\x02\xff4\xff", EngineError::Utf8),
    ] {
        assert!(decode_payload_v3_binary(body).eq([Err(error)]), "{body:?}");
    }
}

#[test]
fn refuses_lengths_that_fit_no_integer() {
    let digits = [&[0][..], &[9; 400], &[0xff], b"4"].concat();
    assert!(decode_payload_v3_binary(&digits).eq([Err(EngineError::Length)]));
    let digits = format!("{}:4", "9".repeat(400));
    assert!(decode_payload_v3_text(&digits).eq([Err(EngineError::Length)]));
    // Zeros in front do not make a number larger.
    let padded = format!("{}2:4a", "0".repeat(400));
    assert!(decode_payload_v3_text(&padded).eq([Ok(text("a"))]));
}

/// engine.io CVE-2020-36048: a large POST body took time without bound. Anything but linear time
/// would take an hour here.
#[test]
fn cve_2020_36048_large_bodies_take_linear_time() {
    const SIZE: usize = 2_000_000;
    let bodies = [
        "1:2".repeat(SIZE),
        "0:".repeat(SIZE),
        "3:4😀".repeat(SIZE),
        format!("{SIZE}:4{}", "é".repeat(SIZE - 1)),
        format!("{}:4{}", SIZE + 1, "é".repeat(SIZE - 1)),
        "1".repeat(SIZE),
        ":".repeat(SIZE),
        format!("2:4a{}", "0".repeat(SIZE)),
        "2\x1e".repeat(SIZE),
        "\x1e".repeat(SIZE),
        format!("b{}", "A".repeat(SIZE)),
        format!("d={}", "%5C".repeat(SIZE)),
        "d&".repeat(SIZE),
    ];
    for body in &bodies {
        let _ = decode_payload_v3_text(body).count();
        let _ = decode_payload_v4(body).count();
        let _ = decode_payload_v3_binary(body.as_bytes()).count();
        let _ = jsonp_unwrap(body);
    }
    assert_eq!(decode_payload_v3_text(&bodies[0]).count(), SIZE);
    assert_eq!(decode_payload_v3_text(&bodies[1]).count(), 0);
    for body in [
        b"\x00\x01\xff2".repeat(SIZE),
        vec![0; SIZE],
        vec![9; SIZE],
        vec![0xff; SIZE],
    ] {
        let _ = decode_payload_v3_binary(&body).count();
    }
}

/// engine.io CVE-2022-41940: requests that no client sends crashed the server.
#[test]
fn cve_2022_41940_no_short_body_panics() {
    let bytes = [
        0, 1, 2, 4, 9, 0x1e, b'0', b'1', b'2', b'4', b':', b'b', b'd', b'=', b'%', b'\\', 0xc3,
        0xff,
    ];
    let mut bodies = vec![vec![]];
    for _ in 0..4 {
        bodies = bodies
            .iter()
            .flat_map(|body| {
                bytes
                    .iter()
                    .map(|&byte| [body.as_slice(), &[byte]].concat())
            })
            .collect();
        for body in &bodies {
            fuzzing::engine_payload_v3(body);
            fuzzing::engine_payload_v4(body);
        }
    }
}

#[test]
fn packets_borrow_from_the_body() {
    let body = "3:4😀".to_owned();
    let Some(Ok(EnginePacket::Message(Message::Text(text)))) = decode_payload_v3_text(&body).next()
    else {
        panic!("no text");
    };
    assert_eq!(text.as_ptr(), body[3..].as_ptr());
}

#[test]
fn only_digits_of_the_jsonp_index_count() {
    assert_eq!(jsonp_wrap("1];alert(2)//", "1:2"), "___eio[12](\"1:2\");");
    assert_eq!(jsonp_wrap("٣é", ""), "___eio[](\"\");");
    assert_eq!(
        jsonp_wrap("0", "\u{2028}\u{2029}"),
        r#"___eio[0]("\u2028\u2029");"#
    );
}

#[test]
fn a_jsonp_form_has_one_payload() {
    assert_eq!(jsonp_unwrap("d=2%3A4+").as_deref(), Some("2:4 "));
    assert_eq!(jsonp_unwrap("x=1"), None);
    assert_eq!(jsonp_unwrap("d=1&d=2"), None);
    assert_eq!(jsonp_unwrap(""), None);
}

/// A packet to encode and what is decoded from it. The text has no separator of version 4 in it:
/// clients send JSON, which has no control characters.
#[derive(Debug, Clone)]
enum Sent {
    Text(String),
    Binary(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    prop::collection::vec(
        prop_oneof![
            "4[^\x1e]*".prop_map(Sent::Text),
            any::<Vec<u8>>().prop_map(Sent::Binary)
        ],
        1..8,
    )
}

fn parts(sent: &[Sent]) -> impl Iterator<Item = Part<'_>> {
    sent.iter().map(|sent| match sent {
        Sent::Text(text) => Part::Text(text),
        Sent::Binary(content) => Part::Binary(content),
    })
}

fn packets(sent: &[Sent]) -> Vec<Result<EnginePacket<'_>, EngineError>> {
    sent.iter().map(|sent| Ok(packet(sent))).collect()
}

fn packet(sent: &Sent) -> EnginePacket<'_> {
    match sent {
        Sent::Text(content) => text(&content[1..]),
        Sent::Binary(content) => binary(content),
    }
}

/// What the client does before it submits the form: engine.io-client 3 `polling-jsonp.js`, `doWrite`.
fn as_form(payload: &str) -> String {
    let escaped = payload.replace("\\n", "\\\\n").replace('\n', "\\n");
    form_urlencoded::Serializer::new(String::new())
        .append_pair("d", &escaped)
        .finish()
}

proptest! {
    #[test]
    fn gives_back_the_packets_that_were_encoded(sent in sent()) {
        let v4 = encode_payload_v4(parts(&sent));
        prop_assert!(decode_payload_v4(&v4).eq(packets(&sent)));
        let v3 = encode_payload_v3_text(parts(&sent));
        prop_assert!(decode_payload_v3_text(&v3).eq(packets(&sent)));
        let v3 = encode_payload_v3_binary(parts(&sent));
        prop_assert!(decode_payload_v3_binary(&v3).eq(packets(&sent)));
    }

    #[test]
    fn gives_back_what_went_through_a_jsonp_form(payload in "([^\\\\]|\\\\n|\n)*") {
        prop_assert_eq!(jsonp_unwrap(&as_form(&payload)), Some(payload));
    }

    #[test]
    fn holds_its_invariants_for_any_bytes(bytes in any::<Vec<u8>>()) {
        fuzzing::engine_payload_v3(&bytes);
        fuzzing::engine_payload_v4(&bytes);
    }

    #[test]
    fn holds_its_invariants_for_nearly_payloads(
        v3 in "([0-9]{1,2}:[0-6b]?[a-zé😀=4]{0,8}){0,6}",
        v4 in "([0-6b][a-zA-Zé😀=]{0,8}\x1e?){0,6}",
        v3_binary in "([\x00\x01][\x00-\x09]{1,2}\u{ff}[0-6][a-zé]{0,9}){0,4}",
    ) {
        fuzzing::engine_payload_v3(v3.as_bytes());
        fuzzing::engine_payload_v4(v4.as_bytes());
        // One byte for each character below U+0100.
        let bytes: Vec<u8> = v3_binary.chars().map(|c| c as u8).collect();
        fuzzing::engine_payload_v3(&bytes);
    }
}
