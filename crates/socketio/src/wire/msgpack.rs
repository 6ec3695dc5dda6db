//! The form of socket.io-msgpack-parser: each packet is one msgpack map
//! `{type, nsp, data?, id?}`, with binary values in their places.

use bytes::Bytes;
use serde_json::Value;

use super::{
    DecodeError,
    msgpack_read::{Binary, Reader},
    msgpack_write as write,
    packet::{Incoming, Kind},
};

const CONNECT: u8 = 0;
const DISCONNECT: u8 = 1;
const EVENT: u8 = 2;
const ACK: u8 = 3;
const CONNECT_ERROR: u8 = 4;

/// Reads one packet. The rules are those of `checkPacket` in the parser's `index.js`, and those of
/// [`Kind`]; beyond them, only events and acks may hold binary values.
pub(super) fn decode(bytes: &[u8]) -> Result<Incoming, DecodeError> {
    let mut reader = Reader::new(bytes);
    let mut fields = Fields::default();
    for _ in 0..reader.map_header()? {
        fields.read(&mut reader)?;
    }
    reader.end()?;
    fields.into_packet()
}

/// The members of the map; `None` if absent or, as JavaScript has it, undefined.
#[derive(Default)]
struct Fields {
    kind: Option<Value>,
    namespace: Option<Value>,
    id: Option<Value>,
    data: Option<Value>,
    binary: Binary,
}

impl Fields {
    /// Reads one member. Of two with the same key the last one counts. Members that mean nothing
    /// here are passed over: clients send their `options` too.
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let key = reader.key()?;
        let value = reader.value_or_undefined()?;
        let binary = reader.take_binary();
        match key.as_str() {
            "type" => self.kind = value,
            "nsp" => self.namespace = value,
            "id" => self.id = value,
            "data" => (self.data, self.binary) = (value, binary),
            _ => {}
        }
        Ok(())
    }

    fn into_packet(self) -> Result<Incoming, DecodeError> {
        let kind = self.kind.as_ref().and_then(Value::as_u64);
        let kind = kind
            .and_then(|kind| u8::try_from(kind).ok())
            .ok_or(DecodeError::Type)?;
        let Some(Value::String(namespace)) = self.namespace else {
            return Err(DecodeError::Namespace);
        };
        let id = match self.id {
            Some(id) => Some(id.as_u64().ok_or(DecodeError::AckId)?),
            None => None,
        };
        let attachments = self.binary.attachments;
        if self.binary.lookalike && !attachments.is_empty() {
            return Err(DecodeError::Placeholder);
        }
        if !matches!(kind, EVENT | ACK) && !attachments.is_empty() {
            return Err(DecodeError::Payload);
        }
        let kind = match kind {
            CONNECT => Kind::connect(self.data),
            DISCONNECT => Kind::disconnect(self.data.as_ref()),
            EVENT => Kind::event(self.data, id, attachments),
            ACK => Kind::ack(self.data, id, attachments),
            CONNECT_ERROR => Kind::connect_error(self.data.as_ref()),
            _ => Err(DecodeError::Type),
        }?;
        Incoming::new(&namespace, kind)
    }
}

/// An event. `name_and_args` is an array that starts with the name; placeholders in it become the
/// attachments that they stand for, and remain as they are if they stand for none.
pub(crate) fn event_msgpack(
    namespace: &str,
    id: Option<u64>,
    name_and_args: &Value,
    attachments: &[Bytes],
) -> Vec<u8> {
    packet(EVENT, namespace, Some(name_and_args), attachments, id)
}

/// The answer to the event with this ack id. `args` is an array; for `attachments` see
/// [`event_msgpack`].
pub(crate) fn ack_msgpack(
    namespace: &str,
    id: u64,
    args: &Value,
    attachments: &[Bytes],
) -> Vec<u8> {
    packet(ACK, namespace, Some(args), attachments, Some(id))
}

/// The client has joined the namespace.
pub(crate) fn connect_msgpack(namespace: &str, payload: Option<&Value>) -> Vec<u8> {
    packet(CONNECT, namespace, payload, &[], None)
}

/// The client has left the namespace.
pub(crate) fn disconnect_msgpack(namespace: &str) -> Vec<u8> {
    packet(DISCONNECT, namespace, None, &[], None)
}

/// The client may not join the namespace.
pub(crate) fn connect_error_msgpack(namespace: &str, payload: &Value) -> Vec<u8> {
    packet(CONNECT_ERROR, namespace, Some(payload), &[], None)
}

fn packet(
    kind: u8,
    namespace: &str,
    data: Option<&Value>,
    attachments: &[Bytes],
    id: Option<u64>,
) -> Vec<u8> {
    let content: usize = attachments.iter().map(Bytes::len).sum();
    let mut out = Vec::with_capacity(64 + namespace.len() + content);
    let members = 2 + u8::from(data.is_some()) + u8::from(id.is_some());
    write::map_header(&mut out, members.into());
    write::text(&mut out, "type");
    write::unsigned(&mut out, kind.into());
    write::text(&mut out, "nsp");
    write::text(&mut out, namespace);
    if let Some(data) = data {
        write::text(&mut out, "data");
        write::value(&mut out, data, attachments);
    }
    if let Some(id) = id {
        write::text(&mut out, "id");
        write::unsigned(&mut out, id);
    }
    out
}

#[cfg(test)]
#[path = "msgpack_tests.rs"]
mod tests;
