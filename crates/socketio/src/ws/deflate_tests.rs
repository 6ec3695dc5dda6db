use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;

use super::{
    WsError,
    client::{CONTINUATION, FIN, Got, PING, RSV1, TEXT, binary, feed, frame},
    decoder::Decoder,
    deflate::{Inflater, compress, inflate},
    message::Message,
};

fn inflated(payload: &[u8], max: usize) -> Result<Vec<u8>, WsError> {
    inflate(payload, max, <[u8]>::to_vec)
}

/// Compresses at some level, whether or not that makes the message smaller.
fn deflated(payload: &[u8], level: u32) -> Vec<u8> {
    let mut out = vec![0; payload.len() * 2 + 100];
    let mut stream = Compress::new(Compression::new(level), false);
    stream
        .compress(payload, &mut out, FlushCompress::Sync)
        .unwrap();
    out.truncate(stream.total_out() as usize);
    out.strip_suffix(&[0, 0, 0xFF, 0xFF]).unwrap().to_vec()
}

/// Bytes that do not compress.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn compressed_text(payload: &[u8]) -> Vec<u8> {
    frame(FIN | RSV1 | TEXT, payload)
}

fn decoder(max: usize) -> Decoder {
    Decoder::new(max).with_inflate(true)
}

// --- compression

#[test]
fn compresses_what_becomes_smaller() {
    let payload = "42[\"message\",{\"text\":\"hello\"}]".repeat(20);
    let compressed = compress(payload.as_bytes()).unwrap();
    assert!(compressed.len() < payload.len() / 2);
    assert_eq!(
        inflated(&compressed, payload.len()).unwrap(),
        payload.as_bytes()
    );
}

#[test]
fn leaves_what_does_not_become_smaller() {
    for payload in [&b""[..], b"a", b"ab", b"2", &noise(10), &noise(100_000)] {
        assert_eq!(compress(payload), None, "{} bytes", payload.len());
    }
}

#[test]
fn never_makes_a_message_longer_or_leaves_its_length() {
    let mut compressed = 0;
    for mixed in 0..80 {
        for same in 0..40 {
            let payload = [noise(mixed), vec![b'x'; same]].concat();
            if let Some(small) = compress(&payload) {
                assert!(small.len() < payload.len(), "{mixed} and {same}");
                compressed += 1;
            }
        }
    }
    assert!(compressed > 100, "{compressed}");
}

#[test]
fn compresses_each_message_by_itself() {
    let payload = "the same words, the same words".repeat(3);
    let first = compress(payload.as_bytes());
    assert_eq!(first, compress(payload.as_bytes()));
    assert!(first.is_some());
}

// --- decompression

#[test]
fn inflates_the_examples_of_the_rfc() {
    for (payload, hello) in [
        (&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..], "Hello"),
        // Without compression.
        (
            &[
                0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
            ],
            "Hello",
        ),
        // In a final block, with the byte that makes up for it and without.
        (&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], "Hello"),
        (&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], "Hello"),
        // In two blocks.
        (
            &[
                0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
            ],
            "Hello",
        ),
        // Nothing: RFC 7692 §7.2.3.6, and what that becomes with no byte at all.
        (&[0x00], ""),
        (&[], ""),
    ] {
        assert_eq!(inflated(payload, 5), Ok(hello.into()), "{payload:02x?}");
    }
}

#[test]
fn refuses_a_second_use_of_the_window() {
    // RFC 7692 §7.2.3.2: the second "Hello" refers to the first, which was agreed not to be kept.
    let mut decoder = decoder(10);
    let first = compressed_text(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    assert!(feed(&mut decoder, &first).is_ok());
    let second = compressed_text(&[0xf2, 0x00, 0x11, 0x00, 0x00]);
    assert_eq!(feed(&mut decoder, &second), Err(WsError::Compression));
}

#[test]
fn refuses_data_that_is_damaged() {
    for payload in [
        // A reserved block type.
        &[0x07][..],
        // A stored block whose length and its complement do not fit.
        &[0x00, 0x05, 0x00, 0x00, 0x00],
        // More after a final block.
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00],
        &[0x03, 0x00, 0x03, 0x00],
    ] {
        let error = inflated(payload, 1000).unwrap_err();
        assert_eq!((error, error.close_code()), (WsError::Compression, 1007));
    }
}

#[test]
fn inflates_exactly_up_to_the_limit() {
    for len in [0, 1, 1023, 1024, 1025, 65_536, 100_000] {
        for payload in [vec![b'x'; len], noise(len)] {
            let small = deflated(&payload, 6);
            assert_eq!(inflated(&small, len + 1), Ok(payload.clone()), "{len}");
            assert_eq!(inflated(&small, len), Ok(payload), "{len}");
            if let Some(less) = len.checked_sub(1) {
                assert_eq!(inflated(&small, less), Err(WsError::TooBig), "{len}");
            }
        }
    }
}

#[test]
fn stops_a_bomb_at_the_limit() {
    let bomb = deflated(&vec![0; 64 << 20], 9);
    assert!(bomb.len() < 70_000);
    let error = inflated(&bomb, 100_000).unwrap_err();
    assert_eq!((error, error.close_code()), (WsError::TooBig, 1009));
    let fine = deflated(b"fine", 6);
    assert_eq!(inflated(&fine, 10), Ok(b"fine".to_vec()));
}

#[test]
fn unpacks_no_more_than_one_byte_above_the_limit() {
    let bomb = deflated(&vec![0; 1 << 20], 9);
    let mut inflater = Inflater::default();
    assert_eq!(inflater.run(&bomb, 5000), Err(WsError::TooBig));
    assert_eq!(inflater.unpacked(), (5001, 5001));
    // Nor if there is more room, left by a connection with a higher limit.
    assert_eq!(inflater.run(&bomb, 100), Err(WsError::TooBig));
    assert_eq!(inflater.unpacked(), (101, 5001));
}

#[test]
fn inflates_a_message_while_another_is_looked_at() {
    let small = deflated(b"outer", 6);
    let both = inflate(&small, 10, |outer| {
        (outer.to_vec(), inflated(&deflated(b"inner", 6), 10))
    });
    assert_eq!(both, Ok((b"outer".to_vec(), Ok(b"inner".to_vec()))));
}

// --- in the decoder

#[test]
fn reads_compressed_and_plain_messages_in_turn() {
    let payload = compress("ab".repeat(50).as_bytes()).unwrap();
    let input = [
        compressed_text(&payload),
        binary(b"plain"),
        compressed_text(&payload),
    ];
    let text = Got::Text("ab".repeat(50));
    assert_eq!(
        feed(&mut decoder(100), &input.concat()),
        Ok(vec![text.clone(), Got::Binary(b"plain".to_vec()), text])
    );
}

#[test]
fn reads_fragments_of_a_compressed_message() {
    // RFC 7692 §7.2.3.1, with a ping in between.
    let input = [
        frame(RSV1 | TEXT, &[0xf2, 0x48, 0xcd]),
        frame(FIN | PING, b""),
        frame(FIN | CONTINUATION, &[0xc9, 0xc9, 0x07, 0x00]),
    ];
    let expected = vec![Got::Ping(vec![]), Got::Text("Hello".to_owned())];
    assert_eq!(feed(&mut decoder(5), &input.concat()), Ok(expected));
}

#[test]
fn applies_the_limit_to_the_plain_form() {
    let input = compressed_text(&deflated(&[b'x'; 1000], 6));
    assert!(feed(&mut decoder(1000), &input).is_ok());
    assert_eq!(feed(&mut decoder(999), &input), Err(WsError::TooBig));
}

#[test]
fn lets_noise_of_exactly_the_limit_be_a_little_longer_compressed() {
    for len in [1, 100, 100_000] {
        let payload = noise(len);
        let small = deflated(&payload, 6);
        assert!(small.len() > len);
        let input = frame(FIN | RSV1 | 2, &small);
        assert_eq!(
            feed(&mut decoder(len), &input),
            Ok(vec![Got::Binary(payload)])
        );
    }
    let announced = super::client::header(FIN | RSV1 | 2, 100 + 12 + 64 + 1);
    assert_eq!(feed(&mut decoder(100), &announced), Err(WsError::TooBig));
}

#[test]
fn refuses_compressed_text_that_is_not_utf8() {
    let input = compressed_text(&deflated(&[0xC3], 6));
    assert_eq!(feed(&mut decoder(10), &input), Err(WsError::Utf8));
}

proptest! {
    #[test]
    fn what_is_compressed_is_smaller_and_inflates_to_the_same(
        pattern in prop::collection::vec(any::<u8>(), 1..40),
        times in 1usize..200,
    ) {
        let payload = pattern.repeat(times);
        if let Some(small) = compress(&payload) {
            prop_assert!(small.len() < payload.len());
            prop_assert_eq!(inflated(&small, payload.len()), Ok(payload));
        }
    }

    #[test]
    fn messages_of_every_level_are_read(
        payload in prop::collection::vec(0u8..8, 0..5000),
        level in 0u32..=9,
    ) {
        let small = deflated(&payload, level);
        let mut bytes = frame(FIN | RSV1 | 2, &small);
        let got = decoder(payload.len()).next(&mut &mut bytes[..], |message| {
            message == Message::Binary(&payload)
        });
        prop_assert_eq!(got, Ok(Some(true)));
    }

    #[test]
    fn arbitrary_compressed_bytes_never_panic_nor_exceed_the_limit(
        payload in prop::collection::vec(any::<u8>(), 0..300),
        max in 0usize..300,
    ) {
        if let Ok(plain) = inflated(&payload, max) {
            prop_assert!(plain.len() <= max);
        }
    }
}
