//! Answers to events, both ways.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{
    PacketError, SendError, Socket,
    frame::Frame,
    packet::{Form, text_frames},
    wire::{self, MAX_ATTACHMENTS},
};

/// The answer that a client waits for. It can be sent once; dropped, nothing is sent and the client
/// runs into its own timeout, as with the JavaScript server.
pub struct Ack {
    socket: Socket,
    id: u64,
}

impl Ack {
    pub(crate) fn new(socket: Socket, id: u64) -> Self {
        Self { socket, id }
    }

    /// Answers with one argument.
    pub fn send(self, value: &impl Serialize) -> Result<(), SendError> {
        self.send_args(&(value,))
    }

    /// Answers with the elements of `args` (a tuple, slice or `Vec`).
    pub fn send_args(self, args: &impl Serialize) -> Result<(), SendError> {
        self.send_with_attachments(args, &[])
    }

    /// Answers with the elements of `args`; where one holds [`attachment`](crate::attachment)`(n)`
    /// the client gets `attachments[n]`, of which there may be 10.
    pub fn send_with_attachments(
        self,
        args: &impl Serialize,
        attachments: &[Bytes],
    ) -> Result<(), SendError> {
        if attachments.len() > MAX_ATTACHMENTS {
            return Err(SendError::Encode(PacketError::TooManyAttachments));
        }
        let json = serde_json::to_string(args).map_err(PacketError::from)?;
        if !json.starts_with('[') {
            return Err(SendError::Encode(PacketError::NotASequence));
        }
        let frames = ack_frames(
            self.socket.form(),
            self.socket.namespace(),
            self.id,
            &json,
            attachments,
        );
        self.socket.send(&frames)
    }
}

fn ack_frames(
    form: Form,
    namespace: &str,
    id: u64,
    json: &str,
    attachments: &[Bytes],
) -> Vec<Frame> {
    if form.msgpack {
        let args = serde_json::from_str(json).unwrap_or_default();
        let packet = wire::ack_msgpack(namespace, id, &args, attachments);
        return vec![Frame::binary(form.protocol, &packet)];
    }
    let text = wire::ack_text(namespace, id, json, attachments.len());
    text_frames(form.protocol, &text, attachments)
}

impl std::fmt::Debug for Ack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ack")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What a client answered to [`Socket::emit_with_ack`].
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Its arguments. Where one holds `{"_placeholder":true,"num":n}`, `attachments[n]` belongs.
    pub args: Vec<Value>,
    /// Its binary content.
    pub attachments: Vec<Bytes>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AckError {
    /// The event was not sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The client did not answer in time. It may have handled the event.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The socket ended first.
    #[error("socket ended before it answered")]
    Ended,
}

/// Answers that one socket's client owes.
#[derive(Default)]
pub(crate) struct Owed {
    next: u64,
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
}

impl Owed {
    /// Returns the id of a new event and its answer to come.
    pub(crate) fn add(&mut self) -> (u64, oneshot::Receiver<Answer>) {
        let (sender, receiver) = oneshot::channel();
        let id = self.next;
        self.next += 1;
        self.waiting.insert(id, sender);
        (id, receiver)
    }

    /// Only the first answer counts, and only if it was asked for.
    pub(crate) fn settle(&mut self, id: u64, answer: Answer) {
        if let Some(waiting) = self.waiting.remove(&id) {
            // Nobody may be waiting any more.
            let _ = waiting.send(answer);
        }
    }

    pub(crate) fn give_up(&mut self, id: u64) {
        self.waiting.remove(&id);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}
