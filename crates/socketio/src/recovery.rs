//! Connection state recovery: what an application hands back to a client that returns.
//!
//! A client that was told a `pid` sends `{pid, offset}` with its next CONNECT, where `offset` is the
//! last string that ended an event (Socket.IO's documentation, "Connection state recovery"). What
//! they mean is the application's: it keeps the session and the missed events.

use crate::{Packet, SocketId};

/// A former session.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// The socket's id of then.
    pub id: SocketId,
    /// The secret under which it was asked for; the same one means "recovered" to the client.
    pub pid: String,
    /// Rooms to be in again.
    pub rooms: Vec<String>,
    /// What it missed, in order.
    pub replay: Vec<Packet>,
}

/// Why a socket cannot be given a former session or a `pid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// Its CONNECT packet has been answered, or it is gone.
    #[error("socket is not connecting")]
    NotConnecting,
    /// It has an id, because something asked for it.
    #[error("socket has an id already")]
    AlreadyNamed,
    /// A packet to replay was encoded for another namespace.
    #[error("packet belongs to another namespace")]
    WrongNamespace,
}
