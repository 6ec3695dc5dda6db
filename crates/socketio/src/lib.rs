#![doc = include_str!("../README.md")]

mod ack;
mod application;
mod codec;
mod connection;
mod engine;
mod io;
pub mod listen;
mod options;
mod packet;
mod registry;
mod rooms;
mod server;
mod socket;
mod socket_id;
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        unused_imports,
        reason = "the codecs of the old runtime are still in use"
    )
)]
mod wire;
mod worker;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the engine still brings its own WebSocket")
)]
mod ws;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

pub use ack::Ack;
pub use application::{
    Application, DisconnectReason, Event, Handshake, Protocol, Refusal, Transport,
};
pub use io::{ConnectionCount, Io};
pub use options::Options;
pub use packet::{Packet, PacketError};
pub use server::{RemoteAddr, Server, SocketIoService};
pub use socket::{SendError, Socket};
pub use socket_id::SocketId;

/// A lock whose data stays consistent even if a holder panicked: sections here are short and only
/// move values, so a poisoned lock carries no half-made change.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
