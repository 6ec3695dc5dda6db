//! Reads msgpack (its `spec.md`) into JSON values, as notepack.io reads it into JavaScript's.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{
    DecodeError,
    iso_date::iso_date,
    packet::{MAX_ATTACHMENTS, MAX_DEPTH, whole},
    placeholder,
};

/// Extension type that the specification gives to points in time.
const TIMESTAMP: i8 = -1;
/// Extension type of notepack.io before version 3: what it holds is told by its length.
const NOTEPACK: i8 = 0;

/// The binary values among those that were read.
#[derive(Default)]
pub(super) struct Binary {
    pub(super) attachments: Vec<Bytes>,
    /// There was an object that looks like the placeholder of an attachment and is none.
    pub(super) lookalike: bool,
}

/// Goes over one message. A length in it is believed only as far as there are bytes.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    binary: Binary,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            binary: Binary::default(),
        }
    }

    /// The number of members of the map that starts here.
    pub(super) fn map_header(&mut self) -> Result<usize, DecodeError> {
        match self.byte()? {
            prefix @ 0x80..=0x8f => Ok(usize::from(prefix & 0x0f)),
            prefix @ 0xde..=0xdf => self.length(prefix - 0xdd),
            _ => Err(self.error()),
        }
    }

    /// Fails if anything is left.
    pub(super) fn end(&self) -> Result<(), DecodeError> {
        if self.at < self.bytes.len() {
            return Err(self.error());
        }
        Ok(())
    }

    /// A key of a map: a string, or an integer, which JavaScript turns into one. Others, which no
    /// JavaScript object has, are refused.
    pub(super) fn key(&mut self) -> Result<String, DecodeError> {
        match self.value(MAX_DEPTH)? {
            Value::String(key) => Ok(key),
            Value::Number(key) if !key.is_f64() => Ok(key.to_string()),
            _ => Err(self.error()),
        }
    }

    /// A value; `None` if notepack.io before version 3 wrote `undefined` here (`d4 00 00`).
    pub(super) fn value_or_undefined(&mut self) -> Result<Option<Value>, DecodeError> {
        if self.bytes[self.at..].starts_with(&[0xd4, 0x00]) {
            self.take(3)?;
            return Ok(None);
        }
        self.value(0).map(Some)
    }

    /// The binary values that were read since the last call.
    pub(super) fn take_binary(&mut self) -> Binary {
        std::mem::take(&mut self.binary)
    }

    fn value(&mut self, depth: usize) -> Result<Value, DecodeError> {
        let prefix = self.byte()?;
        let small = usize::from(prefix & 0x0f);
        match prefix {
            0x00..=0x7f => Ok(prefix.into()),
            0x80..=0x8f => self.map(small, depth),
            0x90..=0x9f => self.array(small, depth),
            0xa0..=0xbf => self.text(usize::from(prefix & 0x1f)),
            0xc0 => Ok(Value::Null),
            0xc1 => Err(self.error()),
            0xc2..=0xc3 => Ok(Value::Bool(prefix == 0xc3)),
            0xc4..=0xc6 => {
                let length = self.length(prefix - 0xc4)?;
                self.attachment(length, depth)
            }
            0xc7..=0xc9 => {
                let length = self.length(prefix - 0xc7)?;
                self.extension(length, depth)
            }
            0xca..=0xd3 => self.number(prefix),
            0xd4..=0xd8 => self.fixed_extension(1 << (prefix - 0xd4)),
            0xd9..=0xdb => {
                let length = self.length(prefix - 0xd9)?;
                self.text(length)
            }
            0xdc..=0xdd => {
                let length = self.length(prefix - 0xdb)?;
                self.array(length, depth)
            }
            0xde..=0xdf => {
                let length = self.length(prefix - 0xdd)?;
                self.map(length, depth)
            }
            0xe0..=0xff => Ok(i8::from_be_bytes([prefix]).into()),
        }
    }

    fn array(&mut self, length: usize, depth: usize) -> Result<Value, DecodeError> {
        let depth = deeper(depth)?;
        let mut values = Vec::new();
        for _ in 0..length {
            values.push(self.value(depth)?);
        }
        Ok(Value::Array(values))
    }

    fn map(&mut self, length: usize, depth: usize) -> Result<Value, DecodeError> {
        let depth = deeper(depth)?;
        let mut object = Map::new();
        for _ in 0..length {
            let key = self.key()?;
            object.insert(key, self.value(depth)?);
        }
        self.binary.lookalike |= placeholder::is_one(&object);
        Ok(Value::Object(object))
    }

    /// Text that is not UTF-8 gets replacement characters, as from Node's `Buffer.toString`.
    fn text(&mut self, length: usize) -> Result<Value, DecodeError> {
        let text = String::from_utf8_lossy(self.take(length)?);
        Ok(Value::String(text.into_owned()))
    }

    fn number(&mut self, prefix: u8) -> Result<Value, DecodeError> {
        Ok(match prefix {
            0xca => float(f32::from_be_bytes(self.array_of()?).into()),
            0xcb => float(f64::from_be_bytes(self.array_of()?)),
            0xcc => self.byte()?.into(),
            0xcd => u16::from_be_bytes(self.array_of()?).into(),
            0xce => u32::from_be_bytes(self.array_of()?).into(),
            0xcf => u64::from_be_bytes(self.array_of()?).into(),
            0xd0 => i8::from_be_bytes(self.array_of()?).into(),
            0xd1 => i16::from_be_bytes(self.array_of()?).into(),
            0xd2 => i32::from_be_bytes(self.array_of()?).into(),
            _ => i64::from_be_bytes(self.array_of()?).into(),
        })
    }

    /// An extension whose prefix tells the length.
    fn fixed_extension(&mut self, length: usize) -> Result<Value, DecodeError> {
        let kind = i8::from_be_bytes(self.array_of()?);
        match (kind, length) {
            (NOTEPACK, 1) => self.take(1).map(|_| Value::Null), // `undefined`
            (NOTEPACK, 8) => Ok(date(i64::from_be_bytes(self.array_of()?) as f64)),
            (TIMESTAMP, _) => self.timestamp(length),
            _ => Err(self.error()),
        }
    }

    fn extension(&mut self, length: usize, depth: usize) -> Result<Value, DecodeError> {
        match i8::from_be_bytes(self.array_of()?) {
            NOTEPACK => self.attachment(length, depth), // an `ArrayBuffer`
            TIMESTAMP => self.timestamp(length),
            _ => Err(self.error()),
        }
    }

    /// The three forms of a timestamp, as text: what `JSON.stringify` makes of a `Date`.
    fn timestamp(&mut self, length: usize) -> Result<Value, DecodeError> {
        let (seconds, nanoseconds) = match length {
            4 => (i64::from(u32::from_be_bytes(self.array_of()?)), 0),
            8 => {
                let both = u64::from_be_bytes(self.array_of()?);
                ((both & 0x3_ffff_ffff) as i64, (both >> 34) as u32)
            }
            12 => {
                let nanoseconds = u32::from_be_bytes(self.array_of()?);
                (i64::from_be_bytes(self.array_of()?), nanoseconds)
            }
            _ => return Err(self.error()),
        };
        Ok(date(seconds as f64 * 1e3 + f64::from(nanoseconds) / 1e6))
    }

    /// A placeholder, which is an object and therefore one level deeper.
    fn attachment(&mut self, length: usize, depth: usize) -> Result<Value, DecodeError> {
        deeper(depth)?;
        let content = self.take(length)?;
        let number = self.binary.attachments.len();
        if number == MAX_ATTACHMENTS {
            return Err(DecodeError::TooManyAttachments);
        }
        self.binary
            .attachments
            .push(Bytes::copy_from_slice(content));
        Ok(placeholder::of(number))
    }

    /// A length of `1 << width` bytes.
    fn length(&mut self, width: u8) -> Result<usize, DecodeError> {
        Ok(match width {
            0 => self.byte()?.into(),
            1 => u16::from_be_bytes(self.array_of()?).into(),
            _ => u32::from_be_bytes(self.array_of()?) as usize,
        })
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        let [byte] = self.array_of()?;
        Ok(byte)
    }

    fn array_of<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let bytes = self.bytes[self.at..]
            .first_chunk()
            .ok_or_else(|| self.error())?;
        self.at += N;
        Ok(*bytes)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let bytes = self.bytes[self.at..]
            .get(..length)
            .ok_or_else(|| self.error())?;
        self.at += length;
        Ok(bytes)
    }

    fn error(&self) -> DecodeError {
        DecodeError::Msgpack { at: self.at }
    }
}

fn deeper(depth: usize) -> Result<usize, DecodeError> {
    if depth == MAX_DEPTH {
        return Err(DecodeError::Depth);
    }
    Ok(depth + 1)
}

/// JavaScript has one kind of number, so 1.0 becomes 1. JSON has no infinities and no NaN:
/// `JSON.stringify` writes `null`, which is what becomes of them here.
fn float(number: f64) -> Value {
    whole(number).map_or_else(|| Value::from(number), Value::from)
}

/// `null` if JavaScript has no such date.
fn date(ms: f64) -> Value {
    iso_date(ms).map_or(Value::Null, Value::from)
}
