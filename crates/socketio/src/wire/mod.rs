//! What goes over the wire, as functions without input or output of their own: Engine.IO packets
//! and long-polling payloads (protocols 3 and 4), Socket.IO packets (protocols 4 and 5) in the text
//! form of socket.io-parser and in the form of socket.io-msgpack-parser.
//!
//! Decoders take bytes from anybody: they never panic, need time in proportion to their input, and
//! their errors never quote it.

mod engine;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod iso_date;
mod json;
mod msgpack;
mod msgpack_read;
mod msgpack_write;
mod packet;
mod payload;
mod placeholder;
mod text;

pub(crate) use engine::{EngineError, EnginePacket, Message, decode_binary, decode_text};
pub(crate) use msgpack::{
    ack_msgpack, connect_error_msgpack, connect_msgpack, disconnect_msgpack, event_msgpack,
};
pub(crate) use packet::{DecodeError, Decoder, Incoming, Kind, MAX_ATTACHMENTS, Parser};
pub(crate) use payload::{
    PayloadPart, decode_payload_v3_binary, decode_payload_v3_text, decode_payload_v4,
    encode_payload_v3_binary, encode_payload_v3_text, encode_payload_v4, jsonp_unwrap, jsonp_wrap,
};
pub(crate) use text::{ack_text, connect_error_text, connect_text, disconnect_text, event_text};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod vectors_tests;
