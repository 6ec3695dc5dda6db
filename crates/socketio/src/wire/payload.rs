//! Several Engine.IO packets in the body of one long-polling request or response.
//!
//! The decoders are iterators that end with the first error, so what came before it counts, as in
//! the JavaScript server. They borrow from the body and need memory for base64 only.

use base64::Engine;

use super::engine::{BASE64, EngineError, EnginePacket, decode_binary, decode_text};
use crate::Protocol;

/// Between the records of Engine.IO 4.
const SEPARATOR: char = '\x1e';
/// After the length in the binary form of Engine.IO 3.
const LENGTH_END: u8 = 0xff;

/// A packet to put into a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PayloadPart<'a> {
    /// A packet of text, with its type as first character.
    Text(&'a str),
    /// The content of a binary message.
    Binary(&'a [u8]),
}

/// Reads a payload of Engine.IO 4: records between separators (protocol 4 §Payload).
pub(crate) fn decode_payload_v4(
    body: &str,
) -> impl Iterator<Item = Result<EnginePacket<'_>, EngineError>> {
    until_error(
        body.split(SEPARATOR)
            .map(|record| decode_text(Protocol::V5, record)),
    )
}

/// Reads a text payload of Engine.IO 3: `<length>:<packet>`, the length in UTF-16 code units
/// (protocol 3 §Payload). Packets of length 0 are passed over; an empty body is an error.
pub(crate) fn decode_payload_v3_text(
    body: &str,
) -> impl Iterator<Item = Result<EnginePacket<'_>, EngineError>> {
    let empty = body.is_empty().then_some(Err(EngineError::Length));
    let mut rest = body;
    let records = std::iter::from_fn(move || next_text(&mut rest).transpose());
    until_error(empty.into_iter().chain(records))
}

fn next_text<'a>(rest: &mut &'a str) -> Result<Option<EnginePacket<'a>>, EngineError> {
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (length, packet) = rest.split_at(digits);
        let length: usize = length.parse().map_err(|_| EngineError::Length)?;
        let packet = packet.strip_prefix(':').ok_or(EngineError::Length)?;
        let (packet, after) = split_utf16(packet, length).ok_or(EngineError::Length)?;
        *rest = after;
        if length > 0 {
            return decode_text(Protocol::V4, packet).map(Some);
        }
    }
    Ok(None)
}

/// Splits behind so many UTF-16 code units; `None` if the text is shorter or that is inside of a
/// character. Looks at no more than those units.
fn split_utf16(text: &str, units: usize) -> Option<(&str, &str)> {
    let mut left = units;
    for (at, character) in text.char_indices() {
        if left == 0 {
            return Some(text.split_at(at));
        }
        left = left.checked_sub(character.len_utf16())?;
    }
    (left == 0).then_some((text, ""))
}

/// Reads a binary payload of Engine.IO 3 (`application/octet-stream`): a byte 0 for text or 1 for
/// binary, the length in bytes as one byte per decimal digit, 255, the packet.
pub(crate) fn decode_payload_v3_binary(
    body: &[u8],
) -> impl Iterator<Item = Result<EnginePacket<'_>, EngineError>> {
    let mut rest = body;
    let records = std::iter::from_fn(move || (!rest.is_empty()).then(|| next_binary(&mut rest)));
    until_error(records)
}

fn next_binary<'a>(rest: &mut &'a [u8]) -> Result<EnginePacket<'a>, EngineError> {
    let [kind @ (0 | 1), body @ ..] = *rest else {
        return Err(EngineError::Type);
    };
    let (length, body) = digits(body)?;
    let (packet, after) = body.split_at_checked(length).ok_or(EngineError::Length)?;
    *rest = after;
    if *kind == 1 {
        return decode_binary(Protocol::V4, packet);
    }
    let text = str::from_utf8(packet).map_err(|_| EngineError::Utf8)?;
    decode_text(Protocol::V4, text)
}

fn digits(bytes: &[u8]) -> Result<(usize, &[u8]), EngineError> {
    let mut length: usize = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            &LENGTH_END if at > 0 => return Ok((length, &bytes[at + 1..])),
            0..=9 => {
                length = length
                    .checked_mul(10)
                    .and_then(|length| length.checked_add(usize::from(*byte)))
                    .ok_or(EngineError::Length)?;
            }
            _ => break,
        }
    }
    Err(EngineError::Length)
}

fn until_error<'a>(
    packets: impl Iterator<Item = Result<EnginePacket<'a>, EngineError>>,
) -> impl Iterator<Item = Result<EnginePacket<'a>, EngineError>> {
    packets
        .scan(false, |failed, packet| {
            (!std::mem::replace(failed, packet.is_err())).then_some(packet)
        })
        .fuse()
}

/// Writes a payload of Engine.IO 4. Binary messages are written in base64.
pub(crate) fn encode_payload_v4<'a>(parts: impl Iterator<Item = PayloadPart<'a>>) -> String {
    let mut body = String::new();
    for (number, part) in parts.enumerate() {
        if number > 0 {
            body.push(SEPARATOR);
        }
        match part {
            PayloadPart::Text(text) => body.push_str(text),
            PayloadPart::Binary(content) => {
                body.push('b');
                BASE64.encode_string(content, &mut body);
            }
        }
    }
    body
}

/// Writes a payload of Engine.IO 3 as text, with binary messages in base64: for clients that asked
/// for it (`b64=1`) and for payloads without binary messages.
pub(crate) fn encode_payload_v3_text<'a>(parts: impl Iterator<Item = PayloadPart<'a>>) -> String {
    let mut body = String::new();
    let mut add = |length: usize, packet: &str| {
        body.push_str(&length.to_string());
        body.push(':');
        body.push_str(packet);
    };
    let mut empty = true;
    for part in parts {
        empty = false;
        match part {
            PayloadPart::Text(text) => add(text.encode_utf16().count(), text),
            PayloadPart::Binary(content) => {
                let mut packet = String::from("b4");
                BASE64.encode_string(content, &mut packet);
                add(packet.len(), &packet);
            }
        }
    }
    if empty {
        add(0, "");
    }
    body
}

/// Writes a payload of Engine.IO 3 in its binary form. Text is UTF-8, and its length is in bytes.
pub(crate) fn encode_payload_v3_binary<'a>(
    parts: impl Iterator<Item = PayloadPart<'a>>,
) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        let (kind, head, content): (u8, &[u8], &[u8]) = match part {
            PayloadPart::Text(text) => (0, &[], text.as_bytes()),
            PayloadPart::Binary(content) => (1, &[4], content),
        };
        let length = (head.len() + content.len()).to_string();
        body.push(kind);
        body.extend(length.bytes().map(|digit| digit - b'0'));
        body.push(LENGTH_END);
        body.extend_from_slice(head);
        body.extend_from_slice(content);
    }
    body
}

/// Wraps a payload for JSONP polling (Engine.IO 3 §JSONP): a call of the function that the client
/// made for its parameter `j`, of which only the digits count.
pub(crate) fn jsonp_wrap(j: &str, payload: &str) -> String {
    let index: String = j.chars().filter(char::is_ascii_digit).collect();
    // JSON permits two line ends in strings that JavaScript did not before ECMAScript 2019.
    let text = serde_json::Value::from(payload)
        .to_string()
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029");
    format!("___eio[{index}]({text});")
}

/// The payload in the form body of a JSONP client: its field `d`; `None` if there is not exactly
/// one. Forms turn newlines into CR LF, so the client writes them as `\n`, and `\n` as `\\n`.
pub(crate) fn jsonp_unwrap(form_body: &str) -> Option<String> {
    let mut fields = form_urlencoded::parse(form_body.as_bytes()).filter(|(name, _)| name == "d");
    let (_, payload) = fields.next()?;
    if fields.next().is_some() {
        return None;
    }
    let mut out = String::with_capacity(payload.len());
    let mut rest = &*payload;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let (text, length) = if escape.starts_with("\\\\n") {
            ("\\n", 3)
        } else if escape.starts_with("\\n") {
            ("\n", 2)
        } else {
            ("\\", 1)
        };
        out.push_str(text);
        rest = &escape[length..];
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
#[path = "payload_tests.rs"]
mod tests;
