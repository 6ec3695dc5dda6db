//! An outgoing event, encoded once however many sockets get it.

use serde::Serialize;

use crate::codec;
use crate::engine::Frame;

/// An event on its way to clients. A clone shares the encoded text.
#[derive(Clone)]
pub struct Packet {
    namespace: std::sync::Arc<str>,
    frame: Frame,
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
}

impl Packet {
    /// The event `name` with one argument, for sockets of `namespace`.
    pub fn event(namespace: &str, name: &str, data: &impl Serialize) -> Result<Self, PacketError> {
        let mut text = event_head(namespace, name)?;
        text.push(',');
        text.push_str(&serde_json::to_string(data)?);
        text.push(']');
        Ok(Self::from_text(namespace, text))
    }

    /// The event `name` with the elements of `args` (a tuple, slice or `Vec`) as its arguments.
    pub fn event_args(
        namespace: &str,
        name: &str,
        args: &impl Serialize,
    ) -> Result<Self, PacketError> {
        let args = serde_json::to_string(args)?;
        let inner = args
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .ok_or(PacketError::NotASequence)?;
        let mut text = event_head(namespace, name)?;
        if !inner.is_empty() {
            text.push(',');
            text.push_str(inner);
        }
        text.push(']');
        Ok(Self::from_text(namespace, text))
    }

    fn from_text(namespace: &str, text: String) -> Self {
        Self {
            namespace: namespace.into(),
            frame: Frame::from(text),
        }
    }

    /// The namespace whose sockets understand this packet.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Bytes of the Socket.IO packet, without transport framing.
    pub fn size(&self) -> usize {
        self.frame.len()
    }

    /// The Socket.IO packet as it goes over the wire, without the Engine.IO prefix.
    pub fn as_str(&self) -> &str {
        self.frame.as_str()
    }

    pub(crate) fn frame(&self) -> Frame {
        self.frame.clone()
    }
}

impl std::fmt::Debug for Packet {
    /// Never the content: packets end up in log fields.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packet")
            .field("namespace", &self.namespace)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

fn event_head(namespace: &str, name: &str) -> Result<String, serde_json::Error> {
    let mut text = codec::header('2', namespace, None);
    text.push('[');
    text.push_str(&serde_json::to_string(name)?);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn writes_one_argument_and_names_the_namespace_unless_it_is_the_root() {
        let root = Packet::event("/", "hi", &json!({"a": [1]})).unwrap();
        assert_eq!(root.as_str(), r#"2["hi",{"a":[1]}]"#);
        let chat = Packet::event("/chat", "hi", &1).unwrap();
        assert_eq!(chat.as_str(), r#"2/chat,["hi",1]"#);
        assert_eq!(chat.size(), chat.as_str().len());
    }

    #[test]
    fn spreads_a_sequence_over_the_arguments() {
        let packet = Packet::event_args("/", "hi", &(1, "two", [3])).unwrap();
        assert_eq!(packet.as_str(), r#"2["hi",1,"two",[3]]"#);
        let none: [u8; 0] = [];
        assert_eq!(
            Packet::event_args("/", "hi", &none).unwrap().as_str(),
            r#"2["hi"]"#
        );
        assert!(matches!(
            Packet::event_args("/", "hi", &1),
            Err(PacketError::NotASequence)
        ));
    }

    #[test]
    fn keeps_the_content_out_of_debug_output() {
        let packet = Packet::event("/", "hi", &"secret").unwrap();
        assert!(!format!("{packet:?}").contains("secret"));
    }
}
