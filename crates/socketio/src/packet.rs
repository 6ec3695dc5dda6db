//! An outgoing event, encoded once however many sockets get it.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::{
    Protocol,
    frame::Frame,
    wire::{self, MAX_ATTACHMENTS},
};

/// An event on its way to clients. A clone shares the encoded bytes, in every form that a client
/// needed so far.
#[derive(Clone)]
pub struct Packet {
    inner: Arc<Encoded>,
}

struct Encoded {
    namespace: Arc<str>,
    /// `["name",…]`, with `{"_placeholder":true,"num":n}` where attachment `n` belongs.
    json: Box<str>,
    attachments: Vec<Bytes>,
    /// The event without the offset that ends this one.
    bare: Option<Packet>,
    forms: Forms,
}

/// What goes over the wire, by what the client speaks. Most packets need the first only.
#[derive(Default)]
struct Forms {
    text: OnceLock<Vec<Frame>>,
    /// The same for Engine.IO 3, where binary messages are framed otherwise.
    text_v3: OnceLock<Vec<Frame>>,
    deflated: OnceLock<Vec<Frame>>,
    msgpack: OnceLock<Vec<Frame>>,
    msgpack_v3: OnceLock<Vec<Frame>>,
    msgpack_deflated: OnceLock<Vec<Frame>>,
    /// See [`Packet::for_recoverable`].
    guarded: OnceLock<Packet>,
    /// See [`Packet::for_uncertain`].
    uncertain: OnceLock<Packet>,
}

/// The offset that says that there is none to come back with.
const NO_OFFSET: &str = "-";

/// Which form of a packet a connection understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) protocol: Protocol,
    pub(crate) msgpack: bool,
    /// permessage-deflate was agreed on; from this many bytes on.
    pub(crate) deflate: Option<usize>,
}

/// Why an event could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum PacketError {
    /// The data cannot be written as JSON (a map with keys that are no strings, or its own error).
    #[error("event data cannot be encoded: {0}")]
    Serialize(#[from] serde_json::Error),
    /// [`Packet::event_args`] was given something that is not a JSON array.
    #[error("event arguments are not a sequence")]
    NotASequence,
    /// Clients refuse packets with more than 10 attachments.
    #[error("more than {MAX_ATTACHMENTS} attachments")]
    TooManyAttachments,
}

/// The value that stands for attachment `number` in an event's arguments.
pub fn attachment(number: usize) -> Value {
    serde_json::json!({ "_placeholder": true, "num": number })
}

impl Packet {
    /// The event `name` with one argument, for sockets of `namespace`.
    pub fn event(namespace: &str, name: &str, data: &impl Serialize) -> Result<Self, PacketError> {
        let data = serde_json::to_string(data)?;
        Ok(Self::new(namespace, event_json(name, &data)?, Vec::new()))
    }

    /// The event `name` with the elements of `args` (a tuple, slice or `Vec`) as its arguments.
    pub fn event_args(
        namespace: &str,
        name: &str,
        args: &impl Serialize,
    ) -> Result<Self, PacketError> {
        Self::event_with_attachments(namespace, name, args, Vec::new())
    }

    /// Like [`event_args`](Self::event_args), with binary content: where an argument holds
    /// [`attachment`]`(n)`, clients get `attachments[n]`.
    pub fn event_with_attachments(
        namespace: &str,
        name: &str,
        args: &impl Serialize,
        attachments: Vec<Bytes>,
    ) -> Result<Self, PacketError> {
        if attachments.len() > MAX_ATTACHMENTS {
            return Err(PacketError::TooManyAttachments);
        }
        let args = serde_json::to_string(args)?;
        let inner = args
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .ok_or(PacketError::NotASequence)?;
        Ok(Self::new(namespace, event_json(name, inner)?, attachments))
    }

    /// The same event with `offset` as its last argument for recoverable clients, which remember it
    /// and tell it when they come back (Socket.IO's connection state recovery). Others get the event
    /// as it is.
    #[must_use]
    pub fn with_offset(&self, offset: &str) -> Self {
        let bare = self.bare();
        let json = bare.with_last_argument(&Value::from(offset).to_string());
        Self {
            inner: Arc::new(Encoded {
                namespace: bare.inner.namespace.clone(),
                json: json.into(),
                attachments: bare.inner.attachments.clone(),
                bare: Some(bare.clone()),
                forms: Forms::default(),
            }),
        }
    }

    /// The same event with an offset with which nobody can be recovered: for events after which it
    /// is not known what exactly their receivers have.
    #[must_use]
    pub fn without_certainty(&self) -> Self {
        let bare = self.bare();
        let uncertain = &bare.inner.forms.uncertain;
        uncertain
            .get_or_init(|| bare.with_offset(NO_OFFSET))
            .clone()
    }

    /// The event without an offset.
    fn bare(&self) -> &Self {
        self.inner.bare.as_ref().unwrap_or(self)
    }

    fn new(namespace: &str, json: String, attachments: Vec<Bytes>) -> Self {
        Self {
            inner: Arc::new(Encoded {
                namespace: namespace.into(),
                json: json.into(),
                attachments,
                bare: None,
                forms: Forms::default(),
            }),
        }
    }

    fn with_last_argument(&self, argument: &str) -> String {
        let open = self.inner.json.strip_suffix(']').unwrap_or_default();
        format!("{open},{argument}]")
    }

    /// The namespace whose sockets understand this packet.
    pub fn namespace(&self) -> &str {
        &self.inner.namespace
    }

    /// Bytes of the event as JSON and of its attachments, without framing.
    pub fn size(&self) -> usize {
        let attachments: usize = self.inner.attachments.iter().map(Bytes::len).sum();
        self.inner.json.len() + attachments
    }

    /// The event as JSON, `["name",…]`.
    pub fn as_json(&self) -> &str {
        &self.inner.json
    }

    /// The packet for a client with recovery: it takes any last argument that is a string for an
    /// offset (socket.io-client `lib/socket.ts`, `emitEvent`), and with a wrong one it cannot be
    /// recovered. A `null` behind the string keeps it from that.
    pub(crate) fn for_recoverable(&self) -> &Self {
        let harmless = self.inner.bare.is_some() || !self.inner.json.ends_with("\"]");
        if harmless {
            return self;
        }
        self.inner.forms.guarded.get_or_init(|| {
            let json = self.with_last_argument("null");
            Self::new(self.namespace(), json, self.inner.attachments.clone())
        })
    }

    /// The packet for a client that takes part in recovery but whose socket withholds offsets.
    pub(crate) fn for_uncertain(&self) -> &Self {
        let Some(bare) = &self.inner.bare else {
            return self.for_recoverable();
        };
        let uncertain = &bare.inner.forms.uncertain;
        uncertain.get_or_init(|| bare.with_offset(NO_OFFSET))
    }

    /// The packet for a client without recovery.
    pub(crate) fn for_plain(&self) -> &Self {
        self.bare()
    }

    /// The frames to send, in order.
    pub(crate) fn frames(&self, form: Form) -> &[Frame] {
        let forms = &self.inner.forms;
        let v3 = form.protocol == Protocol::V4;
        match (form.msgpack, v3, form.deflate) {
            (false, false, None) => forms.text.get_or_init(|| self.text(Protocol::V5)),
            (false, true, None) => forms.text_v3.get_or_init(|| self.text(Protocol::V4)),
            (true, false, None) => forms.msgpack.get_or_init(|| self.msgpack(Protocol::V5)),
            (true, true, None) => forms.msgpack_v3.get_or_init(|| self.msgpack(Protocol::V4)),
            // A compressed Engine.IO 3 client is not worth two more forms.
            (false, true, Some(_)) => forms.text_v3.get_or_init(|| self.text(Protocol::V4)),
            (true, true, Some(_)) => forms.msgpack_v3.get_or_init(|| self.msgpack(Protocol::V4)),
            (msgpack, false, Some(least)) => {
                let plain = Form {
                    deflate: None,
                    ..form
                };
                let compressed = if msgpack {
                    &forms.msgpack_deflated
                } else {
                    &forms.deflated
                };
                compressed.get_or_init(|| deflated(self.frames(plain), least))
            }
        }
    }

    fn text(&self, protocol: Protocol) -> Vec<Frame> {
        let Encoded {
            namespace,
            json,
            attachments,
            ..
        } = &*self.inner;
        text_frames(
            protocol,
            &wire::event_text(namespace, None, json, attachments.len()),
            attachments,
        )
    }

    fn msgpack(&self, protocol: Protocol) -> Vec<Frame> {
        // It was written as JSON here, so it reads.
        let args = serde_json::from_str(&self.inner.json).unwrap_or_default();
        let packet =
            wire::event_msgpack(&self.inner.namespace, None, &args, &self.inner.attachments);
        vec![Frame::binary(protocol, &packet)]
    }

    /// The frames of the event with an ack id of its own.
    pub(crate) fn frames_with_id(&self, form: Form, id: u64) -> Vec<Frame> {
        let Encoded {
            namespace,
            json,
            attachments,
            ..
        } = &*self.inner;
        if form.msgpack {
            let args = serde_json::from_str(json).unwrap_or_default();
            let packet = wire::event_msgpack(namespace, Some(id), &args, attachments);
            return vec![Frame::binary(form.protocol, &packet)];
        }
        let text = wire::event_text(namespace, Some(id), json, attachments.len());
        text_frames(form.protocol, &text, attachments)
    }
}

/// A packet of text and the binary messages that follow it.
pub(crate) fn text_frames(protocol: Protocol, text: &str, attachments: &[Bytes]) -> Vec<Frame> {
    let mut frames = Vec::with_capacity(1 + attachments.len());
    frames.push(Frame::text(text));
    frames.extend(
        attachments
            .iter()
            .map(|attachment| Frame::binary(protocol, attachment)),
    );
    frames
}

fn deflated(frames: &[Frame], least: usize) -> Vec<Frame> {
    let smaller = |frame: &Frame| {
        (frame.len() >= least)
            .then(|| frame.deflated())
            .flatten()
            .unwrap_or_else(|| frame.clone())
    };
    frames.iter().map(smaller).collect()
}

fn event_json(name: &str, args: &str) -> Result<String, serde_json::Error> {
    let name = serde_json::to_string(name)?;
    let comma = if args.is_empty() { "" } else { "," };
    Ok(format!("[{name}{comma}{args}]"))
}

impl std::fmt::Debug for Packet {
    /// Never the content: packets end up in log fields.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packet")
            .field("namespace", &self.inner.namespace)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
