//! A light Socket.IO 5 client over WebSocket. It shares no code with the server, so that a mistake of
//! one is not repeated by the other; what it does is what stock `socket.io-client` 4 does.

mod backoff;
mod connection;
mod packet;
mod socket;

pub(crate) use socket::{Failure, Joined, Signal, Socket, Tokens};
