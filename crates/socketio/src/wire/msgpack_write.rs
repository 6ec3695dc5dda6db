//! Writes JSON values as msgpack (its `spec.md`): every value in its shortest form, as notepack.io
//! does.
//!
//! What is longer than a length field can tell (4 GiB) becomes nil; packets are far smaller.

use bytes::Bytes;
use serde_json::{Map, Number, Value};

use super::{packet::whole, placeholder};

/// Appends a value, with `attachments` in the places of its placeholders. A placeholder that
/// stands for none of them is an object like any other.
pub(super) fn value(out: &mut Vec<u8>, json: &Value, attachments: &[Bytes]) {
    match json {
        Value::Null => out.push(0xc0),
        Value::Bool(flag) => out.push(0xc2 + u8::from(*flag)),
        Value::Number(json) => number(out, json),
        Value::String(json) => text(out, json),
        Value::Array(elements) => array(out, elements, attachments),
        Value::Object(members) => object(out, members, attachments),
    }
}

fn array(out: &mut Vec<u8>, elements: &[Value], attachments: &[Bytes]) {
    if !collection_header(out, elements.len(), 0x90, 0xdc) {
        return;
    }
    for element in elements {
        value(out, element, attachments);
    }
}

fn object(out: &mut Vec<u8>, members: &Map<String, Value>, attachments: &[Bytes]) {
    if placeholder::is_one(members)
        && let Some(number) = placeholder::number(members, attachments.len())
    {
        return binary(out, &attachments[number]);
    }
    if !collection_header(out, members.len(), 0x80, 0xde) {
        return;
    }
    for (key, member) in members {
        text(out, key);
        value(out, member, attachments);
    }
}

/// Appends the start of a map with this many members.
pub(super) fn map_header(out: &mut Vec<u8>, members: usize) {
    collection_header(out, members, 0x80, 0xde);
}

/// Returns whether the collection can be written.
fn collection_header(out: &mut Vec<u8>, length: usize, small: u8, large: u8) -> bool {
    if length < 16 {
        out.push(small | length as u8);
        return true;
    }
    length_field(out, length, [None, Some(large), Some(large + 1)])
}

pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    let written = if text.len() < 32 {
        out.push(0xa0 | text.len() as u8);
        true
    } else {
        length_field(out, text.len(), [Some(0xd9), Some(0xda), Some(0xdb)])
    };
    if written {
        out.extend_from_slice(text.as_bytes());
    }
}

fn binary(out: &mut Vec<u8>, content: &[u8]) {
    if length_field(out, content.len(), [Some(0xc4), Some(0xc5), Some(0xc6)]) {
        out.extend_from_slice(content);
    }
}

/// Appends the length behind the prefix for its width (1, 2 or 4 bytes), where there is one; nil
/// if it fits none. Returns whether it fits.
fn length_field(out: &mut Vec<u8>, length: usize, prefixes: [Option<u8>; 3]) -> bool {
    let [one, two, four] = prefixes;
    if let (Some(prefix), Ok(length)) = (one, u8::try_from(length)) {
        out.extend_from_slice(&[prefix, length]);
    } else if let (Some(prefix), Ok(length)) = (two, u16::try_from(length)) {
        out.push(prefix);
        out.extend_from_slice(&length.to_be_bytes());
    } else if let (Some(prefix), Ok(length)) = (four, u32::try_from(length)) {
        out.push(prefix);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(0xc0);
        return false;
    }
    true
}

fn number(out: &mut Vec<u8>, number: &Number) {
    if let Some(number) = number.as_u64() {
        unsigned(out, number);
    } else if let Some(number) = number.as_i64() {
        signed(out, number);
    } else if let Some(number) = number.as_f64() {
        float(out, number);
    }
}

/// Numbers without a fraction are integers, as in JavaScript. Large ones stay floats: both forms
/// take 9 bytes.
fn float(out: &mut Vec<u8>, number: f64) {
    match whole(number) {
        Some(number @ 0..) => unsigned(out, number.unsigned_abs()),
        Some(number) => signed(out, number),
        None => {
            out.push(0xcb);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

pub(super) fn unsigned(out: &mut Vec<u8>, number: u64) {
    match number {
        0..=0x7f => out.push(number as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, number as u8]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend_from_slice(&(number as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend_from_slice(&(number as u32).to_be_bytes());
        }
        _ => {
            out.push(0xcf);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

/// A negative number.
fn signed(out: &mut Vec<u8>, number: i64) {
    match number {
        -0x20.. => out.push(number as u8),
        -0x80..-0x20 => out.extend_from_slice(&[0xd0, number as u8]),
        -0x8000..-0x80 => {
            out.push(0xd1);
            out.extend_from_slice(&(number as i16).to_be_bytes());
        }
        -0x8000_0000..-0x8000 => {
            out.push(0xd2);
            out.extend_from_slice(&(number as i32).to_be_bytes());
        }
        _ => {
            out.push(0xd3);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}
