//! Socket.IO packets in Engine.IO text frames: `42/chat,7["message:send",{…}]`.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PacketType {
    Connect,
    Disconnect,
    Event,
    Ack,
    ConnectError,
}

impl PacketType {
    const ALL: [Self; 5] = [
        Self::Connect,
        Self::Disconnect,
        Self::Event,
        Self::Ack,
        Self::ConnectError,
    ];
}

/// A packet without binary attachments: the product sends none.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Packet {
    pub(super) kind: PacketType,
    pub(super) namespace: String,
    pub(super) ack_id: Option<u64>,
    pub(super) data: Option<Value>,
}

impl Packet {
    /// The whole text frame: `4` is an Engine.IO message.
    pub(super) fn encode(&self) -> String {
        let namespace = match self.namespace.as_str() {
            "/" => String::new(),
            other => format!("{other},"),
        };
        let ack_id = self.ack_id.map(|id| id.to_string()).unwrap_or_default();
        let data = self.data.as_ref().map(Value::to_string).unwrap_or_default();
        format!("4{}{namespace}{ack_id}{data}", self.kind as u8)
    }

    /// From what follows the `4`.
    pub(super) fn decode(text: &str) -> Result<Self> {
        let digit = text.chars().next().and_then(|kind| kind.to_digit(10));
        let digit = digit.with_context(|| format!("no packet type in {text:?}"))?;
        let Some(kind) = PacketType::ALL.get(digit as usize).copied() else {
            bail!("unexpected packet type {digit}");
        };
        let rest = &text[1..];
        let (namespace, rest) = match rest.split_once(',') {
            Some((namespace, rest)) if namespace.starts_with('/') => (namespace, rest),
            _ if rest.starts_with('/') => (rest, ""),
            _ => ("/", rest),
        };
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (ack_id, data) = rest.split_at(digits);
        let ack_id = if ack_id.is_empty() {
            None
        } else {
            Some(ack_id.parse()?)
        };
        ensure!(
            ack_id.is_some() || kind != PacketType::Ack,
            "an ack without an id"
        );
        let data = if data.is_empty() {
            None
        } else {
            Some(serde_json::from_str(data)?)
        };
        Ok(Self {
            kind,
            namespace: namespace.to_owned(),
            ack_id,
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn packets() -> impl Strategy<Value = Packet> {
        let kind = proptest::sample::select(PacketType::ALL.to_vec());
        let data = proptest::option::of(".*").prop_map(|text| text.map(|text| json!(["e", text])));
        (kind, "/[a-z/]{0,8}", any::<u64>(), data).prop_map(|(kind, namespace, ack_id, data)| {
            let ack_id = matches!(kind, PacketType::Event | PacketType::Ack).then_some(ack_id);
            Packet {
                kind,
                namespace,
                ack_id,
                data,
            }
        })
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(packet in packets()) {
            let frame = packet.encode();
            prop_assert_eq!(frame.as_bytes()[0], b'4');
            prop_assert_eq!(Packet::decode(&frame[1..]).unwrap(), packet);
        }

        #[test]
        fn no_text_makes_the_decoder_panic(text in ".*") {
            let _ = Packet::decode(&text);
        }
    }

    #[test]
    fn the_examples_of_the_protocol_are_understood() {
        let event = Packet::decode(r#"2/admin,456["project:delete",123]"#).unwrap();
        assert_eq!(event.namespace, "/admin");
        assert_eq!(event.ack_id, Some(456));
        assert_eq!(event.data, Some(json!(["project:delete", 123])));

        let connect = Packet::decode(r#"0{"sid":"oSO0OpakMV_3jnilAAAA"}"#).unwrap();
        assert_eq!(
            (connect.kind, connect.namespace.as_str()),
            (PacketType::Connect, "/")
        );

        let disconnect = Packet::decode("1/admin,").unwrap();
        assert_eq!(
            (disconnect.kind, disconnect.data),
            (PacketType::Disconnect, None)
        );
    }
}
