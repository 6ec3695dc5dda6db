//! Rates of token buckets.

use std::time::Duration;

/// A token bucket: holds `burst` tokens, and gets as many back, evenly, in every `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tokens in a full bucket; at least 1.
    pub burst: u32,
    /// Time in which an empty bucket fills; at least a millisecond.
    pub per: Duration,
}

impl Rate {
    /// `burst` calls in every `per`.
    pub const fn new(burst: u32, per: Duration) -> Self {
        Self { burst, per }
    }
}
