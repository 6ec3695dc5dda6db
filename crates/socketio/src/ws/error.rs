//! Why a WebSocket connection has to be failed.

/// What a client did wrong. The connection cannot go on after any of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WsError {
    #[error("frame is not masked")]
    Unmasked,
    #[error("reserved bit is set")]
    ReservedBit,
    #[error("reserved opcode")]
    ReservedOpcode,
    #[error("control frame is fragmented or longer than 125 bytes")]
    Control,
    #[error("length is not encoded as the protocol demands")]
    Length,
    #[error("fragment without a message, or message inside another")]
    Sequence,
    #[error("illegal payload of a close frame")]
    Close,
    #[error("text is not UTF-8")]
    Utf8,
    #[error("compressed data is damaged")]
    Compression,
    #[error("message is too big")]
    TooBig,
}

impl WsError {
    /// Status code for the close frame that answers the mistake (RFC 6455 §7.4.1).
    pub(crate) fn close_code(self) -> u16 {
        match self {
            Self::Unmasked
            | Self::ReservedBit
            | Self::ReservedOpcode
            | Self::Control
            | Self::Length
            | Self::Sequence
            | Self::Close => 1002,
            Self::Utf8 | Self::Compression => 1007,
            Self::TooBig => 1009,
        }
    }
}
