//! What must hold for any input of a decoder. These functions panic where it does not.

use bytes::Bytes;
use serde_json::Value;

use super::{
    Decoder, EngineError, EnginePacket, Incoming, Kind, MAX_ATTACHMENTS, Message, PayloadPart,
    ack_msgpack, ack_text, connect_error_msgpack, connect_error_text, connect_msgpack,
    connect_text, decode_payload_v3_binary, decode_payload_v3_text, decode_payload_v4,
    disconnect_msgpack, disconnect_text, encode_payload_v3_binary, encode_payload_v3_text,
    encode_payload_v4, event_msgpack, event_text, jsonp_unwrap, packet::whole, placeholder,
};

/// Messages are separated by the byte 0xff; those that start with 0xfe are binary, without that
/// byte. Neither is in UTF-8.
pub(crate) fn socketio_packet(data: &[u8]) {
    let mut decoder = Decoder::new(data.len());
    for message in data.split(|&byte| byte == 0xff) {
        let packet = match (message, str::from_utf8(message)) {
            ([0xfe, binary @ ..], _) => decoder.binary(binary),
            (_, Ok(text)) => decoder.text(text),
            (_, Err(_)) => return,
        };
        match packet {
            Ok(Some(packet)) => check(&packet),
            Ok(None) => {}
            Err(error) => {
                let _ = error.to_string();
                return;
            }
        }
    }
}

pub(crate) fn msgpack_packet(data: &[u8]) {
    if let Ok(Some(packet)) = Decoder::new(usize::MAX).binary(data) {
        check(&packet);
    }
}

pub(crate) fn engine_payload_v3(data: &[u8]) {
    let packets: Vec<_> = decode_payload_v3_binary(data).collect();
    // A packet needs a byte for its kind, one for its length and the end of the length.
    assert!(packets.len() <= data.len() / 3 + 1);
    if let Some(parts) = parts_of(&packets) {
        let body = encode_payload_v3_binary(parts.iter().map(Part::borrow));
        assert!(decode_payload_v3_binary(&body).eq(packets.iter().cloned()));
    }
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let packets: Vec<_> = decode_payload_v3_text(text).collect();
    assert!(packets.len() <= text.len() / 3 + 1);
    if let Some(parts) = parts_of(&packets) {
        let body = encode_payload_v3_text(parts.iter().map(Part::borrow));
        assert!(decode_payload_v3_text(&body).eq(packets.iter().cloned()));
    }
    if let Some(payload) = jsonp_unwrap(text) {
        assert!(payload.len() <= text.len());
    }
}

pub(crate) fn engine_payload_v4(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let packets: Vec<_> = decode_payload_v4(text).collect();
    assert!(packets.len() <= text.len() + 1);
    if let Some(parts) = parts_of(&packets) {
        // Text with a separator in it was read as two packets, so none has one.
        let body = encode_payload_v4(parts.iter().map(Part::borrow));
        assert!(decode_payload_v4(&body).eq(packets.iter().cloned()));
    }
}

/// A packet as it is encoded.
enum Part<'a> {
    Text(String),
    Binary(&'a [u8]),
}

impl Part<'_> {
    fn borrow(&self) -> PayloadPart<'_> {
        match self {
            Self::Text(text) => PayloadPart::Text(text),
            Self::Binary(content) => PayloadPart::Binary(content),
        }
    }
}

/// `None` if there was an error, which then was the last item.
fn parts_of<'a>(packets: &'a [Result<EnginePacket<'_>, EngineError>]) -> Option<Vec<Part<'a>>> {
    for packet in packets.iter().take(packets.len().saturating_sub(1)) {
        assert!(packet.is_ok(), "decoding went on after an error");
    }
    let parts = packets.iter().map(|packet| {
        Some(match packet.as_ref().ok()? {
            EnginePacket::Close => Part::Text("1".to_owned()),
            EnginePacket::Ping(data) => Part::Text(format!("2{data}")),
            EnginePacket::Pong(data) => Part::Text(format!("3{data}")),
            EnginePacket::Message(Message::Text(text)) => Part::Text(format!("4{text}")),
            EnginePacket::Message(Message::Binary(content)) => Part::Binary(content),
            EnginePacket::Upgrade => Part::Text("5".to_owned()),
            EnginePacket::Noop => Part::Text("6".to_owned()),
        })
    });
    parts.collect()
}

/// A packet must survive being written and read once more, in both forms.
fn check(packet: &Incoming) {
    assert!(packet.namespace.starts_with('/'));
    assert!(!packet.namespace.contains('?'));
    if let Some((args, attachments)) = content(&packet.kind)
        && !attachments.is_empty()
    {
        assert!(attachments.len() <= MAX_ATTACHMENTS);
        for arg in args {
            check_placeholders(arg, attachments.len());
        }
    }
    let path = match &packet.query {
        Some(query) => format!("{}?{query}", packet.namespace),
        None => packet.namespace.clone().into_owned(),
    };
    let packet = without_floats(packet.clone());
    let expected = resolved(packet.clone());
    assert_eq!(resolved(through_msgpack(&path, &packet.kind)), expected);
    // A comma ends the namespace, and only msgpack can send one.
    if !path.contains(',') {
        assert_eq!(resolved(through_text(&path, &packet.kind)), expected);
    }
}

fn content(kind: &Kind) -> Option<(&Vec<Value>, &Vec<Bytes>)> {
    match kind {
        Kind::Event {
            args, attachments, ..
        }
        | Kind::Ack {
            args, attachments, ..
        } => Some((args, attachments)),
        _ => None,
    }
}

/// An application may follow any placeholder without a check, if there are attachments at all.
fn check_placeholders(value: &Value, attachments: usize) {
    match value {
        Value::Object(object) if placeholder::is_one(object) => {
            let number = placeholder::number(object, attachments);
            assert!(number.is_some_and(|number| placeholder::of(number) == *value));
        }
        Value::Object(object) => object
            .values()
            .for_each(|value| check_placeholders(value, attachments)),
        Value::Array(values) => values
            .iter()
            .for_each(|value| check_placeholders(value, attachments)),
        _ => {}
    }
}

fn values_mut(kind: &mut Kind) -> &mut [Value] {
    match kind {
        Kind::Event { args, .. } | Kind::Ack { args, .. } => args,
        Kind::Connect { auth } => std::slice::from_mut(auth),
        Kind::Disconnect | Kind::ConnectError => &mut [],
    }
}

/// The packet with whole floats as integers, which msgpack makes of them, and without other
/// floats: serde_json may read them with an error in the last digit.
fn without_floats(mut packet: Incoming) -> Incoming {
    fn replace(value: &mut Value) {
        match value {
            Value::Number(number) if number.is_f64() => {
                *value = number.as_f64().and_then(whole).into();
            }
            Value::Object(object) => object.values_mut().for_each(replace),
            Value::Array(values) => values.iter_mut().for_each(replace),
            _ => {}
        }
    }
    values_mut(&mut packet.kind).iter_mut().for_each(replace);
    packet
}

/// The packet with the contents of its attachments where the placeholders are: their order, and
/// attachments without a place, do not survive in msgpack.
fn resolved(mut packet: Incoming) -> Incoming {
    fn replace(value: &mut Value, attachments: &[Bytes]) {
        match value {
            Value::Object(object) if placeholder::is_one(object) => {
                if let Some(number) = placeholder::number(object, attachments.len()) {
                    *value = attachments[number].to_vec().into();
                }
            }
            Value::Object(object) => object
                .values_mut()
                .for_each(|value| replace(value, attachments)),
            Value::Array(values) => values
                .iter_mut()
                .for_each(|value| replace(value, attachments)),
            _ => {}
        }
    }
    let attachments = match &mut packet.kind {
        Kind::Event { attachments, .. } | Kind::Ack { attachments, .. } => {
            std::mem::take(attachments)
        }
        _ => Vec::new(),
    };
    for value in values_mut(&mut packet.kind) {
        replace(value, &attachments);
    }
    packet
}

fn through_msgpack(path: &str, kind: &Kind) -> Incoming {
    let bytes = match kind {
        Kind::Connect { auth } => connect_msgpack(path, payload(auth)),
        Kind::Disconnect => disconnect_msgpack(path),
        Kind::Event {
            name,
            args,
            id,
            attachments,
        } => event_msgpack(path, *id, &event(name, args), attachments),
        Kind::Ack {
            id,
            args,
            attachments,
        } => ack_msgpack(path, *id, &Value::from(args.clone()), attachments),
        Kind::ConnectError => connect_error_msgpack(path, &Value::from("")),
    };
    let packet = Decoder::new(bytes.len()).binary(&bytes);
    assert!(matches!(packet, Ok(Some(_))), "{packet:?}");
    packet.ok().flatten().unwrap_or_else(missing)
}

fn through_text(path: &str, kind: &Kind) -> Incoming {
    let attachments = content(kind).map_or(&[] as &[Bytes], |(_, attachments)| attachments);
    let text = match kind {
        Kind::Connect { auth } => connect_text(path, payload(auth)),
        Kind::Disconnect => disconnect_text(path),
        Kind::Event { name, args, id, .. } => {
            event_text(path, *id, &event(name, args).to_string(), attachments.len())
        }
        Kind::Ack { id, args, .. } => {
            let args = Value::from(args.clone()).to_string();
            ack_text(path, *id, &args, attachments.len())
        }
        Kind::ConnectError => connect_error_text(path, &Value::from("")),
    };
    let mut decoder = Decoder::new(usize::MAX);
    let mut packet = decoder.text(&text);
    for attachment in attachments {
        assert_eq!(packet, Ok(None));
        packet = decoder.binary(attachment);
    }
    assert!(matches!(packet, Ok(Some(_))), "{packet:?}");
    packet.ok().flatten().unwrap_or_else(missing)
}

fn payload(auth: &Value) -> Option<&Value> {
    (!auth.is_null()).then_some(auth)
}

fn event(name: &str, args: &[Value]) -> Value {
    std::iter::once(Value::from(name))
        .chain(args.iter().cloned())
        .collect()
}

/// Stands for a packet after an assertion has failed.
fn missing() -> Incoming {
    Incoming {
        namespace: "".into(),
        query: None,
        kind: Kind::Disconnect,
    }
}
