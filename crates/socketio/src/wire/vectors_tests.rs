//! What the JavaScript packages write and read, against what is written and read here.
//! `tests/vectors/generate.mjs` made the file.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::*;
use crate::Protocol;

static VECTORS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../tests/vectors/vectors.json")).unwrap()
});

fn section(name: &str) -> &'static [Value] {
    let cases = VECTORS[name].as_array().unwrap();
    assert!(!cases.is_empty());
    cases
}

fn unhex(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from_digit(digit.into(), 16).unwrap();
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(digit).collect()
}

/// The value with placeholders instead of `{"$binary": …}`, whose contents go to `attachments`.
fn with_placeholders(value: &Value, attachments: &mut Vec<Bytes>) -> Value {
    match value {
        Value::Object(object) if object.contains_key("$binary") => {
            attachments.push(unhex(&object["$binary"]).into());
            placeholder::of(attachments.len() - 1)
        }
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.clone(), with_placeholders(value, attachments)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(values) => values
            .iter()
            .map(|value| with_placeholders(value, attachments))
            .collect(),
        other => other.clone(),
    }
}

/// The value with `{"$binary": …}` instead of placeholders.
fn with_contents(value: &Value, attachments: &[Bytes]) -> Value {
    match value {
        Value::Object(object) if !attachments.is_empty() && placeholder::is_one(object) => {
            let number = placeholder::number(object, attachments.len()).unwrap();
            json!({"$binary": hex(&attachments[number])})
        }
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.clone(), with_contents(value, attachments)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(values) => values
            .iter()
            .map(|value| with_contents(value, attachments))
            .collect(),
        other => other.clone(),
    }
}

/// The packet as `generate.mjs` writes it. Ids of connects and the like are not kept.
fn portable(packet: Incoming) -> Value {
    let mut members = Map::new();
    let mut add = |key: &str, value: Value| members.insert(key.to_owned(), value);
    add("nsp", packet.namespace.into());
    let kind = match packet.kind {
        Kind::Connect { auth } => {
            if !auth.is_null() {
                add("data", auth);
            }
            0
        }
        Kind::Disconnect => 1,
        Kind::Event {
            name,
            mut args,
            id,
            attachments,
        } => {
            args.insert(0, name.into());
            add("data", with_contents(&args.into(), &attachments));
            if let Some(id) = id {
                add("id", id.into());
            }
            2
        }
        Kind::Ack {
            id,
            args,
            attachments,
        } => {
            add("data", with_contents(&args.into(), &attachments));
            add("id", id.into());
            3
        }
        Kind::ConnectError => 4,
    };
    add("type", kind.into());
    members.into()
}

/// What JavaScript decoded, without what is not kept here.
fn expected(packet: &Value) -> Value {
    let mut packet = packet.clone();
    let kind = packet["type"].as_u64().unwrap();
    let members = packet.as_object_mut().unwrap();
    if !(2..=3).contains(&kind) {
        members.remove("id");
    }
    if kind == 4 {
        members.remove("data");
    }
    packet
}

/// The packets in the messages, and whether there was an error behind them.
fn decode_all(messages: &Value) -> (Vec<Value>, bool) {
    let mut decoder = Decoder::new(usize::MAX);
    let mut packets = Vec::new();
    for message in messages.as_array().unwrap() {
        let packet = match message {
            Value::String(text) => decoder.text(text),
            message => decoder.binary(&unhex(&message["hex"])),
        };
        match packet {
            Ok(packet) => packets.extend(packet.map(portable)),
            Err(_) => return (packets, true),
        }
    }
    let parser = if messages[0].is_string() {
        Parser::Default
    } else {
        Parser::Msgpack
    };
    assert_eq!(decoder.parser(), Some(parser));
    (packets, false)
}

#[test]
fn writes_packets_as_javascript_does() {
    for case in section("outgoing") {
        let packet = &case["packet"];
        let namespace = packet["nsp"].as_str().unwrap();
        let id = packet.get("id").and_then(Value::as_u64);
        let mut attachments = Vec::new();
        let data = packet
            .get("data")
            .map(|data| with_placeholders(data, &mut attachments));
        let payload = || data.as_ref().unwrap();
        let json = data.as_ref().map(Value::to_string).unwrap_or_default();
        let (text, msgpack) = match packet["type"].as_u64().unwrap() {
            0 => (
                connect_text(namespace, data.as_ref()),
                connect_msgpack(namespace, data.as_ref()),
            ),
            1 => (disconnect_text(namespace), disconnect_msgpack(namespace)),
            2 => (
                event_text(namespace, id, &json, attachments.len()),
                event_msgpack(namespace, id, payload(), &attachments),
            ),
            3 => (
                ack_text(namespace, id.unwrap(), &json, attachments.len()),
                ack_msgpack(namespace, id.unwrap(), payload(), &attachments),
            ),
            _ => (
                connect_error_text(namespace, payload()),
                connect_error_msgpack(namespace, payload()),
            ),
        };
        assert_eq!(hex(&msgpack), case["msgpack"], "{packet}");
        let mut messages = vec![json!(text)];
        messages.extend(
            attachments
                .iter()
                .map(|content| json!({"hex": hex(content)})),
        );
        assert_eq!(messages, *case["text"].as_array().unwrap(), "{packet}");
    }
}

#[test]
fn reads_back_what_javascript_wrote() {
    for case in section("outgoing") {
        let packet = expected(&case["packet"]);
        let msgpack = json!([{"hex": case["msgpack"]}]);
        for messages in [&case["text"], &msgpack] {
            assert_eq!(decode_all(messages), (vec![packet.clone()], false));
        }
    }
}

#[test]
fn writes_msgpack_lengths_of_every_width_as_notepack_does() {
    for case in section("widths") {
        let length = usize::try_from(case["length"].as_u64().unwrap()).unwrap();
        let keys = (0..length).map(|n| (format!("k{n:06}"), json!(0)));
        let attachments = [Bytes::from(vec![0; length])];
        let value = match case["kind"].as_str().unwrap() {
            "text" => json!("0".repeat(length)),
            "bin" => placeholder::of(0),
            "array" => json!(vec![0; length]),
            _ => Value::Object(keys.collect()),
        };
        let mut bytes = Vec::new();
        msgpack_write::value(&mut bytes, &value, &attachments);
        assert_eq!(hex(&bytes[..bytes.len().min(8)]), case["head"], "{case}");
        assert_eq!(bytes.len() as u64, case["total"], "{case}");
    }
}

#[test]
fn reads_text_packets_as_javascript_does() {
    for case in section("incomingText") {
        let mut packets: Vec<_> = case["packets"].as_array().unwrap().iter().collect();
        let mut failed = case.get("error").is_some();
        // An event or ack without payload or id is the one thing in which they differ in general.
        if let Some(position) = packets.iter().position(|packet| !is_whole(packet)) {
            packets.truncate(position);
            failed = true;
        }
        let packets: Vec<_> = packets.into_iter().map(expected).collect();
        assert_eq!(decode_all(&case["messages"]), (packets, failed), "{case}");
    }
}

fn is_whole(packet: &Value) -> bool {
    match packet["type"].as_u64() {
        Some(2) => packet.get("data").is_some(),
        Some(3) => packet.get("data").is_some() && packet.get("id").is_some(),
        _ => true,
    }
}

#[test]
fn reads_msgpack_packets_as_javascript_does() {
    for case in section("incomingMsgpack") {
        let packets: Vec<_> = case["packets"]
            .as_array()
            .unwrap()
            .iter()
            .map(expected)
            .collect();
        let failed = case.get("error").is_some();
        assert_eq!(decode_all(&case["messages"]), (packets, failed), "{case}");
    }
}

#[test]
fn reads_msgpack_timestamps_as_notepack_does() {
    for case in section("timestamps") {
        let mut bytes = unhex(&json!("83a47479706502a36e7370a12fa46461746192a161"));
        bytes.extend(unhex(&case["hex"]));
        let (packets, _) = decode_all(&json!([{"hex": hex(&bytes)}]));
        assert_eq!(packets[0]["data"][1], case["date"], "{case}");
    }
}

#[test]
fn refuses_knowingly_what_javascript_takes() {
    for name in ["stricterText", "stricterMsgpack"] {
        for case in section(name) {
            assert_eq!(decode_all(&case["messages"]), (vec![], true), "{case}");
        }
    }
}

fn portable_engine(packet: &Result<EnginePacket<'_>, EngineError>) -> Value {
    match packet {
        Ok(EnginePacket::Close) => json!({"type": "close"}),
        Ok(EnginePacket::Ping(data)) => json!({"type": "ping", "text": data}),
        Ok(EnginePacket::Pong(data)) => json!({"type": "pong", "text": data}),
        Ok(EnginePacket::Message(Message::Text(text))) => json!({"type": "message", "text": text}),
        Ok(EnginePacket::Message(Message::Binary(content))) => {
            json!({"type": "message", "binary": hex(content)})
        }
        Ok(EnginePacket::Upgrade) => json!({"type": "upgrade"}),
        Ok(EnginePacket::Noop) => json!({"type": "noop"}),
        Err(_) => json!({"type": "error"}),
    }
}

#[test]
fn reads_payloads_as_javascript_does() {
    for case in section("v4Bodies") {
        let body = case["body"].as_str().unwrap();
        let packets: Vec<_> = decode_payload_v4(body)
            .map(|p| portable_engine(&p))
            .collect();
        assert_eq!(json!(packets), case["packets"], "{case}");
    }
    for case in section("v3Texts") {
        let body = case["body"].as_str().unwrap();
        let packets: Vec<_> = decode_payload_v3_text(body)
            .map(|p| portable_engine(&p))
            .collect();
        assert_eq!(json!(packets), case["packets"], "{case}");
    }
    for case in section("v3Binaries") {
        let body = unhex(&case["body"]);
        let packets: Vec<_> = decode_payload_v3_binary(&body)
            .map(|p| portable_engine(&p))
            .collect();
        assert_eq!(json!(packets), case["packets"], "{case}");
    }
}

#[test]
fn writes_payloads_as_javascript_does() {
    for case in section("payloads") {
        let contents: Vec<_> = case["parts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| match part.get("binary") {
                Some(binary) => (None, unhex(binary)),
                None => (part["text"].as_str(), vec![]),
            })
            .collect();
        let parts = || {
            contents.iter().map(|(text, binary)| match text {
                Some(text) => PayloadPart::Text(text),
                None => PayloadPart::Binary(binary),
            })
        };
        assert_eq!(encode_payload_v4(parts()), case["v4"]);
        assert_eq!(encode_payload_v3_text(parts()), case["v3Text"]);
        assert_eq!(hex(&encode_payload_v3_binary(parts())), case["v3Binary"]);
    }
}

#[test]
fn wraps_and_unwraps_jsonp_as_javascript_does() {
    for case in section("jsonpWrap") {
        let [j, payload] = ["j", "payload"].map(|key| case[key].as_str().unwrap());
        assert_eq!(jsonp_wrap(j, payload), case["wrapped"], "{case}");
    }
    for case in section("jsonpUnwrap") {
        let form = case["form"].as_str().unwrap();
        assert_eq!(json!(jsonp_unwrap(form)), case["payload"], "{case}");
    }
}

#[test]
fn single_packets_are_those_of_payloads() {
    for case in section("v4Bodies") {
        let body = case["body"].as_str().unwrap();
        let packets: Vec<_> = body
            .split('\x1e')
            .map(|record| portable_engine(&decode_text(Protocol::V5, record)))
            .collect();
        let read = case["packets"].as_array().unwrap();
        assert_eq!(packets[..read.len()], *read, "{case}");
    }
    let content = [4, 1];
    assert!(decode_binary(Protocol::V4, &content) == decode_binary(Protocol::V5, &content[1..]));
}
