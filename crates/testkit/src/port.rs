//! Finding a port to listen on.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result};
use rand::Rng as _;

/// Below the range that Linux takes outgoing connections' ports from (32768 up). A client that keeps
/// trying a stopped server on a port within it can connect to itself, and then the server cannot
/// come back on that port.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// A port of 127.0.0.1 that nobody listens on now. Somebody else may take it before the caller
/// does, so whoever starts a server on it tries again with another one.
pub(crate) fn free() -> Result<u16> {
    (0..200)
        .map(|_| rand::rng().random_range(RANGE))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("found no free port on 127.0.0.1")
}
