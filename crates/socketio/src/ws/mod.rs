//! Server side of WebSocket (RFC 6455) with permessage-deflate (RFC 7692), without any I/O: bytes
//! in, messages out, and the other way round.

pub(crate) mod decoder;
pub(crate) mod deflate;
mod error;
mod extension;
pub(crate) mod frame;
pub(crate) mod handshake;
mod held;
pub(crate) mod message;

pub(crate) use decoder::Decoder;
pub(crate) use deflate::compress;
pub(crate) use error::WsError;
pub(crate) use frame::{Opcode, close_frame, header, pong_frame};
pub(crate) use handshake::{HandshakeError, check};
pub(crate) use message::Message;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;

#[cfg(test)]
mod client;
#[cfg(test)]
mod decoder_tests;
#[cfg(test)]
mod deflate_tests;
#[cfg(test)]
mod extension_tests;
#[cfg(test)]
mod handshake_tests;
#[cfg(test)]
mod interop_tests;
