//! Payloads of permessage-deflate (RFC 7692 §7.2).
//!
//! Neither side keeps its window from one message to the next. So a connection needs no memory for
//! compression, and a broadcast is compressed once for all of its receivers.

use std::{cell::Cell, ops::Range};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::WsError;

/// What every flushed message ends with; it is not sent (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// The fastest: about 3 µs for a message of 2 kB. The next level makes it a quarter smaller and
/// takes three times as long.
const LEVEL: u32 = 1;

/// Output space that a thread keeps for its next message, in bytes.
const KEPT: usize = 64 * 1024;

/// The compressed form of a message, for one frame marked as such; `None` if it is not smaller.
pub(crate) fn compress(payload: &[u8]) -> Option<Vec<u8>> {
    thread_local! {
        static DEFLATER: Cell<Option<Box<Deflater>>> = const { Cell::new(None) };
    }
    let mut deflater = DEFLATER.take().unwrap_or_default();
    let compressed = deflater.run(payload).map(<[u8]>::to_vec);
    deflater.out.truncate(KEPT);
    deflater.out.shrink_to(KEPT);
    DEFLATER.set(Some(deflater));
    compressed
}

struct Deflater {
    stream: Compress,
    out: Vec<u8>,
}

impl Default for Deflater {
    fn default() -> Self {
        Self {
            stream: Compress::new(Compression::new(LEVEL), false),
            out: Vec::new(),
        }
    }
}

impl Deflater {
    fn run(&mut self, payload: &[u8]) -> Option<&[u8]> {
        // Smaller by one byte, with the tail and one byte to see that nothing more was to come.
        let room = payload.len() + TAIL.len();
        if self.out.len() < room {
            self.out.resize(room, 0);
        }
        self.stream.reset();
        self.stream
            .compress(payload, &mut self.out[..room], FlushCompress::Sync)
            .ok()?;
        let (read, written) = (self.stream.total_in(), self.stream.total_out() as usize);
        if read < payload.len() as u64 || written == room {
            return None;
        }
        self.out[..written].strip_suffix(&TAIL)
    }
}

/// Hands the plain form of a compressed message to `take`.
///
/// Fails if it has more than `max` bytes; no more are ever unpacked.
pub(super) fn inflate<R>(
    payload: &[u8],
    max: usize,
    take: impl FnOnce(&[u8]) -> R,
) -> Result<R, WsError> {
    // Taken out while in use, so that `take` may decode another message.
    thread_local! {
        static INFLATER: Cell<Option<Box<Inflater>>> = const { Cell::new(None) };
    }
    let mut inflater = INFLATER.take().unwrap_or_default();
    let taken = inflater
        .run(payload, max)
        .map(|len| take(&inflater.out[..len]));
    inflater.out.truncate(KEPT);
    inflater.out.shrink_to(KEPT);
    INFLATER.set(Some(inflater));
    taken
}

/// What a thread inflates with.
pub(super) struct Inflater {
    stream: Decompress,
    out: Vec<u8>,
}

impl Default for Inflater {
    fn default() -> Self {
        Self {
            stream: Decompress::new(false),
            out: Vec::new(),
        }
    }
}

impl Inflater {
    /// Unpacks into `out` and returns how many bytes of it are the message.
    pub(super) fn run(&mut self, payload: &[u8], max: usize) -> Result<usize, WsError> {
        self.stream.reset(false);
        let (ended, written) = self.feed(payload, 0, max)?;
        if ended {
            return Ok(written);
        }
        match self.feed(&TAIL, written, max)? {
            (false, written) => Ok(written),
            (true, _) => Err(WsError::Compression),
        }
    }

    /// Unpacks `input` behind the first `written` bytes. Returns whether that ended the stream, and
    /// how many bytes are written now.
    fn feed(
        &mut self,
        mut input: &[u8],
        mut written: usize,
        max: usize,
    ) -> Result<(bool, usize), WsError> {
        loop {
            let end = self.make_room(written, max);
            let (read, wrote, status) = self.step(input, written..end)?;
            input = &input[read..];
            written += wrote;
            if written > max {
                return Err(WsError::TooBig);
            }
            if status == Status::StreamEnd {
                // After a final block there is at most the byte that RFC 7692 §7.2.3.4 adds.
                return match input {
                    [] | [0] => Ok((true, written)),
                    _ => Err(WsError::Compression),
                };
            }
            if written < end {
                if input.is_empty() {
                    return Ok((false, written));
                }
                if read == 0 && wrote == 0 {
                    return Err(WsError::Compression);
                }
            }
        }
    }

    /// One call of the library: bytes read, bytes written, status.
    fn step(
        &mut self,
        input: &[u8],
        room: Range<usize>,
    ) -> Result<(usize, usize, Status), WsError> {
        let before = (self.stream.total_in(), self.stream.total_out());
        let status = self
            .stream
            .decompress(input, &mut self.out[room], FlushDecompress::Sync)
            .map_err(|_| WsError::Compression)?;
        let read = self.stream.total_in() - before.0;
        let wrote = self.stream.total_out() - before.1;
        Ok((read as usize, wrote as usize, status))
    }

    /// Returns where the room behind the first `written` bytes of `out` ends. It is never empty,
    /// and ends at most one byte beyond `max`: that byte shows that a message is too big.
    fn make_room(&mut self, written: usize, max: usize) -> usize {
        let limit = max.saturating_add(1);
        if written == self.out.len() {
            let len = written.saturating_mul(2).max(1024).min(limit);
            self.out.resize(len, 0);
        }
        self.out.len().min(limit)
    }
}

#[cfg(test)]
impl Inflater {
    /// Bytes that the last run unpacked, and those that there is room for.
    pub(super) fn unpacked(&self) -> (u64, usize) {
        (self.stream.total_out(), self.out.len())
    }
}
