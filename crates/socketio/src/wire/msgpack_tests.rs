use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    fuzzing,
    wire::{MAX_ATTACHMENTS, testing},
};

/// `{type: 2, nsp: "/", data: ["a", …]}` up to the last value.
const BEFORE_VALUE: &[u8] = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1a";

fn packet_with(value: &[u8]) -> Vec<u8> {
    [BEFORE_VALUE, value].concat()
}

fn read(value: &[u8]) -> Result<(Value, Vec<Bytes>), DecodeError> {
    match decode(&packet_with(value))?.kind {
        Kind::Event {
            mut args,
            attachments,
            ..
        } => Ok((args.remove(0), attachments)),
        other => panic!("{other:?} is no event"),
    }
}

fn value_of(value: &[u8]) -> Value {
    read(value).unwrap().0
}

fn placeholder(num: usize) -> Value {
    json!({"_placeholder": true, "num": num})
}

#[test]
fn pulls_binary_values_out_into_attachments() {
    let (value, attachments) = read(b"\x92\xc4\x02hi\x81\xa1b\xc4\x00").unwrap();
    assert_eq!(value, json!([placeholder(0), {"b": placeholder(1)}]));
    assert_eq!(attachments, [&b"hi"[..], b""]);
}

#[test]
fn passes_over_members_that_mean_nothing_here() {
    let packet =
        b"\x84\xa4type\x00\xa7options\x82\xa8compress\xc3\xa1b\xc4\x01x\xa3nsp\xa5/chat\xa0\xc0";
    let packet = decode(packet).unwrap();
    assert_eq!(packet.namespace, "/chat");
    assert_eq!(packet.kind, Kind::Connect { auth: Value::Null });
}

#[test]
fn of_two_members_with_the_same_key_the_last_one_counts() {
    let packet = b"\x86\xa4type\x00\xa4data\x91\xc4\x01x\xa3nsp\xa2/a\xa4type\x02\xa4data\x91\xa1e\xa3nsp\xa1/";
    let packet = decode(packet).unwrap();
    assert_eq!(packet.namespace, "/");
    let expected = Kind::event(Some(json!(["e"])), None, vec![]).unwrap();
    assert_eq!(packet.kind, expected);
    assert_eq!(value_of(b"\x82\xa1b\x01\xa1b\x02"), json!({"b": 2}));
}

#[test]
fn an_object_that_looks_like_the_placeholder_of_another_value_is_refused() {
    let fake = b"\x82\xac_placeholder\xc3\xa3num\x00";
    assert_eq!(read(fake).unwrap(), (placeholder(0), vec![]));
    let beside = [b"\x92", &fake[..], b"\xc4\x01x"].concat();
    assert_eq!(read(&beside), Err(DecodeError::Placeholder));
    // It only has to look like one.
    let other = b"\x92\x82\xac_placeholder\xc2\xa3num\x00\xc4\x01x";
    assert!(read(other).is_ok());
}

#[test]
fn only_events_and_acks_hold_binary_values() {
    let connect = b"\x83\xa4type\x00\xa3nsp\xa1/\xa4data\x81\xa1t\xc4\x01x";
    assert_eq!(decode(connect), Err(DecodeError::Payload));
    let refused = b"\x83\xa4type\x04\xa3nsp\xa1/\xa4data\x81\xa1t\xc4\x01x";
    assert_eq!(decode(refused), Err(DecodeError::Payload));
}

#[test]
fn infinities_become_null_as_in_json() {
    for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let bytes = [&[0xcb][..], &float.to_be_bytes()].concat();
        assert_eq!(value_of(&bytes), Value::Null);
    }
}

#[test]
fn keys_are_strings_or_integers() {
    assert_eq!(value_of(b"\x81\xff\x01"), json!({"-1": 1}));
    let largest = b"\x81\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    assert_eq!(value_of(largest), json!({"18446744073709551615": 1}));
    for key in [
        &b"\xc0"[..],
        b"\xc2",
        b"\x90",
        b"\x80",
        b"\xc4\x01x",
        b"\xca\x3f\x00\x00\x00",
    ] {
        let bytes = [b"\x81", key, b"\x01"].concat();
        assert!(read(&bytes).is_err(), "{key:?}");
    }
}

#[test]
fn knows_no_other_extensions_than_dates_and_those_of_notepack() {
    for extension in [
        &b"\xd4\x01\x00"[..],
        b"\xd4\xff\x00",
        b"\xd5\x00\x00\x00",
        b"\xd6\x00\x00\x00\x00\x00",
        b"\xc7\x01\x05x",
        b"\xc7\x03\xffxxx",
        b"\xc8\x00\x01\x80x",
    ] {
        assert!(read(extension).is_err(), "{extension:?}");
    }
}

#[test]
fn takes_127_levels_of_nesting_and_refuses_128() {
    // One level is the array of the event.
    let nested = |levels: usize, head: &[u8], last: &[u8]| {
        read(&[head.repeat(levels - 1).as_slice(), last].concat())
    };
    assert!(nested(127, b"\x91", b"\xc0").is_ok());
    assert_eq!(nested(128, b"\x91", b"\xc0"), Err(DecodeError::Depth));
    assert!(nested(127, b"\x81\xa1k", b"\xc0").is_ok());
    assert_eq!(nested(128, b"\x81\xa1k", b"\xc0"), Err(DecodeError::Depth));
    // A placeholder is an object.
    assert!(nested(126, b"\x91", b"\xc4\x01x").is_ok());
    assert_eq!(nested(127, b"\x91", b"\xc4\x01x"), Err(DecodeError::Depth));
}

#[test]
fn refuses_trailing_bytes_and_every_cut() {
    let packet = packet_with(b"\x82\xa1b\xc4\x01x\xa1c\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00");
    assert!(decode(&packet).is_ok());
    for end in 0..packet.len() {
        assert!(decode(&packet[..end]).is_err(), "{end}");
    }
    let long = [&packet[..], b"\xc0"].concat();
    assert_eq!(
        decode(&long),
        Err(DecodeError::Msgpack { at: packet.len() })
    );
}

#[test]
fn a_placeholder_for_no_attachment_is_written_as_it_is() {
    let args = json!(["a", placeholder(1), placeholder(0), {"_placeholder": true, "num": "x"}]);
    let bytes = event_msgpack("/", None, &args, &[Bytes::from_static(b"hi")]);
    let bin = bytes.windows(4).filter(|window| window == b"\xc4\x02hi");
    assert_eq!(bin.count(), 1);
    let lookalikes = bytes.windows(12).filter(|window| window == b"_placeholder");
    assert_eq!(lookalikes.count(), 2);
}

#[test]
fn large_floats_keep_their_value() {
    for float in [9.1e15, -9.1e15, 1.8e19, 1e300, -1e300] {
        let bytes = event_msgpack("/", None, &json!(["a", float]), &[]);
        let expected = Kind::event(Some(json!(["a", float])), None, vec![]);
        assert_eq!(Ok(decode(&bytes).unwrap().kind), expected);
    }
}

/// socketioxide GHSA-7xpx-rcqc-8qjh: a msgpack packet that made the parser panic.
#[test]
fn ghsa_7xpx_rcqc_8qjh_no_prefix_and_no_length_panics() {
    for prefix in 0..=u8::MAX {
        for fill in [0x00, 0x01, 0x7f, 0x80, 0xc0, 0xff] {
            for length in [0, 1, 2, 4, 8, 16, 64] {
                let mut bytes = vec![prefix];
                bytes.resize(1 + length, fill);
                let _ = decode(&bytes);
                let _ = read(&bytes);
                let _ = read(&[&b"\x81"[..], &bytes].concat());
            }
        }
    }
}

/// socketioxide GHSA-c6g7-r2mf-pf5g: deep nesting overflowed the stack.
#[test]
fn ghsa_c6g7_r2mf_pf5g_deep_nesting_is_an_error() {
    for head in [
        &b"\x91"[..],
        b"\x81\xa1k",
        b"\xdc\x00\x01",
        b"\xdf\x00\x00\x00\x01\xa0",
        b"\x81",
    ] {
        let nested = head.repeat(1_000_000);
        assert!(read(&nested).is_err());
        assert!(decode(&nested).is_err());
    }
}

#[test]
fn announced_lengths_take_no_memory() {
    for head in [
        &b"\xdb\xff\xff\xff\xff"[..],
        b"\xc6\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x00",
    ] {
        // A hundred of them would take 400 GB, and as many rounds of 4 billion.
        assert!(read(&[b"\xdc\x00\x64", head.repeat(100).as_slice()].concat()).is_err());
    }
    assert!(decode(b"\xdf\xff\xff\xff\xff").is_err());
}

proptest! {
    #[test]
    fn holds_its_invariants_for_any_bytes(bytes in any::<Vec<u8>>()) {
        fuzzing::msgpack_packet(&bytes);
        fuzzing::msgpack_packet(&packet_with(&bytes));
    }

    #[test]
    fn holds_its_invariants_for_broken_packets(
        args in testing::event(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = event_msgpack("/", Some(1), &args.into(), &[]);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        fuzzing::msgpack_packet(&bytes);
    }

    #[test]
    fn gives_back_the_event_that_was_encoded(
        path in testing::path(),
        id in any::<Option<u64>>(),
        args in testing::event(),
        attachments in testing::attachments(),
    ) {
        prop_assert!(attachments.len() <= MAX_ATTACHMENTS);
        let placed = Value::from(testing::place(args, attachments.len()));
        let packet = decode(&event_msgpack(&path, id, &placed, &attachments)).unwrap();
        let expected = Kind::event(Some(placed), id, attachments).unwrap();
        prop_assert_eq!(packet, Incoming::new(&path, expected).unwrap());
    }

    #[test]
    fn gives_back_the_ack_that_was_encoded(
        path in testing::path(),
        id in any::<u64>(),
        args in testing::args(),
    ) {
        let args = Value::from(args);
        let packet = decode(&ack_msgpack(&path, id, &args, &[])).unwrap();
        let expected = Kind::ack(Some(args), Some(id), vec![]).unwrap();
        prop_assert_eq!(packet, Incoming::new(&path, expected).unwrap());
    }
}
