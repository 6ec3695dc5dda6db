//! As much of MessagePack as socket.io-msgpack-parser needs, for values in JSON. Bytes are written
//! `{"$bytes": "…"}`.

use serde_json::{Map, Value, json};

/// The bytes of a value.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(flag) => out.push(0xc2 + u8::from(*flag)),
        Value::Number(number) => match number.as_u64() {
            Some(small @ 0..=127) => out.push(small as u8),
            Some(number) => {
                out.push(0xcf);
                out.extend(number.to_be_bytes());
            }
            None => {
                out.push(0xcb);
                out.extend(number.as_f64().unwrap().to_be_bytes());
            }
        },
        Value::String(text) => {
            head(0xda, text.len(), out);
            out.extend(text.bytes());
        }
        Value::Array(items) => {
            head(0xdc, items.len(), out);
            for item in items {
                write(item, out);
            }
        }
        Value::Object(map) => {
            if let Some(bytes) = map.get("$bytes").and_then(Value::as_str) {
                head(0xc5, bytes.len(), out);
                out.extend(bytes.bytes());
                return;
            }
            head(0xde, map.len(), out);
            for (key, value) in map {
                head(0xda, key.len(), out);
                out.extend(key.bytes());
                write(value, out);
            }
        }
    }
}

/// A type with a length in two bytes.
fn head(kind: u8, length: usize, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend(u16::try_from(length).unwrap().to_be_bytes());
}

/// The one value in `bytes`.
pub(crate) fn decode(mut bytes: &[u8]) -> Value {
    let value = read(&mut bytes);
    assert!(bytes.is_empty(), "one value and nothing behind it");
    value
}

fn read(input: &mut &[u8]) -> Value {
    let kind = uint(input, 1) as u8;
    match kind {
        0..=0x7f => json!(kind),
        0x80..=0x8f => map(usize::from(kind & 0x0f), input),
        0x90..=0x9f => list(usize::from(kind & 0x0f), input),
        0xa0..=0xbf => text(usize::from(kind & 0x1f), input).into(),
        0xc0 => Value::Null,
        0xc2 | 0xc3 => json!(kind == 0xc3),
        0xc4..=0xc6 => {
            let length = uint(input, 1 << (kind - 0xc4)) as usize;
            json!({ "$bytes": text(length, input) })
        }
        0xcb => json!(f64::from_bits(uint(input, 8))),
        0xcc..=0xcf => json!(uint(input, 1 << (kind - 0xcc))),
        0xd9..=0xdb => {
            let length = uint(input, 1 << (kind - 0xd9)) as usize;
            text(length, input).into()
        }
        0xdc => list(uint(input, 2) as usize, input),
        0xde => map(uint(input, 2) as usize, input),
        0xe0.. => json!(i64::from(kind as i8)),
        _ => panic!("type {kind:x}"),
    }
}

fn uint(input: &mut &[u8], size: usize) -> u64 {
    let (bytes, rest) = input.split_at(size);
    *input = rest;
    bytes
        .iter()
        .fold(0, |all, byte| all << 8 | u64::from(*byte))
}

fn text(length: usize, input: &mut &[u8]) -> String {
    let (text, rest) = input.split_at(length);
    *input = rest;
    String::from_utf8(text.to_vec()).unwrap()
}

fn list(length: usize, input: &mut &[u8]) -> Value {
    (0..length).map(|_| read(input)).collect()
}

fn map(length: usize, input: &mut &[u8]) -> Value {
    let pairs = (0..length).map(|_| match read(input) {
        Value::String(key) => (key, read(input)),
        other => panic!("key {other}"),
    });
    pairs.collect::<Map<_, _>>().into()
}
