//! How a user's presence follows from devices and choice. `redis/presence.lua` says the same in
//! Lua; the conformance suite holds the two together.

use switchboard_protocol::PresenceStatus;

/// The strongest of what devices say of themselves; `None` without devices.
pub(crate) fn strongest(
    devices: impl IntoIterator<Item = PresenceStatus>,
) -> Option<PresenceStatus> {
    devices.into_iter().max()
}

/// What others see after a change. A choice wins while there is a device; without one the user
/// stays as announced, until the grace is over and the change `settles` it.
pub(crate) fn announced(
    before: PresenceStatus,
    choice: Option<PresenceStatus>,
    strongest: Option<PresenceStatus>,
    settles: bool,
) -> PresenceStatus {
    match strongest {
        Some(device) => choice.unwrap_or(device),
        None if settles => PresenceStatus::Offline,
        None => before,
    }
}

/// Whether a change is a sign of life that others may know of: whoever chose to appear offline
/// gives none, and that a grace is over is none.
pub(crate) fn moves_last_seen(
    before: PresenceStatus,
    after: PresenceStatus,
    settles: bool,
) -> bool {
    before != after || (!settles && after != PresenceStatus::Offline)
}

#[cfg(test)]
mod tests {
    use super::*;
    use PresenceStatus::{Away, Busy, Offline, Online};

    #[test]
    fn the_strongest_device_counts() {
        assert_eq!(strongest([Away, Online, Away]), Some(Online));
        assert_eq!(strongest([Away]), Some(Away));
        assert_eq!(strongest([]), None);
    }

    #[test]
    fn a_choice_wins_while_there_is_a_device() {
        assert_eq!(announced(Online, Some(Busy), Some(Away), false), Busy);
        assert_eq!(
            announced(Online, Some(Offline), Some(Online), true),
            Offline
        );
        assert_eq!(announced(Busy, Some(Busy), None, true), Offline);
    }

    #[test]
    fn without_devices_nothing_changes_until_it_is_settled() {
        assert_eq!(announced(Online, None, None, false), Online);
        assert_eq!(announced(Online, None, None, true), Offline);
    }

    #[test]
    fn somebody_who_appears_offline_gives_no_sign_of_life() {
        assert!(!moves_last_seen(Offline, Offline, false));
        assert!(moves_last_seen(Online, Offline, false));
        assert!(moves_last_seen(Online, Online, false));
        assert!(!moves_last_seen(Online, Online, true));
    }
}
