//! Socket.IO 5 packets in the text frames of Engine.IO 4, read without copying.
//!
//! <https://github.com/socketio/socket.io-protocol>, <https://github.com/socketio/engine.io-protocol>

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;

/// What a frame says, as far as a load needs to know.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame<'a> {
    /// Engine.IO's handshake.
    Open(Handshake),
    /// The engine is told to close.
    Close,
    /// To be answered with [`PONG`].
    Ping,
    /// Nothing that concerns a client of the namespace `/` without binary attachments.
    Noop,
    /// The answer to CONNECT.
    Connected(Joined),
    /// The other answer to CONNECT.
    Refused(Refusal),
    /// The server ends the socket.
    Disconnected,
    Event(Event<'a>),
    Ack(Ack<'a>),
}

/// What Engine.IO's handshake holds that a client needs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Handshake {
    ping_interval: u64,
    ping_timeout: u64,
    /// Names the session in the requests of long-polling.
    pub(crate) sid: String,
    /// Bytes of the body of one `POST`.
    #[serde(default = "usual_payload")]
    pub(crate) max_payload: usize,
}

/// Engine.IO's default, `maxHttpBufferSize`.
fn usual_payload() -> usize {
    1_000_000
}

/// What the answer to CONNECT holds that a client needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Joined {
    /// The secret to come back with, if the server can recover clients.
    #[serde(default)]
    pub(crate) pid: Option<String>,
}

/// Why a CONNECT was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) message: String,
    /// When to try again, if that was said.
    pub(crate) retry_after: Option<Duration>,
}

impl Handshake {
    /// How long the server may be silent.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(self.ping_interval.saturating_add(self.ping_timeout))
    }
}

/// An event; its payload is parsed only by whoever wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    pub(crate) name: Cow<'a, str>,
    /// What follows the name: `,{…}]`.
    rest: &'a str,
}

/// The answer to the call with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ack<'a> {
    pub(crate) id: u64,
    /// `{…}]`.
    rest: &'a str,
}

impl<'a> Event<'a> {
    /// The first argument. Further ones are not looked at.
    pub(crate) fn payload<T: Deserialize<'a>>(&self) -> Result<T, Malformed> {
        first(self.rest.strip_prefix(',').unwrap_or_default())
    }

    /// The last argument, if it is a string: where the client stands, for connection state recovery.
    /// Servers put no escapes into it.
    pub(crate) fn offset(&self) -> Option<&'a str> {
        let (before, offset) = self.rest.strip_suffix("\"]")?.rsplit_once('"')?;
        before.ends_with(',').then_some(offset)
    }
}

impl<'a> Ack<'a> {
    /// The first argument.
    pub(crate) fn answer<T: Deserialize<'a>>(&self) -> Result<T, Malformed> {
        first(self.rest)
    }
}

fn first<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Malformed> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    T::deserialize(&mut deserializer).map_err(|_| Malformed("an argument of another shape"))
}

/// A frame that breaks the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("parse error: {0}")]
pub(crate) struct Malformed(&'static str);

pub(crate) const PONG: &str = "3";

/// The frame that ends an Engine.IO session.
pub(crate) const CLOSE: &str = "1";

/// The frame that leaves the namespace.
pub(crate) const DISCONNECT: &str = "41";

/// The frame that joins the namespace with a token.
pub(crate) fn connect(token: &str) -> String {
    format!("40{}", serde_json::json!({ "token": token }))
}

/// The frame that joins it and asks for what came after `offset`
/// (<https://socket.io/docs/v4/connection-state-recovery>).
pub(crate) fn reconnect(token: &str, pid: &str, offset: &str) -> String {
    let auth = serde_json::json!({ "token": token, "pid": pid, "offset": offset });
    format!("40{auth}")
}

/// The frame of an event that wants an ack; `payload` is JSON.
pub(crate) fn event(id: u64, name: &str, payload: &str) -> String {
    format!("42{id}[{},{payload}]", serde_json::json!(name))
}

pub(crate) fn decode(text: &str) -> Result<Frame<'_>, Malformed> {
    let (kind, rest) = head(text).ok_or(Malformed("an empty frame"))?;
    match kind {
        b'0' => serde_json::from_str(rest)
            .map(Frame::Open)
            .map_err(|_| Malformed("a handshake that is none")),
        b'1' => Ok(Frame::Close),
        b'2' => Ok(Frame::Ping),
        b'3' | b'5' | b'6' => Ok(Frame::Noop),
        b'4' => packet(rest),
        _ => Err(Malformed("an unknown kind of frame")),
    }
}

/// The first character, if it is ASCII, and what follows it.
fn head(text: &str) -> Option<(u8, &str)> {
    let first = *text.as_bytes().first()?;
    Some((first, text.get(1..)?))
}

fn packet(text: &str) -> Result<Frame<'_>, Malformed> {
    let (kind, rest) = head(text).ok_or(Malformed("a message without a packet"))?;
    if rest.starts_with('/') && !rest.starts_with("/,") {
        return Ok(Frame::Noop); // another namespace
    }
    let rest = rest.strip_prefix("/,").unwrap_or(rest);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (id, data) = rest.split_at(digits);
    match kind {
        b'0' => Ok(Frame::Connected(
            // A server may say nothing here.
            serde_json::from_str(data).unwrap_or_default(),
        )),
        b'1' => Ok(Frame::Disconnected),
        b'2' => event_of(data),
        b'3' => Ok(Frame::Ack(Ack {
            id: id.parse().map_err(|_| Malformed("an ack without an id"))?,
            rest: data
                .strip_prefix('[')
                .ok_or(Malformed("an ack without arguments"))?,
        })),
        b'4' => refusal(data),
        b'5' | b'6' => Ok(Frame::Noop),
        _ => Err(Malformed("an unknown kind of packet")),
    }
}

fn event_of(data: &str) -> Result<Frame<'_>, Malformed> {
    const NAMELESS: Malformed = Malformed("an event without a name");
    let quoted = data.strip_prefix('[').ok_or(NAMELESS)?;
    let text = quoted.strip_prefix('"').ok_or(NAMELESS)?;
    let end = text.find(['"', '\\']).ok_or(NAMELESS)?;
    if text.as_bytes()[end] == b'"' {
        let (name, rest) = (Cow::Borrowed(&text[..end]), &text[end + 1..]);
        return Ok(Frame::Event(Event { name, rest }));
    }
    // A name with an escape in it: rare enough for the slow way.
    let mut names = serde_json::Deserializer::from_str(quoted).into_iter::<String>();
    let name = names.next().and_then(Result::ok).ok_or(NAMELESS)?;
    let rest = &quoted[names.byte_offset()..];
    let name = Cow::Owned(name);
    Ok(Frame::Event(Event { name, rest }))
}

fn refusal(data: &str) -> Result<Frame<'_>, Malformed> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Shape {
        Words(String),
        Object {
            message: String,
            #[serde(default)]
            data: Option<Data>,
        },
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data {
        #[serde(default)]
        retry_after_ms: Option<u64>,
    }
    let (message, retry) = match serde_json::from_str(data) {
        Ok(Shape::Words(message)) => (message, None),
        Ok(Shape::Object { message, data }) => (message, data.and_then(|it| it.retry_after_ms)),
        Err(_) => return Err(Malformed("a refusal without a message")),
    };
    Ok(Frame::Refused(Refusal {
        message,
        retry_after: retry.map(Duration::from_millis),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn event_in(text: &str) -> Event<'_> {
        match decode(text) {
            Ok(Frame::Event(event)) => event,
            other => panic!("no event: {other:?}"),
        }
    }

    proptest! {
        #[test]
        fn any_text_is_decoded_or_refused(text in ".*") {
            let _ = decode(&text);
        }

        #[test]
        fn whatever_begins_like_a_packet_is_decoded_or_refused(
            text in r#"4[0-9](/[a-z]*,?)?[0-9]{0,25}\[?"?[a-z:\\"]{0,9}.{0,9}"#,
        ) {
            match decode(&text) {
                Ok(Frame::Event(event)) => { let _ = (event.payload::<Value>(), event.offset()); }
                Ok(Frame::Ack(ack)) => { let _ = ack.answer::<Value>(); }
                _ => {}
            }
        }

        #[test]
        fn an_event_comes_back_as_it_was_written(name in ".+", text in ".*", id in any::<u64>()) {
            let payload = json!({ "content": text });
            let frame = event(id, &name, &payload.to_string());
            let read = event_in(&frame);
            prop_assert_eq!(&read.name, &name);
            prop_assert_eq!(read.payload::<Value>(), Ok(payload));
        }

        #[test]
        fn an_ack_comes_back_as_it_was_written(text in ".*", id in any::<u64>()) {
            let answer = json!({ "ok": true, "data": text });
            let frame = format!("43{id}[{answer}]");
            let Ok(Frame::Ack(ack)) = decode(&frame) else {
                return Err(TestCaseError::fail("no ack"));
            };
            prop_assert_eq!(ack.id, id);
            prop_assert_eq!(ack.answer::<Value>(), Ok(answer));
        }
    }

    #[test]
    fn a_connection_is_opened_joined_and_left() {
        let open =
            r#"0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1}"#;
        let Ok(Frame::Open(handshake)) = decode(open) else {
            panic!("no handshake");
        };
        assert_eq!(handshake.patience(), Duration::from_secs(45));
        assert_eq!((handshake.sid.as_str(), handshake.max_payload), ("x", 1));
        assert_eq!(connect("a.b.c"), r#"40{"token":"a.b.c"}"#);
        let pid = Some("y".to_owned());
        let joined = Ok(Frame::Connected(Joined { pid }));
        assert_eq!(decode(r#"40{"sid":"x","pid":"y"}"#), joined);
        assert_eq!(decode("41"), Ok(Frame::Disconnected));
        for (refusal, after) in [
            (r#"44{"message":"TOKEN_EXPIRED","data":{}}"#, None),
            (r#"44"TOKEN_EXPIRED""#, None),
            (
                r#"44{"message":"TOKEN_EXPIRED","data":{"retryAfterMs":20}}"#,
                Some(20),
            ),
        ] {
            let expected = Refusal {
                message: "TOKEN_EXPIRED".to_owned(),
                retry_after: after.map(Duration::from_millis),
            };
            assert_eq!(decode(refusal), Ok(Frame::Refused(expected)));
        }
    }

    #[test]
    fn the_offset_of_recovery_is_no_part_of_the_payload() {
        let event = event_in(r#"42["message:new",{"seq":1},"1700-0"]"#);
        assert_eq!(event.payload::<Value>(), Ok(json!({ "seq": 1 })));
        assert_eq!(event.offset(), Some("1700-0"));
        for without in [r#"42["a",{"b":"c"}]"#, r#"42["a"]"#, r#"42["a",1]"#] {
            assert_eq!(event_in(without).offset(), None, "{without}");
        }
    }

    #[test]
    fn an_event_without_a_payload_has_none() {
        assert!(
            event_in(r#"42["server:draining"]"#)
                .payload::<Value>()
                .is_err()
        );
    }

    #[test]
    fn other_namespaces_and_attachments_are_passed_over() {
        for text in [
            r#"42/chat,["a",1]"#,
            "40/chat",
            r#"451-["a",{"_placeholder":true,"num":0}]"#,
        ] {
            assert_eq!(decode(text), Ok(Frame::Noop), "{text}");
        }
        assert_eq!(decode("40/,"), Ok(Frame::Connected(Joined::default())));
    }

    #[test]
    fn what_breaks_the_protocol_is_malformed() {
        for text in [
            "", "9", "4", "47", "42", "42{}", "42[1]", "42[\"a", "43[]", "431", "44", "0", "é",
        ] {
            assert!(decode(text).is_err(), "{text:?} was taken");
        }
    }
}
