//! What the payloads of complete messages and close frames mean.

use super::{WsError, deflate};

/// Something a client sent. It borrows from the input, or from the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    /// To be answered with the same payload, of at most 125 bytes.
    Ping(&'a [u8]),
    Pong,
    /// The last one; with the status code, if there was one.
    Close(Option<u16>),
}

/// How to understand the payload of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Data {
    pub(super) text: bool,
    pub(super) compressed: bool,
}

impl Data {
    /// How many payload bytes the frames of one message may have together.
    pub(super) fn wire_limit(self, max_message: usize) -> usize {
        if self.compressed {
            // What zlib's deflateBound grants to its least economical settings, rounded up.
            let slack = max_message / 8 + 64;
            max_message.saturating_add(slack)
        } else {
            max_message
        }
    }

    /// Hands the message to `take`, inflated to at most `max_message` bytes and checked.
    pub(super) fn read<R>(
        self,
        payload: &[u8],
        max_message: usize,
        take: impl FnOnce(Message<'_>) -> R,
    ) -> Result<R, WsError> {
        let check = |payload: &[u8]| {
            Ok(take(if self.text {
                Message::Text(std::str::from_utf8(payload).map_err(|_| WsError::Utf8)?)
            } else {
                Message::Binary(payload)
            }))
        };
        if self.compressed {
            deflate::inflate(payload, max_message, check)?
        } else {
            check(payload)
        }
    }
}

/// Status code in the payload of a close frame (RFC 6455 §5.5.1).
pub(super) fn close_code(payload: &[u8]) -> Result<Option<u16>, WsError> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [_] => Err(WsError::Close),
            _ => Ok(None),
        };
    };
    let code = u16::from_be_bytes(*code);
    // RFC 6455 §7.4 and the IANA registry: the others are reserved or never sent.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(WsError::Close);
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(WsError::Utf8);
    }
    Ok(Some(code))
}
