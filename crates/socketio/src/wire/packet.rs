//! Socket.IO packets from clients, whichever parser wrote them.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::Value;

use super::{msgpack, text};

/// More attachments than this in one packet are refused, as socket.io-parser 4.2.6 does.
pub(crate) const MAX_ATTACHMENTS: usize = 10;

/// Arrays and objects of a payload may be nested this deep; serde_json has the same limit.
pub(super) const MAX_DEPTH: usize = 127;

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
    /// Path of the namespace, always with its leading slash. `/` takes no allocation.
    pub(crate) namespace: Cow<'static, str>,
    /// What followed `?` in the namespace: clients of protocol 4 send their query there.
    pub(crate) query: Option<String>,
    pub(crate) kind: Kind,
}

/// What a packet is for.
///
/// Where a value is binary, `args` hold `{"_placeholder":true,"num":n}` and `attachments[n]` is its
/// content; each `n` occurs once at most. Without attachments such an object is data like any other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// `auth` is an object, or null if the client sent none.
    Connect {
        auth: Value,
    },
    Disconnect,
    /// The name is text: clients may send a number instead (`emit(7)`).
    Event {
        name: String,
        args: Vec<Value>,
        id: Option<u64>,
        attachments: Vec<Bytes>,
    },
    Ack {
        id: u64,
        args: Vec<Value>,
        attachments: Vec<Bytes>,
    },
    /// Well formed, but not for clients to send.
    ConnectError,
}

/// How Socket.IO packets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parser {
    /// socket.io-parser: JSON text, then one binary message for each attachment.
    Default,
    /// socket.io-msgpack-parser: one binary message.
    Msgpack,
}

/// Why a message is no packet. Any of them ends the connection (`parse error`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("unknown packet type")]
    Type,
    #[error("illegal namespace")]
    Namespace,
    #[error("illegal number of attachments")]
    Attachments,
    #[error("more than {MAX_ATTACHMENTS} attachments")]
    TooManyAttachments,
    #[error("a placeholder that stands for no attachment of its own")]
    Placeholder,
    #[error("illegal or missing ack id")]
    AckId,
    #[error("payload does not fit the packet type")]
    Payload,
    #[error("reserved event name")]
    Reserved,
    #[error("payload is not JSON, at column {column}")]
    Json { column: usize },
    #[error("packet is not msgpack, at byte {at}")]
    Msgpack { at: usize },
    #[error("payload is nested deeper than {MAX_DEPTH}")]
    Depth,
    #[error("a text message where a binary one is due")]
    UnexpectedText,
    #[error("a binary message that belongs to no packet")]
    UnexpectedBinary,
    #[error("packet with its attachments is larger than {limit} bytes")]
    TooLarge { limit: usize },
}

/// Puts messages together to packets: one per connection.
///
/// It learns the parser from the first message: if that is binary, the client speaks msgpack, for
/// the life of the connection.
#[derive(Debug)]
pub(crate) struct Decoder {
    max_bytes: usize,
    parser: Option<Parser>,
    pending: Option<Box<Pending>>,
}

/// A packet that waits for attachments.
#[derive(Debug)]
struct Pending {
    packet: Incoming,
    attachments: Vec<Bytes>,
    awaited: usize,
    /// Bytes of the text and of the attachments so far.
    size: usize,
}

impl Decoder {
    /// A decoder that refuses packets of more than `max_bytes`, text and attachments together.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            parser: None,
            pending: None,
        }
    }

    /// The parser of the peer; `None` before its first message.
    pub(crate) fn parser(&self) -> Option<Parser> {
        self.parser
    }

    /// Takes a text message. Returns its packet, or `None` if attachments have yet to follow.
    pub(crate) fn text(&mut self, text: &str) -> Result<Option<Incoming>, DecodeError> {
        if self.parser == Some(Parser::Msgpack) || self.pending.take().is_some() {
            return Err(DecodeError::UnexpectedText);
        }
        self.check_size(text.len())?;
        self.parser = Some(Parser::Default);
        let (packet, awaited) = text::decode(text)?;
        if awaited == 0 {
            return Ok(Some(packet));
        }
        self.pending = Some(Box::new(Pending {
            packet,
            attachments: Vec::with_capacity(awaited),
            awaited,
            size: text.len(),
        }));
        Ok(None)
    }

    /// Takes a binary message. Returns the packet that it completes, or `None` if attachments are
    /// still missing.
    pub(crate) fn binary(&mut self, bytes: &[u8]) -> Result<Option<Incoming>, DecodeError> {
        if self.parser == Some(Parser::Default) {
            return self.attachment(bytes);
        }
        self.check_size(bytes.len())?;
        self.parser = Some(Parser::Msgpack);
        msgpack::decode(bytes).map(Some)
    }

    fn attachment(&mut self, bytes: &[u8]) -> Result<Option<Incoming>, DecodeError> {
        // Taken out first, so that nothing stays after an error.
        let mut pending = self.pending.take().ok_or(DecodeError::UnexpectedBinary)?;
        pending.size = pending.size.saturating_add(bytes.len());
        self.check_size(pending.size)?;
        pending.attachments.push(Bytes::copy_from_slice(bytes));
        if pending.attachments.len() < pending.awaited {
            self.pending = Some(pending);
            return Ok(None);
        }
        let mut packet = pending.packet;
        if let Kind::Event { attachments, .. } | Kind::Ack { attachments, .. } = &mut packet.kind {
            *attachments = pending.attachments;
        }
        Ok(Some(packet))
    }

    fn check_size(&self, size: usize) -> Result<(), DecodeError> {
        if size > self.max_bytes {
            return Err(DecodeError::TooLarge {
                limit: self.max_bytes,
            });
        }
        Ok(())
    }
}

impl Incoming {
    /// A packet for the namespace that `path` names, which may end in `?<query>`.
    pub(super) fn new(path: &str, kind: Kind) -> Result<Self, DecodeError> {
        if !path.starts_with('/') {
            return Err(DecodeError::Namespace);
        }
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (path, None),
        };
        let namespace = match path {
            "/" => Cow::Borrowed("/"),
            path => Cow::Owned(path.to_owned()),
        };
        Ok(Self {
            namespace,
            query,
            kind,
        })
    }
}

/// What each packet type may carry: socket.io-parser `lib/index.ts`, `isPayloadValid`. Stricter are
/// events and acks, whose payload the protocol calls mandatory, and acks without an id. The msgpack
/// parser lets reserved names and events without a name pass; here one rule holds for both.
impl Kind {
    pub(super) fn connect(payload: Option<Value>) -> Result<Self, DecodeError> {
        let auth = payload.map_or(Ok(Value::Null), |payload| {
            payload
                .is_object()
                .then_some(payload)
                .ok_or(DecodeError::Payload)
        })?;
        Ok(Self::Connect { auth })
    }

    pub(super) fn disconnect(payload: Option<&Value>) -> Result<Self, DecodeError> {
        match payload {
            None => Ok(Self::Disconnect),
            Some(_) => Err(DecodeError::Payload),
        }
    }

    pub(super) fn event(
        payload: Option<Value>,
        id: Option<u64>,
        attachments: Vec<Bytes>,
    ) -> Result<Self, DecodeError> {
        let mut args = match payload {
            Some(Value::Array(args)) if !args.is_empty() => args,
            _ => return Err(DecodeError::Payload),
        };
        let name = match args.remove(0) {
            Value::String(name) if RESERVED.contains(&name.as_str()) => {
                return Err(DecodeError::Reserved);
            }
            Value::String(name) => name,
            Value::Number(name) => number_as_name(&name),
            _ => return Err(DecodeError::Payload),
        };
        Ok(Self::Event {
            name,
            args,
            id,
            attachments,
        })
    }

    pub(super) fn ack(
        payload: Option<Value>,
        id: Option<u64>,
        attachments: Vec<Bytes>,
    ) -> Result<Self, DecodeError> {
        let Some(Value::Array(args)) = payload else {
            return Err(DecodeError::Payload);
        };
        Ok(Self::Ack {
            id: id.ok_or(DecodeError::AckId)?,
            args,
            attachments,
        })
    }

    pub(super) fn connect_error(payload: Option<&Value>) -> Result<Self, DecodeError> {
        match payload {
            None | Some(Value::String(_) | Value::Object(_)) => Ok(Self::ConnectError),
            Some(_) => Err(DecodeError::Payload),
        }
    }
}

/// `7.0` names the event `7`, as it does in JavaScript.
fn number_as_name(number: &serde_json::Number) -> String {
    number
        .as_f64()
        .filter(|_| number.is_f64())
        .and_then(whole)
        .map_or_else(|| number.to_string(), |whole| whole.to_string())
}

/// The integer that `float` is, if it is one that a float holds exactly.
pub(super) fn whole(float: f64) -> Option<i64> {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    (float.fract() == 0.0 && float.abs() <= LARGEST).then_some(float as i64)
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
