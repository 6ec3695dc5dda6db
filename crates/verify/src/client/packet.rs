//! Socket.IO 5 packets in the text frames of Engine.IO 4: `42["message:new",{…}]`.
//!
//! <https://github.com/socketio/socket.io-protocol>, <https://github.com/socketio/engine.io-protocol>

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

/// What a frame says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    /// Engine.IO's handshake.
    Open(Handshake),
    /// The engine is told to close.
    Close,
    /// To be answered with [`PONG`].
    Ping,
    /// Something that a client over WebSocket has no use for.
    Noop,
    /// A packet of the namespace `/`.
    Packet(Packet),
}

/// What Engine.IO's handshake holds that a client needs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Handshake {
    ping_interval: u64,
    ping_timeout: u64,
}

impl Handshake {
    /// How long the server may be silent.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(self.ping_interval.saturating_add(self.ping_timeout))
    }
}

/// A packet of the namespace `/`, without binary attachments: the product sends none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Packet {
    Connect {
        sid: Option<String>,
        pid: Option<String>,
    },
    ConnectError {
        message: String,
        data: Value,
    },
    Disconnect,
    Event {
        name: String,
        args: Vec<Value>,
    },
    Ack {
        id: u64,
        args: Vec<Value>,
    },
}

/// A frame that a stock client would close the connection for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("parse error: {0}")]
pub(crate) struct Malformed(&'static str);

pub(crate) const PONG: &str = "3";

/// The frame that joins the namespace.
pub(crate) fn connect(auth: &Value) -> String {
    format!("40{auth}")
}

/// The frame that leaves it.
pub(crate) const DISCONNECT: &str = "41";

/// The frame of an event that wants an ack.
pub(crate) fn event(name: &str, payload: &Value, id: u64) -> String {
    format!("42{id}[{},{payload}]", Value::from(name))
}

pub(crate) fn decode(text: &str) -> Result<Frame, Malformed> {
    let kind = text.chars().next().ok_or(Malformed("an empty frame"))?;
    let rest = &text[kind.len_utf8()..];
    match kind {
        '0' => serde_json::from_str(rest)
            .map(Frame::Open)
            .map_err(|_| Malformed("a handshake that is none")),
        '1' => Ok(Frame::Close),
        '2' => Ok(Frame::Ping),
        '3' | '5' | '6' => Ok(Frame::Noop),
        '4' => packet(rest),
        _ => Err(Malformed("an unknown kind of frame")),
    }
}

fn packet(text: &str) -> Result<Frame, Malformed> {
    let kind = text
        .chars()
        .next()
        .ok_or(Malformed("a message without a packet"))?;
    let rest = &text[kind.len_utf8()..];
    let (namespace, rest) = match rest.split_once(',') {
        Some((namespace, rest)) if namespace.starts_with('/') => (namespace, rest),
        _ if rest.starts_with('/') => (rest, ""),
        _ => ("/", rest),
    };
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (id, data) = rest.split_at(digits);
    let data = match data {
        "" => Value::Null,
        data => serde_json::from_str(data).map_err(|_| Malformed("data that is no JSON"))?,
    };
    let packet = match kind {
        '0' => joined(&data)?,
        '1' => Packet::Disconnect,
        '2' => event_of(data)?,
        '3' => Packet::Ack {
            id: id.parse().map_err(|_| Malformed("an ack without an id"))?,
            args: list(data)?,
        },
        '4' => refusal(data)?,
        _ => return Err(Malformed("an unknown kind of packet")),
    };
    // A stock client does not look at what is for another namespace.
    Ok(if namespace == "/" {
        Frame::Packet(packet)
    } else {
        Frame::Noop
    })
}

fn joined(data: &Value) -> Result<Packet, Malformed> {
    if !data.is_object() && !data.is_null() {
        return Err(Malformed("a CONNECT of another type"));
    }
    let text = |name: &str| data[name].as_str().map(str::to_owned);
    Ok(Packet::Connect {
        sid: text("sid"),
        pid: text("pid"),
    })
}

fn event_of(data: Value) -> Result<Packet, Malformed> {
    let mut args = list(data)?.into_iter();
    match args.next() {
        Some(Value::String(name)) => Ok(Packet::Event {
            name,
            args: args.collect(),
        }),
        _ => Err(Malformed("an event without a name")),
    }
}

fn refusal(data: Value) -> Result<Packet, Malformed> {
    match data {
        Value::String(message) => Ok(Packet::ConnectError {
            message,
            data: Value::Null,
        }),
        Value::Object(mut fields) => Ok(Packet::ConnectError {
            message: match fields.remove("message") {
                Some(Value::String(message)) => message,
                _ => String::new(),
            },
            data: fields.remove("data").unwrap_or_default(),
        }),
        _ => Err(Malformed("a CONNECT_ERROR of another type")),
    }
}

fn list(data: Value) -> Result<Vec<Value>, Malformed> {
    match data {
        Value::Array(args) => Ok(args),
        _ => Err(Malformed("arguments that are no list")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn args() -> impl Strategy<Value = Vec<Value>> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        proptest::collection::vec(leaf, 0..4)
    }

    proptest! {
        #[test]
        fn what_a_server_says_is_understood(name in ".*", args in args(), id in any::<u64>()) {
            let list = Value::from(args.clone());
            prop_assert_eq!(
                decode(&format!("43{id}{list}")).unwrap(),
                Frame::Packet(Packet::Ack { id, args: args.clone() })
            );
            let mut event = vec![Value::from(name.clone())];
            event.extend(args.clone());
            let event = Value::from(event);
            let expected = Frame::Packet(Packet::Event { name, args });
            prop_assert_eq!(&decode(&format!("42{event}")).unwrap(), &expected);
            prop_assert_eq!(&decode(&format!("42{id}{event}")).unwrap(), &expected);
            prop_assert_eq!(decode(&format!("42/admin,{event}")).unwrap(), Frame::Noop);
        }

        #[test]
        fn what_is_sent_is_a_packet(name in ".*", text in ".*", id in any::<u64>()) {
            let frame = event(&name, &json!({ "text": text }), id);
            let expected = Packet::Event { name, args: vec![json!({ "text": text })] };
            prop_assert_eq!(decode(&frame).unwrap(), Frame::Packet(expected));
        }

        #[test]
        fn no_text_makes_the_decoder_panic(text in ".*") {
            let _ = decode(&text);
        }

        #[test]
        fn nor_does_one_that_is_nearly_a_packet(text in r#"4[0-6](/[a-z]{0,3},?)?[0-9]{0,22}[\[\]{}",:a-z0-9]{0,12}"#) {
            let _ = decode(&text);
        }
    }

    #[test]
    fn the_examples_of_the_protocol_are_understood() {
        let open = r#"0{"sid":"lv_VI97HAXpY6yYWAAAB","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
        let Ok(Frame::Open(handshake)) = decode(open) else {
            panic!("no handshake")
        };
        assert_eq!(handshake.patience(), Duration::from_secs(45));
        assert_eq!(
            decode(r#"40{"sid":"oSO0OpakMV_3jnilAAAA","pid":"p"}"#),
            Ok(Frame::Packet(Packet::Connect {
                sid: Some("oSO0OpakMV_3jnilAAAA".to_owned()),
                pid: Some("p".to_owned())
            }))
        );
        assert_eq!(decode("41"), Ok(Frame::Packet(Packet::Disconnect)));
        assert_eq!(
            decode(r#"44{"message":"Not authorized","data":{"code":"E001"}}"#),
            Ok(Frame::Packet(Packet::ConnectError {
                message: "Not authorized".to_owned(),
                data: json!({ "code": "E001" })
            }))
        );
    }

    #[test]
    fn what_a_stock_client_closes_for_is_malformed() {
        for text in [
            "", "9", "4", "47", "42", "42{}", "42[1]", "43[]", "44", "40[]", "0", "42[\"a\"",
        ] {
            assert!(decode(text).is_err(), "{text:?} was taken");
        }
    }
}
