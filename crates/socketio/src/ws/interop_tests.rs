//! Against another implementation of the protocol, tungstenite, on a stream in memory.

use std::io::{self, Cursor, Read, Write};

use proptest::prelude::*;
use tokio_tungstenite::tungstenite::{
    Error, Message as Theirs, WebSocket,
    protocol::{
        CloseFrame, Role,
        frame::{Frame, coding},
    },
};

use super::{
    client::{Got, feed},
    decoder::Decoder,
    frame::{Opcode, close_frame, header, pong_frame},
};

/// Reads what it was made of, then would block; keeps what is written.
struct Memory {
    incoming: Cursor<Vec<u8>>,
    written: Vec<u8>,
}

impl Read for Memory {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.incoming.read(into)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn client(incoming: Vec<u8>) -> WebSocket<Memory> {
    let memory = Memory {
        incoming: Cursor::new(incoming),
        written: Vec::new(),
    };
    WebSocket::from_raw_socket(memory, Role::Client, None)
}

/// What their client writes for these messages.
fn written(messages: Vec<Theirs>) -> Vec<u8> {
    let mut client = client(Vec::new());
    for message in messages {
        client.send(message).unwrap();
    }
    client.get_ref().written.clone()
}

/// What their client reads from these bytes.
fn read(bytes: Vec<u8>) -> Vec<Theirs> {
    let mut client = client(bytes);
    let mut all = Vec::new();
    loop {
        match client.read() {
            Ok(message) => all.push(message),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return all,
            Err(Error::ConnectionClosed) => return all,
            Err(error) => panic!("they refuse it: {error}"),
        }
    }
}

fn ours(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let (head, len) = header(opcode, false, payload.len());
    [&head[..len], payload].concat()
}

fn got(message: &Theirs) -> Got {
    match message {
        Theirs::Text(text) => Got::Text(text.to_string()),
        Theirs::Binary(bytes) => Got::Binary(bytes.to_vec()),
        Theirs::Ping(bytes) => Got::Ping(bytes.to_vec()),
        Theirs::Pong(_) => Got::Pong,
        Theirs::Close(frame) => Got::Close(frame.as_ref().map(|frame| frame.code.into())),
        Theirs::Frame(_) => unreachable!("only for writing"),
    }
}

/// Payloads of lengths on both sides of where the length field changes its form, and others.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![
        4 => 0usize..300,
        1 => prop::sample::select(vec![0, 125, 126, 127, 65_535, 65_536, 70_000]),
    ];
    (len, any::<u8>()).prop_map(|(len, seed)| {
        let byte = |i: usize| (i as u8).wrapping_mul(31).wrapping_add(seed);
        (0..len).map(byte).collect()
    })
}

fn message() -> impl Strategy<Value = Theirs> {
    prop_oneof![
        "\\PC{0,60}".prop_map(Theirs::text),
        bytes().prop_map(Theirs::binary),
        prop::collection::vec(any::<u8>(), 0..=125).prop_map(|bytes| Theirs::Ping(bytes.into())),
        prop::collection::vec(any::<u8>(), 0..=125).prop_map(|bytes| Theirs::Pong(bytes.into())),
    ]
}

#[test]
fn they_read_every_form_of_our_headers() {
    for len in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
        let payload = vec![b'x'; len];
        let text = String::from_utf8(payload.clone()).unwrap();
        assert_eq!(
            read(ours(Opcode::Binary, &payload)),
            [Theirs::binary(payload.clone())]
        );
        assert_eq!(read(ours(Opcode::Text, &payload)), [Theirs::text(text)]);
    }
}

#[test]
fn they_read_our_close_and_pong_frames() {
    let pong = pong_frame(b"now").to_vec();
    assert_eq!(read(pong), [Theirs::Pong(b"now".to_vec().into())]);
    let longest = pong_frame(&[1; 126]).to_vec();
    assert_eq!(read(longest), [Theirs::Pong(vec![1; 125].into())]);
    assert_eq!(read(close_frame(None).to_vec()), [Theirs::Close(None)]);
    let frame = CloseFrame {
        code: 1009.into(),
        reason: "".into(),
    };
    let close = close_frame(Some(1009)).to_vec();
    assert_eq!(read(close), [Theirs::Close(Some(frame))]);
}

#[test]
fn marks_compressed_messages_in_the_first_byte_only() {
    for len in [3, 300, 70_000] {
        let (mut marked, size) = header(Opcode::Text, true, len);
        assert_eq!(marked[0], 0xC1);
        marked[0] = 0x81;
        assert_eq!((marked, size), header(Opcode::Text, false, len));
    }
}

#[test]
fn we_read_their_close_frame() {
    let frame = CloseFrame {
        code: 4001.into(),
        reason: "enough".into(),
    };
    let bytes = written(vec![Theirs::Close(Some(frame))]);
    let got = feed(&mut Decoder::new(0), &bytes);
    assert_eq!(got, Ok(vec![Got::Close(Some(4001))]));
}

proptest! {
    #[test]
    fn we_read_what_their_client_writes(
        messages in prop::collection::vec(message(), 0..8),
        piece in 1usize..5000,
    ) {
        let expected: Vec<_> = messages.iter().map(got).collect();
        let bytes = written(messages);
        let mut decoder = Decoder::new(70_000);
        let mut all = Vec::new();
        for piece in bytes.chunks(piece) {
            all.extend(feed(&mut decoder, piece).unwrap());
        }
        prop_assert_eq!(all, expected);
    }

    #[test]
    fn we_read_fragments_that_their_client_writes(
        fragments in prop::collection::vec(bytes(), 1..5),
    ) {
        let last = fragments.len() - 1;
        let frames = fragments.iter().enumerate().map(|(i, fragment)| {
            let data = if i == 0 { coding::Data::Binary } else { coding::Data::Continue };
            let opcode = coding::OpCode::Data(data);
            Theirs::Frame(Frame::message(fragment.clone(), opcode, i == last))
        });
        let bytes = written(frames.collect());
        let got = feed(&mut Decoder::new(500_000), &bytes);
        prop_assert_eq!(got, Ok(vec![Got::Binary(fragments.concat())]));
    }

    #[test]
    fn they_read_what_we_write(messages in prop::collection::vec(message(), 0..8)) {
        let bytes = messages.iter().flat_map(|message| match message {
            Theirs::Text(text) => ours(Opcode::Text, text.as_bytes()),
            Theirs::Binary(bytes) => ours(Opcode::Binary, bytes),
            Theirs::Ping(bytes) => ours(Opcode::Ping, bytes),
            Theirs::Pong(bytes) => pong_frame(bytes).to_vec(),
            other => unreachable!("not generated: {other}"),
        });
        prop_assert_eq!(read(bytes.collect()), messages);
    }
}
