#![doc = include_str!("../README.md")]

mod ack;
mod addresses;
mod application;
mod bundle;
mod compression;
mod driver;
mod engine;
mod flusher;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod ids;
mod io;
pub mod listen;
mod options;
mod pace;
mod packet;
mod recovery;
mod registry;
mod rooms;
mod server;
mod session;
mod socket;
mod wheel;
mod wire;
mod ws;

pub use ack::{Ack, AckError, Answer};
pub use addresses::network_of;
pub use application::{
    Application, DisconnectReason, Event, Handshake, Protocol, Refusal, Transport, Turn,
};
pub use bundle::ClientBundle;
pub use engine::{EngineConnection, EngineMessage};
pub use http::{session_id, wants_websocket};
pub use ids::SocketId;
pub use io::{ConnectionCount, Io};
pub use options::{Cookie, Options};
pub use pace::Pace;
pub use packet::{Packet, PacketError, attachment};
pub use recovery::{Recovery, RestoreError};
pub use server::{RemoteAddr, Server, SocketIoService};
pub use socket::{SendError, Socket};

/// A lock whose data stays consistent even if a holder panicked: sections here are short and only
/// move values, so a poisoned lock carries no half-made change.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
