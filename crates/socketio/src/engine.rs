//! Engine.IO without Socket.IO: for applications with a protocol of their own.

use std::sync::Arc;

use crate::{
    DisconnectReason, SendError,
    frame::Frame,
    session::{Class, Farewell, Haste, Session},
};

/// A message of an Engine.IO client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineMessage<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

/// An Engine.IO connection of a server with [`Options::engine_only`](crate::Options::engine_only).
#[derive(Clone, Debug)]
pub struct EngineConnection {
    session: Arc<Session>,
}

impl EngineConnection {
    pub(crate) fn new(session: &Arc<Session>) -> Self {
        Self {
            session: session.clone(),
        }
    }

    /// Queues a message. Never waits: when the queue is full the connection is cut.
    pub fn send(&self, message: EngineMessage<'_>) -> Result<(), SendError> {
        let frame = match message {
            EngineMessage::Text(text) => Frame::text(text),
            EngineMessage::Binary(bytes) => Frame::binary(self.session.protocol, bytes),
        };
        let sent = self.session.send(&[frame], Class::Queued(Haste::Now));
        if matches!(sent, Err(SendError::Full)) {
            self.session.cut_slow_consumer();
        }
        sent
    }

    /// Closes the connection once what is queued is sent.
    pub fn close(&self) {
        self.session
            .end(DisconnectReason::ForcedClose, Farewell::Flush);
    }
}
