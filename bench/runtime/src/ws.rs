//! WebSocket framing (RFC 6455, section 5.2), as much of it as a load generator needs.

/// Opcode of a text message.
pub const TEXT: u8 = 1;
/// Opcode of a close frame.
pub const CLOSE: u8 = 8;
/// Opcode of a WebSocket ping, which is not the ping of Engine.IO.
pub const PING: u8 = 9;
/// Opcode of the answer to it.
pub const PONG: u8 = 10;

/// `Sec-WebSocket-Key` of every handshake: the sample of RFC 6455, section 1.3.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// `Sec-WebSocket-Accept` that answers [`KEY`].
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const LENGTH_OF_16_BITS: u8 = 0x7e;
const LENGTH_OF_64_BITS: u8 = 0x7f;

/// Where a frame lies in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// What kind of frame it is.
    pub opcode: u8,
    /// To be applied to the payload; `None` for frames of a server.
    pub mask: Option<[u8; 4]>,
    /// First byte of the payload.
    pub start: usize,
    /// End of the payload and of the frame.
    pub end: usize,
}

impl Frame {
    /// The frame at the start of `bytes`; `None` as long as it is not whole.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let [first, second, rest @ ..] = bytes else {
            return None;
        };
        let (length, mut start) = match second & 0x7f {
            LENGTH_OF_16_BITS => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
            LENGTH_OF_64_BITS => (u64::from_be_bytes(*rest.first_chunk()?) as usize, 10),
            length => (usize::from(length), 2),
        };
        let mask = if second & 0x80 == 0 {
            None
        } else {
            start += 4;
            Some(*bytes.get(start - 4..start)?.first_chunk()?)
        };
        let end = start.checked_add(length)?;
        (bytes.len() >= end).then_some(Self {
            opcode: first & 0x0f,
            mask,
            start,
            end,
        })
    }

    /// Its payload, where `bytes` is what it was parsed from. Masked as it came.
    #[inline]
    pub fn payload<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start..self.end]
    }

    /// Removes the mask from its payload.
    pub fn unmask(&self, bytes: &mut [u8]) {
        if let Some(mask) = self.mask {
            for (byte, key) in bytes[self.start..self.end]
                .iter_mut()
                .zip(mask.iter().cycle())
            {
                *byte ^= key;
            }
        }
    }
}

/// Appends a frame as a server sends it.
pub fn push(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    push_head(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

/// Appends a frame as a client sends it. Its mask is zero, which costs this side nothing; servers apply
/// it as they would any other.
pub fn push_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    push_head(out, opcode, payload.len(), 0x80);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

fn push_head(out: &mut Vec<u8>, opcode: u8, length: usize, masked: u8) {
    out.push(0x80 | opcode);
    match length {
        0..=125 => out.push(masked | length as u8),
        126..=0xffff => {
            out.push(masked | LENGTH_OF_16_BITS);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | LENGTH_OF_64_BITS);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_frames_of_every_length_class_and_waits_for_the_last_byte() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            for write in [push, push_masked] {
                let mut bytes = Vec::new();
                write(&mut bytes, TEXT, &payload);
                let frame = Frame::parse(&bytes).unwrap();
                assert_eq!(frame.opcode, TEXT);
                assert_eq!(frame.payload(&bytes), payload);
                assert_eq!(frame.end, bytes.len());
                bytes.pop();
                assert_eq!(Frame::parse(&bytes), None);
            }
        }
    }

    #[test]
    fn removes_the_mask() {
        // The masked "Hello" of RFC 6455, section 5.7.
        let mut bytes = vec![
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];
        let frame = Frame::parse(&bytes).unwrap();
        frame.unmask(&mut bytes);
        assert_eq!(frame.payload(&bytes), b"Hello");
    }
}
