//! Nodes in one process, with real sockets on a real store: what clients see of them.

#![expect(clippy::unwrap_used, reason = "everything in this file is a test")]

mod arriving;
mod dialects;
mod door;
mod draining;
mod entering;
mod limits;
mod membership;
mod noisy;
mod ordering;
mod presence;
mod receipts;
mod rooms;
mod storm;
mod subscribing;
mod support;
mod tokens;
mod typing;
mod unread;
mod watching;
mod without_hub;
mod without_store;
