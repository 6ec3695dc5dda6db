//! Answers to events.

use serde::Serialize;

use crate::{SendError, Socket, codec, engine::Frame};

/// The answer that a client waits for. It can be sent once; dropped, nothing is sent.
pub struct Ack {
    socket: Socket,
    id: u64,
    sent: bool,
}

impl Ack {
    pub(crate) fn new(socket: Socket, id: u64) -> Self {
        Self {
            socket,
            id,
            sent: false,
        }
    }

    /// Answers with one argument.
    pub fn send(mut self, value: &impl Serialize) -> Result<(), SendError> {
        let mut text = codec::header('3', self.socket.namespace(), Some(self.id));
        text.push('[');
        text.push_str(&serde_json::to_string(value)?);
        text.push(']');
        self.sent = true;
        self.socket.send(Frame::from(text))
    }
}

impl Drop for Ack {
    fn drop(&mut self) {
        if !self.sent {
            tracing::debug!(socket = %self.socket.id(), id = self.id, "ack dropped unanswered");
        }
    }
}

impl std::fmt::Debug for Ack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ack")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
