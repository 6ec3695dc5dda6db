//! What has to hold for any bytes that a client sends.

use super::{WsError, decoder::Decoder, message::Message};

/// Kind and bytes of each message, and how it ended.
type Outcome = (Vec<(u8, Vec<u8>)>, Option<WsError>);

/// Checks that messages are not longer than they may be, and the same however the input is cut.
pub(crate) fn decoder(data: &[u8]) {
    let [limit, options, piece, bytes @ ..] = data else {
        return;
    };
    let limit = usize::from(*limit) * 8;
    let fresh = || Decoder::new(limit).with_inflate(options & 1 != 0);
    let whole = decode(fresh(), &mut [&mut bytes.to_vec()], limit, false);
    let mut copy = bytes.to_vec();
    let pieces: Vec<_> = copy.chunks_mut(usize::from(*piece) + 1).collect();
    let hold = options & 4 != 0;
    let cut = decode(fresh(), &mut { pieces }, limit, hold);
    assert_eq!(whole, cut, "the cut made a difference");
}

/// Decodes pieces one after the other. With `hold`, whatever follows a message is given back.
fn decode<B: AsMut<[u8]>>(
    mut decoder: Decoder,
    pieces: &mut [B],
    limit: usize,
    hold: bool,
) -> Outcome {
    let mut messages = Vec::new();
    for piece in pieces {
        let mut input = piece.as_mut();
        loop {
            match decoder.next(&mut input, |message| owned(message, limit)) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
            if hold {
                decoder.hold(input);
                input = &mut [];
            }
        }
        assert!(input.is_empty() && !decoder.has_held(), "bytes were left");
    }
    (messages, None)
}

fn owned(message: Message<'_>, limit: usize) -> (u8, Vec<u8>) {
    let (kind, bytes, most) = match message {
        Message::Text(text) => (1, text.as_bytes().to_vec(), limit),
        Message::Binary(bytes) => (2, bytes.to_vec(), limit),
        Message::Ping(bytes) => (9, bytes.to_vec(), 125),
        Message::Pong => (10, Vec::new(), 0),
        Message::Close(code) => (8, code.unwrap_or(0).to_be_bytes().to_vec(), 2),
    };
    assert!(bytes.len() <= most, "{} of {most} bytes", bytes.len());
    (kind, bytes)
}
