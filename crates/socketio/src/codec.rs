//! Text form of Socket.IO packets: `<type>[<attachments>-][<namespace>,][<ack id>][<json>]`
//! (Socket.IO protocol v5 §Packet encoding; v4 of the protocol is written the same way).

use serde_json::Value;

/// More attachments than this in one packet close the connection, as socket.io-parser 4.2.6 does.
pub(crate) const MAX_ATTACHMENTS: usize = 10;

/// Event names that belong to the client library itself; a peer that sends one is not honest.
const RESERVED: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// A packet as a client sent it, checked for shape but not for whether it fits the connection.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Incoming {
    /// Path of the namespace, always with its leading slash.
    pub(crate) namespace: String,
    /// What followed `?` in the namespace (v4 clients send their query there).
    pub(crate) query: Option<String>,
    /// How many binary frames follow.
    pub(crate) attachments: usize,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Connect {
        auth: Value,
    },
    Disconnect,
    Event {
        name: String,
        args: Vec<Value>,
        id: Option<u64>,
    },
    /// Acks from clients carry nothing that the server asked for: shape checked, content dropped.
    Ack,
    ConnectError,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("unknown packet type")]
    Type,
    #[error("illegal attachment count")]
    Attachments,
    #[error("illegal ack id")]
    AckId,
    #[error("payload does not fit the packet type")]
    Payload,
    #[error("reserved event name")]
    Reserved,
    #[error("payload is not json: {0}")]
    Json(#[from] serde_json::Error),
}

/// Reads one packet; serde_json's recursion limit (128) is kept, so depth is bounded.
pub(crate) fn decode(text: &str) -> Result<Incoming, DecodeError> {
    let kind = *text.as_bytes().first().ok_or(DecodeError::Type)?;
    if !kind.is_ascii_digit() {
        return Err(DecodeError::Type);
    }
    let (attachments, rest) = match kind {
        b'5' | b'6' => attachments(&text[1..])?,
        _ => (0, &text[1..]),
    };
    let (path, rest) = namespace(rest);
    let (id, payload) = ack_id(rest)?;
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (path, None),
    };
    let kind = match kind {
        b'0' => Kind::Connect {
            auth: connect_payload(payload)?,
        },
        b'1' if payload.is_empty() => Kind::Disconnect,
        b'2' | b'5' => event(payload, id)?,
        b'3' | b'6' => ack(payload)?,
        b'4' => Kind::ConnectError,
        b'1' => return Err(DecodeError::Payload),
        _ => return Err(DecodeError::Type),
    };
    Ok(Incoming {
        namespace: path.to_owned(),
        query,
        attachments,
        kind,
    })
}

fn attachments(text: &str) -> Result<(usize, &str), DecodeError> {
    let (digits, rest) = text.split_once('-').ok_or(DecodeError::Attachments)?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecodeError::Attachments);
    }
    let count = digits.parse().map_err(|_| DecodeError::Attachments)?;
    if count > MAX_ATTACHMENTS {
        return Err(DecodeError::Attachments);
    }
    Ok((count, rest))
}

/// The comma may be missing when nothing follows the namespace (`0/chat`).
fn namespace(text: &str) -> (&str, &str) {
    if !text.starts_with('/') {
        return ("/", text);
    }
    text.split_once(',').unwrap_or((text, ""))
}

fn ack_id(text: &str) -> Result<(Option<u64>, &str), DecodeError> {
    let end = text
        .bytes()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(text.len());
    if end == 0 {
        return Ok((None, text));
    }
    let id = text[..end].parse().map_err(|_| DecodeError::AckId)?;
    Ok((Some(id), &text[end..]))
}

/// JavaScript writes half of a surrogate pair (text that was cut in the middle of an emoji) as a
/// lone `\ud83d`, which JSON allows and Rust's strings do not: it becomes U+FFFD, as in a
/// `TextEncoder`.
fn json<T: serde::de::DeserializeOwned>(payload: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(payload).or_else(|error| match whole_surrogates(payload) {
        Some(mended) => serde_json::from_str(&mended),
        None => Err(error),
    })
}

/// The text with lone surrogates replaced; `None` when it has none.
fn whole_surrogates(json: &str) -> Option<String> {
    let mut out = String::with_capacity(json.len());
    let mut mended = false;
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match surrogate(rest) {
            Some(0xD800..=0xDBFF) => match rest.get(6..).and_then(surrogate) {
                Some(0xDC00..=0xDFFF) => 12,
                _ => 0,
            },
            Some(_) => 0,
            // The backslash and what it escapes.
            None => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        if length == 0 {
            out.push_str("\\ufffd");
            mended = true;
        } else {
            out.push_str(&rest[..length]);
        }
        rest = &rest[if length == 0 { 6 } else { length }..];
    }
    out.push_str(rest);
    mended.then_some(out)
}

/// The surrogate that a `\uXXXX` at the start of `text` stands for, if it is one.
fn surrogate(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let unit = u32::from_str_radix(digits, 16).ok()?;
    (0xD800..=0xDFFF).contains(&unit).then_some(unit)
}

fn connect_payload(payload: &str) -> Result<Value, DecodeError> {
    if payload.is_empty() {
        return Ok(Value::Null);
    }
    match json(payload)? {
        auth @ Value::Object(_) => Ok(auth),
        _ => Err(DecodeError::Payload),
    }
}

fn event(payload: &str, id: Option<u64>) -> Result<Kind, DecodeError> {
    let mut args: Vec<Value> = json(payload)?;
    if args.is_empty() {
        return Err(DecodeError::Payload);
    }
    let name = match args.remove(0) {
        Value::String(name) if RESERVED.contains(&name.as_str()) => {
            return Err(DecodeError::Reserved);
        }
        Value::String(name) => name,
        Value::Number(name) => name.to_string(),
        _ => return Err(DecodeError::Payload),
    };
    Ok(Kind::Event { name, args, id })
}

fn ack(payload: &str) -> Result<Kind, DecodeError> {
    let _args: Vec<serde::de::IgnoredAny> = json(payload)?;
    Ok(Kind::Ack)
}

/// Writes `<type>[<namespace>,][<id>]`, to which the caller appends the payload.
pub(crate) fn header(kind: char, namespace: &str, id: Option<u64>) -> String {
    let mut text = String::with_capacity(32 + namespace.len());
    text.push(kind);
    if namespace != "/" {
        text.push_str(namespace);
        text.push(',');
    }
    if let Some(id) = id {
        text.push_str(&id.to_string());
    }
    text
}

/// `0[<namespace>,]<json>`; v4 of the protocol sends no payload.
pub(crate) fn connect(namespace: &str, payload: Option<&Value>) -> String {
    let mut text = header('0', namespace, None);
    if let Some(payload) = payload {
        text.push_str(&payload.to_string());
    }
    text
}

/// `1[<namespace>,]`
pub(crate) fn disconnect(namespace: &str) -> String {
    header('1', namespace, None)
}

/// `4[<namespace>,]<json>`
pub(crate) fn connect_error(namespace: &str, payload: &Value) -> String {
    let mut text = header('4', namespace, None);
    text.push_str(&payload.to_string());
    text
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
