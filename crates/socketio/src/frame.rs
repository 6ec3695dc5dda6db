//! One Engine.IO packet as it goes to clients: framed once for WebSocket, and the same bytes serve
//! long-polling.

use bytes::Bytes;

use crate::{
    Protocol,
    ws::{self, Opcode},
};

/// An Engine.IO packet behind its WebSocket frame header. A clone shares the bytes.
#[derive(Clone)]
pub(crate) struct Frame {
    bytes: Bytes,
    /// Where the packet begins.
    head: u8,
    kind: FrameKind,
}

/// What a frame is to the transports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FrameKind {
    /// A packet of text, with its type as first character.
    Text,
    /// A binary message: its content alone in Engine.IO 4, behind the byte 4 in Engine.IO 3.
    Binary,
    /// Something of WebSocket's own (pong, close), or compressed: it means nothing to polling.
    WebSocketOnly,
}

impl Frame {
    fn new(opcode: Opcode, compressed: bool, kind: FrameKind, parts: &[&[u8]]) -> Self {
        let length = parts.iter().map(|part| part.len()).sum();
        let (header, head) = ws::header(opcode, compressed, length);
        let mut bytes = Vec::with_capacity(head + length);
        bytes.extend_from_slice(&header[..head]);
        for part in parts {
            bytes.extend_from_slice(part);
        }
        Self {
            bytes: bytes.into(),
            head: head as u8,
            kind,
        }
    }

    /// A message packet of text: a Socket.IO packet.
    pub(crate) fn text(message: &str) -> Self {
        Self::new(
            Opcode::Text,
            false,
            FrameKind::Text,
            &[b"4", message.as_bytes()],
        )
    }

    /// A message packet of bytes.
    pub(crate) fn binary(protocol: Protocol, message: &[u8]) -> Self {
        let prefix: &[u8] = match protocol {
            Protocol::V4 => &[4],
            Protocol::V5 => &[],
        };
        Self::new(Opcode::Binary, false, FrameKind::Binary, &[prefix, message])
    }

    /// A packet of the engine itself, such as `2` or `0{…}`.
    pub(crate) fn engine(packet: &str) -> Self {
        Self::new(Opcode::Text, false, FrameKind::Text, &[packet.as_bytes()])
    }

    /// A frame that WebSocket needs for itself.
    pub(crate) fn websocket(bytes: Bytes) -> Self {
        Self {
            bytes,
            head: 0,
            kind: FrameKind::WebSocketOnly,
        }
    }

    /// The same packet compressed with permessage-deflate; `None` when that makes it no smaller.
    pub(crate) fn deflated(&self) -> Option<Self> {
        let opcode = match self.kind {
            FrameKind::Text => Opcode::Text,
            FrameKind::Binary => Opcode::Binary,
            FrameKind::WebSocketOnly => return None,
        };
        let smaller = ws::compress(self.packet())?;
        Some(Self::new(
            opcode,
            true,
            FrameKind::WebSocketOnly,
            &[&smaller],
        ))
    }

    pub(crate) fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The Engine.IO packet.
    pub(crate) fn packet(&self) -> &[u8] {
        &self.bytes[usize::from(self.head)..]
    }

    /// The packet as text; empty if it is none.
    pub(crate) fn packet_text(&self) -> &str {
        str::from_utf8(self.packet()).unwrap_or_default()
    }

    /// The WebSocket frame.
    pub(crate) fn wire(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes on the wire.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl std::fmt::Debug for Frame {
    /// Never the content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame")
            .field("kind", &self.kind)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}
