//! Frames of RFC 6455 §5.2: writing those of a server, reading the headers of a client's.

use bytes::Bytes;

use super::WsError;

/// Longest header of a client: two bytes, a 64-bit length, the mask.
pub(super) const MAX_CLIENT_HEADER: usize = 14;

/// Payloads of control frames are not longer (RFC 6455 §5.5).
const MAX_CONTROL: usize = 125;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_AND_3: u8 = 0x30;
const MASKED: u8 = 0x80;
/// Values of the length field that announce a 16-bit and a 64-bit length.
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

impl Opcode {
    fn from_bits(bits: u8) -> Result<Self, WsError> {
        Ok(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return Err(WsError::ReservedOpcode),
        })
    }

    /// Whether it is about the connection and not part of a message (RFC 6455 §5.5).
    pub(crate) fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// Header of an unmasked, final frame: an array and how many bytes of it are the header (2, 4 or
/// 10). `compressed` marks a payload made by [`compress`](super::deflate::compress).
pub(crate) fn header(opcode: Opcode, compressed: bool, payload_len: usize) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    bytes[0] = FIN | opcode as u8 | if compressed { RSV1 } else { 0 };
    let len = if payload_len < usize::from(LENGTH_16) {
        bytes[1] = payload_len as u8;
        2
    } else if let Ok(short) = u16::try_from(payload_len) {
        bytes[1] = LENGTH_16;
        bytes[2..4].copy_from_slice(&short.to_be_bytes());
        4
    } else {
        bytes[1] = LENGTH_64;
        bytes[2..10].copy_from_slice(&(payload_len as u64).to_be_bytes());
        10
    };
    (bytes, len)
}

/// A whole close frame, with a status code or without.
pub(crate) fn close_frame(code: Option<u16>) -> Bytes {
    let code = code.map(u16::to_be_bytes);
    control_frame(Opcode::Close, code.as_ref().map_or(&[], |code| code))
}

/// The whole answer to a ping with this payload. A ping has at most 125 bytes; more are cut off.
pub(crate) fn pong_frame(payload: &[u8]) -> Bytes {
    control_frame(Opcode::Pong, payload)
}

fn control_frame(opcode: Opcode, payload: &[u8]) -> Bytes {
    let payload = &payload[..payload.len().min(MAX_CONTROL)];
    let (head, len) = header(opcode, false, payload.len());
    [&head[..len], payload].concat().into()
}

/// Header of a client's frame, checked as far as it can be without knowing earlier frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) opcode: Opcode,
    pub(super) fin: bool,
    pub(super) rsv1: bool,
    pub(super) mask: [u8; 4],
    pub(super) payload_len: u64,
}

impl Header {
    /// The header at the front of `bytes` and how many of them it takes. `None`: more are needed,
    /// which is never so with [`MAX_CLIENT_HEADER`] bytes.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, WsError> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        let opcode = check_first_bytes(*first, *second)?;
        let (payload_len, rest) = match second & !MASKED {
            LENGTH_16 => match rest.split_first_chunk() {
                Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest),
                None => return Ok(None),
            },
            LENGTH_64 => match rest.split_first_chunk() {
                Some((len, rest)) => (u64::from_be_bytes(*len), rest),
                None => return Ok(None),
            },
            len => (u64::from(len), rest),
        };
        check_length(second & !MASKED, payload_len)?;
        let Some((mask, rest)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        let header = Self {
            opcode,
            fin: first & FIN != 0,
            rsv1: first & RSV1 != 0,
            mask: *mask,
            payload_len,
        };
        Ok(Some((header, bytes.len() - rest.len())))
    }
}

fn check_first_bytes(first: u8, second: u8) -> Result<Opcode, WsError> {
    if first & RSV2_AND_3 != 0 {
        return Err(WsError::ReservedBit);
    }
    let opcode = Opcode::from_bits(first & 0x0F)?;
    if second & MASKED == 0 {
        return Err(WsError::Unmasked);
    }
    let fragmented = first & FIN == 0;
    let long = usize::from(second & !MASKED) > MAX_CONTROL;
    if opcode.is_control() && (fragmented || long) {
        return Err(WsError::Control);
    }
    Ok(opcode)
}

/// Lengths take as few bytes as they can, and the top bit of the longest form is 0 (RFC 6455 §5.2).
fn check_length(field: u8, len: u64) -> Result<(), WsError> {
    let legal = match field {
        LENGTH_16 => len >= u64::from(LENGTH_16),
        LENGTH_64 => len > u64::from(u16::MAX) && len >> 63 == 0,
        _ => true,
    };
    if legal { Ok(()) } else { Err(WsError::Length) }
}

/// Takes the mask off `bytes` (RFC 6455 §5.3) and returns the mask for those that follow them.
pub(super) fn unmask(bytes: &mut [u8], mut mask: [u8; 4]) -> [u8; 4] {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
    mask.rotate_left(rest.len() % 4);
    mask
}
