//! Events for users who are away.

use std::time::Duration;

use super::section;
use crate::key::value;

section! {
    /// Events of the service API for users who are away: they are kept, sent when the user comes, and
    /// sent again until a device acknowledges them.
    pub struct Queue at "queue", "queue." {
        /// Most events that are kept for one user. When there is one more, the oldest of the lowest
        /// priority goes. (Of their data, 4 MiB are kept.)
        max_events: u32 = value("1000").within("1", "10000").reloadable();
        /// How long an event is kept that does not say so itself.
        ttl: Duration = value("7d").within("1s", "30d").reloadable();
        /// How long after it was sent an event is sent again; each further time it takes twice as
        /// long as before.
        retry_after: Duration = value("2s").within("100ms", "1h").reloadable();
        /// But no longer than this.
        retry_max: Duration = value("5m").within("100ms", "24h").reloadable();
        /// How often an event is sent before it is a dead letter.
        attempts: u32 = value("10").within("1", "30").reloadable();
        /// How long a dead letter is kept.
        dead_letter_ttl: Duration = value("30d").within("1m", "365d").reloadable();
    }
}
