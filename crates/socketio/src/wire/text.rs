//! The form of socket.io-parser, which is the default:
//! `<type>[<attachments>-][<namespace>,][<ack id>][<json>]` (Socket.IO protocol 5 §Packet encoding;
//! protocol 4 is written the same way).

use std::fmt::Write;

use serde_json::Value;

use super::{
    DecodeError, json,
    packet::{Incoming, Kind, MAX_ATTACHMENTS},
    placeholder,
};

/// Reads one packet and how many attachments follow it. Its placeholders are checked; the
/// attachments of its kind are left empty.
pub(super) fn decode(text: &str) -> Result<(Incoming, usize), DecodeError> {
    let kind = *text.as_bytes().first().ok_or(DecodeError::Type)?;
    // The first character may be longer than a byte.
    if !(b'0'..=b'6').contains(&kind) {
        return Err(DecodeError::Type);
    }
    let binary = matches!(kind, b'5' | b'6');
    let (awaited, rest) = if binary {
        attachments(&text[1..])?
    } else {
        (0, &text[1..])
    };
    let (path, rest) = namespace(rest);
    let (id, rest) = ack_id(rest)?;
    let mut payload = match rest {
        "" => None,
        json => Some(json::parse(json)?),
    };
    // The JavaScript parser looks for placeholders only when the last attachment has come.
    if let (Some(payload), 1..) = (&mut payload, awaited) {
        placeholder::check(payload, awaited)?;
    }
    let kind = match kind {
        b'0' => Kind::connect(payload),
        b'1' => Kind::disconnect(payload.as_ref()),
        b'2' | b'5' => Kind::event(payload, id, Vec::new()),
        b'3' | b'6' => Kind::ack(payload, id, Vec::new()),
        _ => Kind::connect_error(payload.as_ref()),
    }?;
    Ok((Incoming::new(path, kind)?, awaited))
}

/// `<digits>-`. A packet that is called binary has attachments: socket.io-parser 4.2.7 refuses 0.
fn attachments(text: &str) -> Result<(usize, &str), DecodeError> {
    let (digits, rest) = digits(text);
    let rest = rest.strip_prefix('-').ok_or(DecodeError::Attachments)?;
    match digits.parse() {
        Ok(0) => Err(DecodeError::Attachments),
        Ok(count @ ..=MAX_ATTACHMENTS) => Ok((count, rest)),
        _ if digits.is_empty() => Err(DecodeError::Attachments),
        _ => Err(DecodeError::TooManyAttachments),
    }
}

/// The comma may be missing when nothing follows the namespace (`0/chat`).
fn namespace(text: &str) -> (&str, &str) {
    if !text.starts_with('/') {
        return ("/", text);
    }
    text.split_once(',').unwrap_or((text, ""))
}

fn ack_id(text: &str) -> Result<(Option<u64>, &str), DecodeError> {
    let (digits, rest) = digits(text);
    if digits.is_empty() {
        return Ok((None, text));
    }
    let id = digits.parse().map_err(|_| DecodeError::AckId)?;
    Ok((Some(id), rest))
}

/// The digits that `text` starts with, and the rest.
fn digits(text: &str) -> (&str, &str) {
    let end = text
        .bytes()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// An event. `name_and_args` is a JSON array that starts with the name; where it holds a
/// placeholder, the content follows in one of as many binary messages as `attachments` says.
pub(crate) fn event_text(
    namespace: &str,
    id: Option<u64>,
    name_and_args: &str,
    attachments: usize,
) -> String {
    data(['2', '5'], namespace, id, name_and_args, attachments)
}

/// The answer to the event with this ack id. `args` is a JSON array; for `attachments` see
/// [`event_text`].
pub(crate) fn ack_text(namespace: &str, id: u64, args: &str, attachments: usize) -> String {
    data(['3', '6'], namespace, Some(id), args, attachments)
}

/// The client has joined the namespace. Clients of protocol 4 get no payload.
pub(crate) fn connect_text(namespace: &str, payload: Option<&Value>) -> String {
    let json = payload.map(Value::to_string).unwrap_or_default();
    packet('0', None, namespace, None, &json)
}

/// The client has left the namespace.
pub(crate) fn disconnect_text(namespace: &str) -> String {
    packet('1', None, namespace, None, "")
}

/// The client may not join the namespace.
pub(crate) fn connect_error_text(namespace: &str, payload: &Value) -> String {
    packet('4', None, namespace, None, &payload.to_string())
}

fn data(
    [plain, binary]: [char; 2],
    namespace: &str,
    id: Option<u64>,
    json: &str,
    attachments: usize,
) -> String {
    match attachments {
        0 => packet(plain, None, namespace, id, json),
        count => packet(binary, Some(count), namespace, id, json),
    }
}

fn packet(
    kind: char,
    attachments: Option<usize>,
    namespace: &str,
    id: Option<u64>,
    json: &str,
) -> String {
    // Type, at most 3 characters for the attachments, a comma and 20 digits of the id.
    let mut text = String::with_capacity(25 + namespace.len() + json.len());
    text.push(kind);
    // Writing to a string cannot fail.
    if let Some(count) = attachments {
        let _ = write!(text, "{count}-");
    }
    if namespace != "/" {
        text.push_str(namespace);
        text.push(',');
    }
    if let Some(id) = id {
        let _ = write!(text, "{id}");
    }
    text.push_str(json);
    text
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
