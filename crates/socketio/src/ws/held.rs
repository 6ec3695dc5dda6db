//! Bytes of the wire which the caller of the decoder gave back.

/// Bytes that are to be decoded before any others.
#[derive(Debug, Default)]
pub(super) struct Held {
    bytes: Vec<u8>,
    /// How many of them were decoded since.
    done: usize,
}

impl Held {
    /// Puts more bytes behind those that are left.
    pub(super) fn append(&mut self, more: &[u8]) {
        // Only once half is done: each byte is then moved once on average, however often a caller
        // takes one message and gives the rest back.
        if self.done > self.bytes.len() / 2 {
            self.bytes.drain(..self.done);
            self.done = 0;
        }
        self.bytes.extend_from_slice(more);
    }

    /// What is left.
    pub(super) fn rest(&mut self) -> &mut [u8] {
        &mut self.bytes[self.done..]
    }

    /// Counts all as decoded but the last `left` bytes.
    pub(super) fn leave(&mut self, left: usize) {
        self.done = self.bytes.len() - left;
    }
}
