use proptest::prelude::*;

use super::{
    WsError,
    client::{
        BINARY, CLOSE, CONTINUATION, FIN, Got, MASKED, PING, PONG, RSV1, TEXT, binary, decode,
        feed, frame, header, text,
    },
    decoder::Decoder,
    message::Message,
};

fn refused(bytes: &[u8]) -> (WsError, u16) {
    let error = decode(bytes).unwrap_err();
    (error, error.close_code())
}

#[test]
fn reads_the_masked_hello_of_the_rfc() {
    let bytes = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(decode(bytes), Ok(vec![Got::Text("Hello".to_owned())]));
}

#[test]
fn reads_all_kinds_of_messages_in_one_piece_of_input() {
    let input = [
        text("a"),
        binary(&[0, 255]),
        frame(FIN | PING, b"now?"),
        frame(FIN | PONG, b"unasked"),
        text(""),
        frame(FIN | CLOSE, &[]),
    ];
    let expected = vec![
        Got::Text("a".to_owned()),
        Got::Binary(vec![0, 255]),
        Got::Ping(b"now?".to_vec()),
        Got::Pong,
        Got::Text(String::new()),
        Got::Close(None),
    ];
    assert_eq!(decode(&input.concat()), Ok(expected));
}

#[test]
fn assembles_fragments_around_control_frames() {
    let input = [
        frame(TEXT, b"one "),
        frame(FIN | PING, b"1"),
        frame(CONTINUATION, b"two "),
        frame(FIN | PONG, &[]),
        frame(FIN | PING, b"2"),
        frame(FIN | CONTINUATION, b"three"),
        text("next"),
    ];
    let expected = vec![
        Got::Ping(b"1".to_vec()),
        Got::Pong,
        Got::Ping(b"2".to_vec()),
        Got::Text("one two three".to_owned()),
        Got::Text("next".to_owned()),
    ];
    assert_eq!(decode(&input.concat()), Ok(expected));
}

#[test]
fn hands_out_an_unfragmented_message_without_copying_it() {
    let mut bytes = [text("whole"), text("rest")].concat();
    let behind = bytes[11..].to_vec();
    let place = bytes[6..].as_ptr();
    let mut input = &mut bytes[..];
    let mut decoder = Decoder::new(100);
    let taken = decoder.next(&mut input, |message| match message {
        Message::Text(text) => text.as_ptr(),
        other => panic!("not text: {other:?}"),
    });
    assert_eq!(taken, Ok(Some(place)));
    assert_eq!(input, behind, "what follows is not touched");
}

#[test]
fn takes_one_message_per_call_and_leaves_the_rest() {
    let mut bytes = [text("a"), text("b")].concat();
    let mut input = &mut bytes[..];
    let mut decoder = Decoder::new(100);
    let first = decoder.next(&mut input, |message| Got::from(message));
    assert_eq!(first, Ok(Some(Got::Text("a".to_owned()))));
    assert_eq!(input.len(), text("b").len());
}

// --- sizes

#[test]
fn is_small_and_owns_no_heap_while_idle() {
    assert!(size_of::<Decoder>() <= 80, "{}", size_of::<Decoder>());
    let mut decoder = Decoder::new(100);
    assert_eq!(decoder.buffered(), 0);
    let whole = [frame(TEXT, b"a"), frame(FIN | CONTINUATION, b"b")].concat();
    for byte in [whole, frame(FIN | PING, b"ping")].concat() {
        feed(&mut decoder, &[byte]).unwrap();
    }
    assert_eq!(decoder.buffered(), 0);
}

#[test]
fn accepts_a_message_of_exactly_the_limit_in_every_form() {
    for len in [0, 1, 125, 126, 127, 1000, 65535, 65536, 70_000] {
        let payload = vec![b'x'; len];
        for input in [
            binary(&payload),
            [
                frame(BINARY, &payload[..len / 2]),
                frame(FIN | CONTINUATION, &payload[len / 2..]),
            ]
            .concat(),
        ] {
            let got = feed(&mut Decoder::new(len), &input);
            assert_eq!(got, Ok(vec![Got::Binary(payload.clone())]), "{len}");
        }
    }
}

#[test]
fn refuses_one_byte_above_the_limit_before_any_payload_came() {
    assert_eq!(refused(&header(FIN | TEXT, 1001)), (WsError::TooBig, 1009));
    assert_eq!(decode(&header(FIN | TEXT, 1000)), Ok(vec![]));
    assert_eq!(decode(&header(FIN | TEXT, 999)), Ok(vec![]));
    assert_eq!(
        refused(&header(TEXT, (1 << 63) - 1)),
        (WsError::TooBig, 1009)
    );
}

#[test]
fn refuses_fragments_that_exceed_the_limit_together() {
    let first = frame(TEXT, &[b'x'; 600]);
    let within = [first.clone(), header(FIN | CONTINUATION, 400)].concat();
    assert_eq!(decode(&within), Ok(vec![]));
    let above = [first, header(FIN | CONTINUATION, 401)].concat();
    assert_eq!(refused(&above), (WsError::TooBig, 1009));
}

#[test]
fn control_frames_do_not_count_against_the_limit() {
    let ping = frame(FIN | PING, &[7; 125]);
    let mut decoder = Decoder::new(2);
    let input = [frame(TEXT, b"a"), ping, frame(FIN | CONTINUATION, b"b")].concat();
    let expected = vec![Got::Ping(vec![7; 125]), Got::Text("ab".to_owned())];
    assert_eq!(feed(&mut decoder, &input), Ok(expected.clone()));
    let mut all = Vec::new();
    for byte in input {
        all.extend(feed(&mut decoder, &[byte]).unwrap());
    }
    assert_eq!(all, expected);
}

#[test]
fn buffers_no_more_than_twice_what_was_received() {
    let mut decoder = Decoder::new(100 * 1024);
    feed(&mut decoder, &header(FIN | BINARY, 100 * 1024)).unwrap();
    assert_eq!(decoder.buffered(), 0, "an announcement reserves nothing");
    for received in 1..=1000 {
        feed(&mut decoder, &[0]).unwrap();
        assert!(decoder.buffered() <= (2 * received).max(8), "{received}");
    }
}

#[test]
fn grows_the_buffer_to_the_end_of_the_message_and_not_beyond() {
    let mut decoder = Decoder::new(100_000);
    let bytes = binary(&vec![1; 100_000]);
    feed(&mut decoder, &bytes[..70_000]).unwrap();
    feed(&mut decoder, &bytes[70_000..100_000]).unwrap();
    assert_eq!(decoder.buffered(), 100_000);
}

/// Feeds the input in pieces of one byte; returns what was decoded, and how many bytes the buffer
/// may have moved whenever it grew.
fn decode_bytewise(decoder: &mut Decoder, bytes: &[u8]) -> (Vec<Got>, usize) {
    let (mut all, mut moved) = (Vec::new(), 0);
    for byte in bytes {
        let before = decoder.buffered();
        all.extend(feed(decoder, &[*byte]).unwrap());
        if decoder.buffered() > before {
            moved += before;
        }
    }
    (all, moved)
}

#[test]
fn single_bytes_of_a_long_message_are_copied_a_bounded_number_of_times() {
    let mut decoder = Decoder::new(100_000);
    let payload = vec![b'x'; 100_000];
    let (all, moved) = decode_bytewise(&mut decoder, &binary(&payload));
    assert_eq!(all, [Got::Binary(payload)]);
    assert!(moved <= 200_000, "{moved}");
}

#[test]
fn many_small_fragments_are_copied_a_bounded_number_of_times() {
    for between in [vec![], frame(FIN | PING, &[1; 9])] {
        let mut decoder = Decoder::new(20_000);
        let mut input = frame(BINARY, b"x");
        for _ in 1..20_000 {
            input.extend(frame(CONTINUATION, b"x"));
            input.extend(&between);
        }
        input.extend(frame(FIN | CONTINUATION, b""));
        let (all, moved) = decode_bytewise(&mut decoder, &input);
        assert_eq!(all.last(), Some(&Got::Binary(vec![b'x'; 20_000])));
        assert!(moved <= 100_000, "{moved}");
    }
}

#[test]
fn empty_fragments_cost_nothing_that_stays() {
    let mut decoder = Decoder::new(10);
    feed(&mut decoder, &frame(TEXT, b"")).unwrap();
    for _ in 0..10_000 {
        assert_eq!(feed(&mut decoder, &frame(CONTINUATION, b"")), Ok(vec![]));
        assert_eq!(decoder.buffered(), 0);
    }
    let end = frame(FIN | CONTINUATION, b"end");
    assert_eq!(
        feed(&mut decoder, &end),
        Ok(vec![Got::Text("end".to_owned())])
    );
}

// --- rules

#[test]
fn refuses_a_frame_without_mask() {
    assert_eq!(refused(b"\x81\x01a"), (WsError::Unmasked, 1002));
}

#[test]
fn refuses_reserved_bits() {
    for bit in [0x10, 0x20, 0x40] {
        let first = FIN | TEXT | bit;
        assert_eq!(
            refused(&frame(first, b"a")),
            (WsError::ReservedBit, 1002),
            "{bit:#x}"
        );
    }
}

#[test]
fn refuses_the_compression_bit_where_it_has_no_meaning() {
    for input in [
        frame(FIN | PING | RSV1, b""),
        [frame(TEXT, b""), frame(FIN | CONTINUATION | RSV1, b"")].concat(),
    ] {
        let got = feed(&mut Decoder::new(100).with_inflate(true), &input);
        assert_eq!(got, Err(WsError::ReservedBit));
    }
}

#[test]
fn refuses_reserved_opcodes() {
    for opcode in [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF] {
        assert_eq!(
            refused(&frame(FIN | opcode, b"")),
            (WsError::ReservedOpcode, 1002),
            "{opcode}"
        );
    }
}

#[test]
fn refuses_control_frames_that_are_fragmented_or_long() {
    for opcode in [CLOSE, PING, PONG] {
        let error = (WsError::Control, 1002);
        assert_eq!(refused(&frame(opcode, b"")), error);
        assert_eq!(refused(&frame(FIN | opcode, &[0; 126])), error);
    }
    assert!(decode(&frame(FIN | PING, &[0; 125])).is_ok());
}

#[test]
fn refuses_lengths_in_more_bytes_than_needed() {
    for len in [0u16, 125] {
        let mut bytes = vec![FIN | BINARY, MASKED | 0x7E];
        bytes.extend(len.to_be_bytes());
        assert_eq!(refused(&bytes), (WsError::Length, 1002), "{len}");
    }
    for len in [0u64, 126, 65535] {
        let mut bytes = vec![FIN | BINARY, MASKED | 0x7F];
        bytes.extend(len.to_be_bytes());
        assert_eq!(refused(&bytes), (WsError::Length, 1002), "{len}");
    }
}

#[test]
fn refuses_a_length_with_the_top_bit() {
    let mut bytes = vec![FIN | BINARY, MASKED | 0x7F];
    bytes.extend((1u64 << 63).to_be_bytes());
    assert_eq!(refused(&bytes), (WsError::Length, 1002));
}

#[test]
fn refuses_fragments_out_of_order() {
    let error = (WsError::Sequence, 1002);
    assert_eq!(refused(&frame(FIN | CONTINUATION, b"a")), error);
    for opcode in [TEXT, BINARY] {
        let input = [frame(TEXT, b"a"), frame(FIN | opcode, b"b")].concat();
        assert_eq!(refused(&input), error);
    }
    let ended = [text("a"), frame(FIN | CONTINUATION, b"b")].concat();
    assert_eq!(refused(&ended), error);
}

#[test]
fn refuses_text_that_is_not_utf8() {
    let error = (WsError::Utf8, 1007);
    assert_eq!(refused(&frame(FIN | TEXT, &[0xFF])), error);
    assert_eq!(refused(&frame(FIN | TEXT, &"é".as_bytes()[..1])), error);
    assert!(decode(&binary(&[0xFF])).is_ok());
}

#[test]
fn accepts_a_character_that_is_split_over_fragments() {
    let bytes = "é".as_bytes();
    let input = [
        frame(TEXT, &bytes[..1]),
        frame(FIN | CONTINUATION, &bytes[1..]),
    ];
    assert_eq!(decode(&input.concat()), Ok(vec![Got::Text("é".to_owned())]));
}

// --- close

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes(), reason].concat())
}

#[test]
fn reads_close_codes_that_may_be_sent() {
    for code in [1000, 1001, 1003, 1007, 1014, 3000, 4999] {
        assert_eq!(
            decode(&close(code, "adiós".as_bytes())),
            Ok(vec![Got::Close(Some(code))])
        );
    }
}

#[test]
fn refuses_close_codes_that_may_not_be_sent() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        assert_eq!(refused(&close(code, b"")), (WsError::Close, 1002), "{code}");
    }
    assert_eq!(refused(&frame(FIN | CLOSE, &[3])), (WsError::Close, 1002));
    assert_eq!(refused(&close(1000, &[0xFF])), (WsError::Utf8, 1007));
}

#[test]
fn drops_what_follows_a_close() {
    let mut decoder = Decoder::new(10);
    let input = [
        frame(TEXT, b"unfinished"),
        close(1000, b""),
        text("late"),
        vec![0xFF; 9],
    ];
    assert_eq!(
        feed(&mut decoder, &input.concat()),
        Ok(vec![Got::Close(Some(1000))])
    );
    assert_eq!(feed(&mut decoder, &text("later")), Ok(vec![]));
    assert_eq!(decoder.buffered(), 0);
}

#[test]
fn repeats_an_error_and_keeps_nothing() {
    let mut decoder = Decoder::new(10);
    feed(&mut decoder, &frame(TEXT, b"start")).unwrap();
    decoder.hold(&[text("nested"), text("more")].concat());
    assert_eq!(feed(&mut decoder, &[]), Err(WsError::Sequence));
    assert_eq!(feed(&mut decoder, &text("fine")), Err(WsError::Sequence));
    assert!(!decoder.has_held());
    assert_eq!(decoder.buffered(), 0);
}

// --- held bytes

#[test]
fn sees_held_bytes_before_new_ones() {
    let mut decoder = Decoder::new(10);
    let all = [text("a"), text("b"), text("c")].concat();
    let (held, fresh) = all.split_at(9);
    decoder.hold(held);
    assert!(decoder.has_held());
    let got = feed(&mut decoder, fresh).unwrap();
    let expected = ["a", "b", "c"].map(|text| Got::Text(text.to_owned()));
    assert_eq!(got, expected);
    assert!(!decoder.has_held());
}

#[test]
fn leaves_new_input_alone_while_held_bytes_have_a_message() {
    let mut decoder = Decoder::new(10);
    decoder.hold(&[text("a"), text("b")].concat());
    let mut bytes = text("c");
    let mut input = &mut bytes[..];
    for expected in ["a", "b"] {
        let got = decoder.next(&mut input, |message| Got::from(message));
        assert_eq!(got, Ok(Some(Got::Text(expected.to_owned()))));
    }
    assert!(!decoder.has_held());
    assert_eq!(input, text("c"));
}

#[test]
fn holding_nothing_takes_no_memory() {
    let mut decoder = Decoder::new(10);
    decoder.hold(&[]);
    assert!(!decoder.has_held());
}

#[test]
fn appends_to_held_bytes_that_are_partly_done() {
    for taken_first in 0..=10 {
        let mut decoder = Decoder::new(10);
        let numbered = |i: usize| Got::Text(i.to_string());
        let bytes: Vec<_> = (0..10).flat_map(|i| text(&i.to_string())).collect();
        decoder.hold(&bytes);
        for i in 0..taken_first {
            let got = decoder.next(&mut Default::default(), |message| Got::from(message));
            assert_eq!(got, Ok(Some(numbered(i))));
        }
        decoder.hold(&text("10"));
        let expected: Vec<_> = (taken_first..=10).map(numbered).collect();
        assert_eq!(
            feed(&mut decoder, &text("11")).unwrap()[..expected.len()],
            expected
        );
    }
}

// --- properties

/// One whole message in some number of fragments, with pings between them.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let fragments = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..4);
    let payload = (any::<bool>(), fragments, any::<bool>());
    payload.prop_map(|(is_text, mut fragments, with_ping)| {
        let last = fragments.len() - 1;
        let mut bytes = Vec::new();
        for (i, fragment) in fragments.iter_mut().enumerate() {
            if is_text {
                for byte in fragment.iter_mut() {
                    *byte &= 0x7F;
                }
            }
            let opcode = match i {
                0 if is_text => TEXT,
                0 => BINARY,
                _ => CONTINUATION,
            };
            let fin = if i == last { FIN } else { 0 };
            bytes.extend(frame(fin | opcode, fragment));
            if with_ping {
                bytes.extend(frame(FIN | PING, &fragment[..fragment.len().min(125)]));
            }
        }
        bytes
    })
}

proptest! {
    #[test]
    fn pieces_of_any_size_give_the_same_messages(
        messages in prop::collection::vec(message(), 0..6),
        pieces in prop::collection::vec(1usize..300, 1..50),
    ) {
        let bytes = messages.concat();
        let whole = feed(&mut Decoder::new(1000), &bytes).unwrap();
        let mut decoder = Decoder::new(1000);
        let (mut all, mut rest) = (Vec::new(), &bytes[..]);
        for len in pieces.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at(len.min(rest.len()));
            all.extend(feed(&mut decoder, piece).unwrap());
            rest = behind;
        }
        prop_assert_eq!(all, whole);
        prop_assert_eq!(decoder.buffered(), 0);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        crate::fuzzing::ws_decoder(&bytes);
    }

    #[test]
    fn damaged_streams_never_panic(
        setting in any::<[u8; 3]>(),
        messages in prop::collection::vec(message(), 1..4),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = messages.concat();
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        crate::fuzzing::ws_decoder(&[&setting[..], &bytes].concat());
    }

    #[test]
    fn unmasking_in_parts_is_unmasking_the_whole(
        bytes in prop::collection::vec(any::<u8>(), 0..100),
        split in any::<prop::sample::Index>(),
        mask in any::<[u8; 4]>(),
    ) {
        let plain: Vec<u8> = bytes.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m).collect();
        let mut parts = bytes.clone();
        let (front, back) = parts.split_at_mut(split.index(bytes.len() + 1));
        let mask = super::frame::unmask(front, mask);
        super::frame::unmask(back, mask);
        prop_assert_eq!(parts, plain);
    }
}
