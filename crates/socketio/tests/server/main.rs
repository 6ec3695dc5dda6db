//! The server over real sockets, with raw Socket.IO clients.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod acks;
mod advisories;
mod bundle;
mod churn;
mod connect;
mod deflate;
mod ends;
mod events;
mod handshake;
mod heartbeat;
mod limits;
mod msgpack;
mod polling;
mod reasons;
mod recovery;
mod rooms;
mod shutdown;
mod support;
mod upgrade;
mod writes;
