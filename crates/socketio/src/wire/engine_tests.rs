use super::*;

const BOTH: [Protocol; 2] = [Protocol::V4, Protocol::V5];

fn binary(content: &[u8]) -> EnginePacket<'_> {
    EnginePacket::Message(Message::Binary(content.into()))
}

#[test]
fn reads_every_packet_type() {
    for protocol in BOTH {
        for (text, packet) in [
            ("1", EnginePacket::Close),
            ("2", EnginePacket::Ping("")),
            ("2probe", EnginePacket::Ping("probe")),
            ("3", EnginePacket::Pong("")),
            ("3probe", EnginePacket::Pong("probe")),
            ("4", EnginePacket::Message(Message::Text(""))),
            (
                "42[\"é\"]",
                EnginePacket::Message(Message::Text("2[\"é\"]")),
            ),
            ("5", EnginePacket::Upgrade),
            ("6", EnginePacket::Noop),
        ] {
            assert_eq!(decode_text(protocol, text), Ok(packet), "{text}");
        }
    }
}

#[test]
fn a_client_opens_no_session() {
    assert_eq!(
        decode_text(Protocol::V5, "0{\"sid\":\"x\"}"),
        Err(EngineError::Type)
    );
}

#[test]
fn what_follows_types_without_content_means_nothing() {
    assert_eq!(decode_text(Protocol::V5, "1x"), Ok(EnginePacket::Close));
    assert_eq!(decode_text(Protocol::V5, "6é"), Ok(EnginePacket::Noop));
}

#[test]
fn reads_base64_with_and_without_padding() {
    for text in ["AQIDBA==", "AQIDBA"] {
        assert_eq!(
            decode_text(Protocol::V5, &format!("b{text}")),
            Ok(binary(&[1, 2, 3, 4]))
        );
        assert_eq!(
            decode_text(Protocol::V4, &format!("b4{text}")),
            Ok(binary(&[1, 2, 3, 4]))
        );
    }
    assert_eq!(decode_text(Protocol::V5, "b"), Ok(binary(&[])));
    assert_eq!(decode_text(Protocol::V4, "b4"), Ok(binary(&[])));
}

#[test]
fn refuses_what_is_no_base64_and_no_message() {
    for text in ["bA", "b====", "b ", "bAQ=A", "b-_8=", "bé"] {
        assert_eq!(
            decode_text(Protocol::V5, text),
            Err(EngineError::Base64),
            "{text}"
        );
    }
    for text in ["b", "b2AA==", "bé"] {
        assert_eq!(
            decode_text(Protocol::V4, text),
            Err(EngineError::Type),
            "{text}"
        );
    }
}

/// engineioxide #794: a packet whose first character is longer than a byte.
#[test]
fn issue_794_the_first_character_may_be_of_several_bytes() {
    for protocol in BOTH {
        for text in ["", "é", "€4", "😀", "\u{0664}hello", "7", "x", " 4", "-1"] {
            assert_eq!(
                decode_text(protocol, text),
                Err(EngineError::Type),
                "{text}"
            );
        }
    }
}

#[test]
fn all_of_a_binary_message_is_content_in_version_4() {
    assert_eq!(decode_binary(Protocol::V5, &[4, 1]), Ok(binary(&[4, 1])));
    assert_eq!(decode_binary(Protocol::V5, &[]), Ok(binary(&[])));
}

#[test]
fn the_first_byte_of_a_binary_message_is_its_type_in_version_3() {
    assert_eq!(decode_binary(Protocol::V4, &[4, 1]), Ok(binary(&[1])));
    assert_eq!(decode_binary(Protocol::V4, &[4]), Ok(binary(&[])));
    for bytes in [&[][..], &[0], &[2], b"4x", &[255, 4]] {
        assert_eq!(decode_binary(Protocol::V4, bytes), Err(EngineError::Type));
    }
}
