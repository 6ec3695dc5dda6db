//! Nanoseconds since this process started, which payloads carry.

use std::{sync::OnceLock, time::Instant};

static START: OnceLock<Instant> = OnceLock::new();

/// Sets the zero.
pub(crate) fn start() {
    START.get_or_init(Instant::now);
}

/// Nanoseconds since [`start`].
#[inline]
pub(crate) fn now() -> u64 {
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}
