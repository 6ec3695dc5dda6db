//! Engine.IO packets: a digit for the type and text, or a binary message.

use std::borrow::Cow;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use crate::Protocol;

/// Reads base64 with and without padding; writes it with padding.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// First byte of a binary message in Engine.IO 3.
const MESSAGE: u8 = 4;

/// A packet from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EnginePacket<'a> {
    Close,
    /// With what came behind the type: `probe` before an upgrade, otherwise nothing.
    Ping(&'a str),
    Pong(&'a str),
    Message(Message<'a>),
    Upgrade,
    Noop,
}

/// What is in a message packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    Text(&'a str),
    /// Owned if it came as base64.
    Binary(Cow<'a, [u8]>),
}

/// Why something is no packet or no payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EngineError {
    /// Unknown, absent, or `0`: only servers open sessions.
    #[error("unknown packet type")]
    Type,
    #[error("illegal base64")]
    Base64,
    #[error("packet is not UTF-8")]
    Utf8,
    #[error("illegal packet length")]
    Length,
}

/// Reads a packet that came as text: a WebSocket text message or a record of a payload.
///
/// `b…` is a binary message in base64, of Engine.IO 4; in Engine.IO 3 it is `b4…`. What follows
/// the types close, upgrade and noop means nothing.
pub(crate) fn decode_text(protocol: Protocol, text: &str) -> Result<EnginePacket<'_>, EngineError> {
    let kind = *text.as_bytes().first().ok_or(EngineError::Type)?;
    // The first character may be longer than a byte; then this is empty and the type is unknown.
    let rest = text.get(1..).unwrap_or_default();
    match kind {
        b'1' => Ok(EnginePacket::Close),
        b'2' => Ok(EnginePacket::Ping(rest)),
        b'3' => Ok(EnginePacket::Pong(rest)),
        b'4' => Ok(EnginePacket::Message(Message::Text(rest))),
        b'5' => Ok(EnginePacket::Upgrade),
        b'6' => Ok(EnginePacket::Noop),
        b'b' => base64(protocol, rest),
        _ => Err(EngineError::Type),
    }
}

fn base64(protocol: Protocol, text: &str) -> Result<EnginePacket<'_>, EngineError> {
    let text = match protocol {
        Protocol::V4 => text.strip_prefix('4').ok_or(EngineError::Type)?,
        Protocol::V5 => text,
    };
    let content = BASE64.decode(text).map_err(|_| EngineError::Base64)?;
    Ok(EnginePacket::Message(Message::Binary(content.into())))
}

/// Reads a WebSocket binary message: in Engine.IO 4 all of it is the content of a message, in
/// Engine.IO 3 the first byte is the type. Only messages are binary.
pub(crate) fn decode_binary(
    protocol: Protocol,
    bytes: &[u8],
) -> Result<EnginePacket<'_>, EngineError> {
    let content = match (protocol, bytes) {
        (Protocol::V5, content) | (Protocol::V4, [MESSAGE, content @ ..]) => content,
        (Protocol::V4, _) => return Err(EngineError::Type),
    };
    Ok(EnginePacket::Message(Message::Binary(content.into())))
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
