//! How often a user may call.

use std::collections::BTreeMap;

use super::section;
use crate::key::{derived, unset, value};
use crate::values::{Rate, choice};

choice! {
    /// A column of the table of rate limits.
    pub enum Preset {
        /// For chat among people.
        Standard = "standard",
        /// For the public.
        Strict = "strict",
        /// For buyers and sellers.
        Marketplace = "marketplace",
    }
}

section! {
    /// How often a user may call, over all nodes and devices. Each event has its own bucket, and the
    /// whole bucket may be used at once.
    pub struct RateLimits at "rate_limits", "rate_limits." {
        /// The set of rates to begin with.
        preset: Preset = derived(
            "as `profile`",
            |reader| match reader.text("profile") {
                Some("strict") => "strict",
                Some("marketplace") => "marketplace",
                _ => "standard",
            },
        ).reloadable();
        /// Rate of every call that the preset and `rate_limits.events` do not name, in place of the
        /// preset's.
        default: Option<Rate> = unset().reloadable();
        /// Rates of single events, in place of the preset's:
        /// `events = { "message:send" = "100/1m" }`.
        events: BTreeMap<String, Rate> = value("{}").reloadable();
    }
}
