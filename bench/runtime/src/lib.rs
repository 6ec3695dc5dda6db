//! What the load generator and the servers of this package share.

pub mod server;
pub mod ws;
