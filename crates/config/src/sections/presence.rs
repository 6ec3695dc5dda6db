//! Who is there.

use std::time::Duration;

use super::section;
use crate::key::value;

section! {
    /// Who is there, and who is typing.
    pub struct Presence at "presence", "presence." {
        /// A user without any socket for this long is `offline`; a reload takes less.
        offline_grace: Duration = value("5s").within("0", "10m");
        /// A device whose client makes no call for this long is `away`; `0` is never.
        idle_after: Duration = value("5m").within("0", "24h");
        /// For how long it is kept when users were there (`presence:history`); `0` is not at all.
        history_retention: Duration = value("90d").within("0", "43800h");
        /// Typing ends by itself after this long.
        typing_ttl: Duration = value("5s").within("1s", "1m");
        /// Changes are gathered for this long into one event.
        batch_window: Duration = value("200ms").within("0", "10s");
    }
}
