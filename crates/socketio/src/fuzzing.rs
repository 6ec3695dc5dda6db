//! Entry points of the fuzz targets in `fuzz`, one function for each decoder. They panic if an
//! invariant does not hold. The property tests call them too.

use crate::{wire::fuzzing as wire, ws::fuzzing as ws};

/// Decodes the input as messages of a Socket.IO client: see `wire::fuzzing`.
pub fn socketio_packet(data: &[u8]) {
    wire::socketio_packet(data);
}

/// Decodes the input as one packet of socket.io-msgpack-parser.
pub fn msgpack_packet(data: &[u8]) {
    wire::msgpack_packet(data);
}

/// Decodes the input as an Engine.IO 3 payload, in its binary form and, if it is text, in the text
/// form and as a JSONP form.
pub fn engine_payload_v3(data: &[u8]) {
    wire::engine_payload_v3(data);
}

/// Decodes the input as an Engine.IO 4 payload, if it is text.
pub fn engine_payload_v4(data: &[u8]) {
    wire::engine_payload_v4(data);
}

/// Decodes the input as what a WebSocket client sends, in one piece and in many. Its first three
/// bytes choose the limit, the options and the size of the pieces.
pub fn ws_decoder(data: &[u8]) {
    ws::decoder(data);
}
