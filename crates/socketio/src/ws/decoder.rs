//! From the bytes of one client to its messages (RFC 6455 §5 and §6.2).

#![expect(
    clippy::mut_mut,
    reason = "bytes are unmasked in place, and what was taken moves the start of the slice"
)]

use std::mem;

use super::{
    WsError,
    frame::{self, Header, MAX_CLIENT_HEADER, Opcode},
    held::Held,
    message::{Data, Message, close_code},
};

/// Decodes what one client sends.
///
/// Without unfinished business it owns nothing on the heap. After an error or a close it is of no
/// further use: the error comes again, what follows a close is dropped (RFC 6455 §5.5.1).
#[derive(Debug)]
pub(crate) struct Decoder {
    /// Earlier fragments of the message, then the part of the current frame that is here.
    buffer: Vec<u8>,
    /// How much of `buffer` is earlier fragments.
    assembled: usize,
    max_message: usize,
    held: Option<Box<Held>>,
    state: State,
    /// The message whose last frame has not come yet.
    message: Option<Data>,
    inflate: bool,
}

/// Where the next byte belongs.
#[derive(Debug, Clone, Copy)]
enum State {
    /// To a header, of which `len` bytes are here.
    Header {
        bytes: [u8; MAX_CLIENT_HEADER],
        len: u8,
    },
    Payload(Frame),
    /// Nowhere: the client said that it will send no more.
    Closed,
    Failed(WsError),
}

/// Between two frames.
const START: State = State::Header {
    bytes: [0; MAX_CLIENT_HEADER],
    len: 0,
};

/// A frame whose header was read.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// How many bytes of its payload have not come yet.
    missing: usize,
    /// As it applies to the next of them.
    mask: [u8; 4],
    fin: bool,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Data(Data),
    Ping,
    Pong,
    Close,
}

/// A message or control frame that is complete.
#[derive(Clone, Copy)]
struct Complete<'a> {
    kind: Kind,
    /// Its unmasked payload; `None` if it is in the buffer.
    payload: Option<&'a [u8]>,
}

impl Decoder {
    /// A decoder for messages of up to `max_message` bytes.
    pub(crate) fn new(max_message: usize) -> Self {
        Self {
            buffer: Vec::new(),
            assembled: 0,
            max_message,
            held: None,
            state: START,
            message: None,
            inflate: false,
        }
    }

    /// Whether messages may be compressed, because that was agreed on in the handshake. Then
    /// `max_message` bounds what is handed out; the compressed form may be a little longer, since
    /// that of random bytes is.
    pub(crate) fn with_inflate(mut self, agreed: bool) -> Self {
        self.inflate = agreed;
        self
    }

    /// Takes from the front of `input` up to the end of the next whole message, which it hands to
    /// `take`. Held bytes come before those of `input`. The bytes are unmasked in place; those
    /// behind the message stay as they are. `None`: all of `input` was taken, more is needed.
    pub(crate) fn next<R>(
        &mut self,
        input: &mut &mut [u8],
        take: impl FnOnce(Message<'_>) -> R,
    ) -> Result<Option<R>, WsError> {
        let result = self.next_or_error(input, take);
        if let Err(error) = result {
            self.fail(error);
        }
        result
    }

    /// Keeps bytes which the caller cannot process now: [`next`](Self::next) sees them first.
    pub(crate) fn hold(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            return;
        }
        self.held.get_or_insert_default().append(rest);
    }

    /// Whether there are held bytes, so that `next` may have a message without new input.
    pub(crate) fn has_held(&self) -> bool {
        self.held.is_some()
    }

    fn next_or_error<R>(
        &mut self,
        input: &mut &mut [u8],
        take: impl FnOnce(Message<'_>) -> R,
    ) -> Result<Option<R>, WsError> {
        if let Some(mut held) = self.held.take() {
            let mut rest = held.rest();
            let complete = self.advance(&mut rest)?;
            let left = rest.len();
            if let Some(complete) = complete {
                let taken = self.deliver(complete, take)?;
                if left > 0 {
                    held.leave(left);
                    self.held = Some(held);
                }
                return Ok(Some(taken));
            }
        }
        match self.advance(input)? {
            Some(complete) => self.deliver(complete, take).map(Some),
            None => Ok(None),
        }
    }

    fn fail(&mut self, error: WsError) {
        self.state = State::Failed(error);
        self.buffer = Vec::new();
        self.held = None;
    }

    /// Reads frames until one of them completes something.
    fn advance<'a>(&mut self, input: &mut &'a mut [u8]) -> Result<Option<Complete<'a>>, WsError> {
        loop {
            let frame = match self.state {
                State::Header { bytes, len } => match self.read_header(bytes, len, input)? {
                    Some(header) => self.begin(header)?,
                    None => return Ok(None),
                },
                State::Payload(frame) => frame,
                State::Closed => {
                    *input = &mut [];
                    return Ok(None);
                }
                State::Failed(error) => return Err(error),
            };
            let Some(payload) = self.read_payload(frame, input) else {
                return Ok(None);
            };
            if let Some(complete) = self.end(frame, payload) {
                return Ok(Some(complete));
            }
        }
    }

    /// The next header, after which `input` is at its payload; or `None` and the bytes are kept.
    fn read_header(
        &mut self,
        mut bytes: [u8; MAX_CLIENT_HEADER],
        len: u8,
        input: &mut &mut [u8],
    ) -> Result<Option<Header>, WsError> {
        let had = usize::from(len);
        if had == 0
            && let Some((header, size)) = Header::parse(input)?
        {
            split_front(input, size);
            return Ok(Some(header));
        }
        let fresh = input.len().min(MAX_CLIENT_HEADER - had);
        let have = had + fresh;
        bytes[had..have].copy_from_slice(&input[..fresh]);
        if let Some((header, size)) = Header::parse(&bytes[..have])? {
            split_front(input, size - had);
            return Ok(Some(header));
        }
        split_front(input, fresh);
        self.state = State::Header {
            bytes,
            len: have as u8,
        };
        Ok(None)
    }

    /// Checks a header against the frames before it and against the limit.
    fn begin(&mut self, header: Header) -> Result<Frame, WsError> {
        let starts_message = matches!(header.opcode, Opcode::Text | Opcode::Binary);
        // RFC 7692 §6: the bit is that of the message, set on its first frame only.
        if header.rsv1 && !(self.inflate && starts_message) {
            return Err(WsError::ReservedBit);
        }
        let kind = match header.opcode {
            Opcode::Ping => Kind::Ping,
            Opcode::Pong => Kind::Pong,
            Opcode::Close => Kind::Close,
            Opcode::Continuation => Kind::Data(self.message.ok_or(WsError::Sequence)?),
            Opcode::Text | Opcode::Binary if self.message.is_some() => {
                return Err(WsError::Sequence);
            }
            Opcode::Text | Opcode::Binary => Kind::Data(Data {
                text: header.opcode == Opcode::Text,
                compressed: header.rsv1,
            }),
        };
        if let Kind::Data(data) = kind {
            let limit = data
                .wire_limit(self.max_message)
                .saturating_sub(self.assembled);
            if header.payload_len > limit as u64 {
                return Err(WsError::TooBig);
            }
            self.message = Some(data);
        }
        Ok(Frame {
            missing: header.payload_len as usize,
            mask: header.mask,
            fin: header.fin,
            kind,
        })
    }

    /// The last part of the frame's payload; `None` if it is not here yet.
    fn read_payload<'a>(
        &mut self,
        mut frame: Frame,
        input: &mut &'a mut [u8],
    ) -> Option<&'a mut [u8]> {
        let part = split_front(input, frame.missing.min(input.len()));
        frame.mask = frame::unmask(part, frame.mask);
        if part.len() == frame.missing {
            self.state = START;
            return Some(part);
        }
        self.keep(part, frame);
        frame.missing -= part.len();
        self.state = State::Payload(frame);
        None
    }

    /// What a frame completes, given the last part of its payload.
    fn end<'a>(&mut self, frame: Frame, part: &'a [u8]) -> Option<Complete<'a>> {
        let is_data = matches!(frame.kind, Kind::Data(_));
        let earlier = if is_data { 0 } else { self.assembled };
        if frame.fin && self.buffer.len() == earlier {
            return Some(Complete {
                kind: frame.kind,
                payload: Some(part),
            });
        }
        self.keep(part, frame);
        if !frame.fin {
            self.assembled = self.buffer.len();
            return None;
        }
        Some(Complete {
            kind: frame.kind,
            payload: None,
        })
    }

    /// Appends to the buffer. Its capacity follows what was received, not what was announced.
    fn keep(&mut self, part: &[u8], frame: Frame) {
        let len = self.buffer.len();
        if frame.fin && matches!(frame.kind, Kind::Data(_)) {
            // The end is known: growing beyond it would be waste. For other frames that would cost
            // square time, since each of many small ones would grow the buffer to its own end.
            let needed = len + part.len();
            let capacity = self.buffer.capacity();
            if needed > capacity {
                let target = (len + frame.missing).min(capacity.saturating_mul(2));
                self.buffer.reserve_exact(target.max(needed) - len);
            }
        }
        self.buffer.extend_from_slice(part);
    }

    fn deliver<R>(
        &mut self,
        complete: Complete<'_>,
        take: impl FnOnce(Message<'_>) -> R,
    ) -> Result<R, WsError> {
        if let Kind::Data(data) = complete.kind {
            self.message = None;
            self.assembled = 0;
            let buffer = mem::take(&mut self.buffer);
            let payload = complete.payload.unwrap_or(&buffer);
            return data.read(payload, self.max_message, take);
        }
        let payload = complete
            .payload
            .unwrap_or_else(|| &self.buffer[self.assembled..]);
        let taken = match complete.kind {
            Kind::Ping => take(Message::Ping(payload)),
            Kind::Close => take(Message::Close(close_code(payload)?)),
            Kind::Pong | Kind::Data(_) => take(Message::Pong),
        };
        self.buffer.truncate(self.assembled);
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
        if matches!(complete.kind, Kind::Close) {
            self.state = State::Closed;
            self.buffer = Vec::new();
        }
        Ok(taken)
    }
}

/// Cuts `len` bytes off the front of `input`.
fn split_front<'a>(input: &mut &'a mut [u8], len: usize) -> &'a mut [u8] {
    let (front, rest) = mem::take(input).split_at_mut(len);
    *input = rest;
    front
}

#[cfg(test)]
impl Decoder {
    /// Capacity of the buffer, in bytes.
    pub(super) fn buffered(&self) -> usize {
        self.buffer.capacity()
    }
}
