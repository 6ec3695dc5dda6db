//! The client's side, for tests: frames as a client writes them, and what was decoded from them.

use super::{WsError, decoder::Decoder, message::Message};

pub(super) const FIN: u8 = 0x80;
pub(super) const RSV1: u8 = 0x40;
pub(super) const CONTINUATION: u8 = 0x0;
pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xA;

/// Bit of the second byte.
pub(super) const MASKED: u8 = 0x80;

pub(super) const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A masked frame; `first` is its first byte.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload.len() as u64);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(b, m)| b ^ m));
    bytes
}

/// The header of a masked frame that announces `len` bytes.
pub(super) fn header(first: u8, len: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match len {
        0..=125 => bytes.push(MASKED | len as u8),
        126..=0xFFFF => {
            bytes.push(MASKED | 0x7E);
            bytes.extend((len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(MASKED | 0x7F);
            bytes.extend(len.to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes
}

pub(super) fn text(payload: &str) -> Vec<u8> {
    frame(FIN | TEXT, payload.as_bytes())
}

pub(super) fn binary(payload: &[u8]) -> Vec<u8> {
    frame(FIN | BINARY, payload)
}

/// A message, not borrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Got {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
}

impl From<Message<'_>> for Got {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.to_owned()),
            Message::Binary(bytes) => Self::Binary(bytes.to_owned()),
            Message::Ping(bytes) => Self::Ping(bytes.to_owned()),
            Message::Pong => Self::Pong,
            Message::Close(code) => Self::Close(code),
        }
    }
}

/// What a decoder makes of one piece of input.
pub(super) fn feed(decoder: &mut Decoder, bytes: &[u8]) -> Result<Vec<Got>, WsError> {
    let mut bytes = bytes.to_owned();
    let mut input = &mut bytes[..];
    let mut all = Vec::new();
    while let Some(got) = decoder.next(&mut input, |message| Got::from(message))? {
        all.push(got);
    }
    assert!(input.is_empty(), "`None` means that all input was taken");
    Ok(all)
}

/// What a fresh decoder for messages of up to 1000 bytes makes of the input.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Got>, WsError> {
    feed(&mut Decoder::new(1000), bytes)
}
