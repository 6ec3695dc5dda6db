//! What a node knows of its own devices, whatever the shared memory forgot.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use switchboard_messaging::hub::{Device, Headcount, PresenceChange, PresenceOutcome, Roster};
use switchboard_protocol::{OrganizationId, Presence, PresenceStatus, Timestamp, UserId};

use crate::presence::{announced, moves_last_seen, strongest};

/// A user of an organization.
pub(crate) type Who = (OrganizationId, UserId);

/// What is kept of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) status: PresenceStatus,
    pub(crate) name: Option<String>,
}

impl From<&Device> for Kept {
    fn from(device: &Device) -> Self {
        Self {
            status: device.status,
            name: device.name.clone(),
        }
    }
}

/// How many devices these sockets are: those of one name are one.
pub(crate) fn count_devices<'a>(kept: impl IntoIterator<Item = &'a Kept>) -> u64 {
    let (mut named, mut nameless) = (BTreeSet::new(), 0);
    for one in kept {
        match &one.name {
            Some(name) => drop(named.insert(name)),
            None => nameless += 1,
        }
    }
    named.len() as u64 + nameless
}

/// Devices by socket. Nearly everybody has one, for which a map of std would take room for eleven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Devices(Vec<(String, Kept)>);

impl Devices {
    /// A socket's device from here on.
    fn set(&mut self, socket: &str, kept: Kept) {
        match self.place(socket) {
            Ok(at) => self.0[at].1 = kept,
            Err(at) => {
                self.0.reserve_exact(1);
                self.0.insert(at, (socket.to_owned(), kept));
            }
        }
    }

    fn remove(&mut self, socket: &str) {
        if let Ok(at) = self.place(socket) {
            self.0.remove(at);
        }
    }

    /// Where a socket's is, or should be: they are in the order of sockets.
    fn place(&self, socket: &str) -> Result<usize, usize> {
        self.0
            .binary_search_by(|(other, _)| other.as_str().cmp(socket))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Kept)> {
        self.0.iter().map(|(socket, kept)| (socket.as_str(), kept))
    }

    fn values(&self) -> impl Iterator<Item = &Kept> {
        self.0.iter().map(|(_, kept)| kept)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Devices {
    type Item = (String, Kept);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The devices of one user on this node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) devices: Devices,
    /// The last time that any of them was heard of.
    pub(crate) at: Timestamp,
}

/// The devices of all users on this node, and whose could not be told to the shared memory.
#[derive(Debug, Default)]
pub(crate) struct OwnDevices(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    users: HashMap<Who, User>,
    untold: HashMap<Who, Untold>,
}

#[derive(Debug, Default)]
struct User {
    own: Own,
    /// `None` when the shared memory was never away or asked; in process it never is.
    seen: Option<Seen>,
}

/// What others see of a user and what the user chose, as far as this node heard: from the shared
/// memory, and while that is away from itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) status: PresenceStatus,
    pub(crate) custom: Option<String>,
    pub(crate) choice: Option<PresenceStatus>,
    pub(crate) last: Option<Timestamp>,
}

impl Seen {
    /// Of somebody who was never heard of.
    const NOTHING: Self = Self {
        status: PresenceStatus::Offline,
        custom: None,
        choice: None,
        last: None,
    };

    pub(crate) fn new(presence: &Presence, choice: Option<PresenceStatus>) -> Self {
        Self {
            status: presence.status,
            custom: presence.custom_status.clone(),
            choice,
            last: presence.last_seen_at,
        }
    }

    /// Whether others would notice the difference.
    pub(crate) fn differs_from(&self, other: &Self) -> bool {
        self.status != other.status || self.custom != other.custom
    }

    fn presence(&self, user: &UserId) -> Presence {
        Presence {
            user_id: user.clone(),
            status: self.status,
            custom_status: self.custom.clone(),
            last_seen_at: self.last,
        }
    }
}

/// What a user chose.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) status: Option<PresenceStatus>,
    pub(crate) custom_status: Option<Option<String>>,
    pub(crate) at: Timestamp,
}

/// What the shared memory did not hear of a user, beside the devices.
#[derive(Clone, Debug, Default)]
pub(crate) struct Untold {
    /// Whether the grace was over.
    pub(crate) settles: bool,
    /// When the last change was that it did not hear of.
    pub(crate) at: Timestamp,
    /// What the user chose meanwhile.
    pub(crate) choice: Option<Choice>,
    /// What others saw when it began, should anything have been decided without it.
    pub(crate) before: Option<Seen>,
}

impl Untold {
    fn of(change: &PresenceChange, at: Timestamp, before: Seen) -> Self {
        let choice = match change {
            PresenceChange::Choose {
                status,
                custom_status,
            } => Some(Choice {
                status: *status,
                custom_status: custom_status.clone(),
                at,
            }),
            _ => None,
        };
        Self {
            settles: matches!(change, PresenceChange::Settle),
            at,
            choice,
            before: Some(before),
        }
    }

    /// Puts two together, whichever came first.
    fn add(&mut self, other: Self) {
        let (earlier, later) = if self.at <= other.at {
            (std::mem::take(self), other)
        } else {
            (other, std::mem::take(self))
        };
        *self = Self {
            settles: earlier.settles || later.settles,
            at: later.at,
            choice: match (earlier.choice, later.choice) {
                (Some(earlier), Some(mut later)) => {
                    later.custom_status = later.custom_status.or(earlier.custom_status);
                    Some(later)
                }
                (earlier, later) => later.or(earlier),
            },
            before: earlier.before.or(later.before),
        };
    }
}

impl User {
    /// What others see after a change, if only this node's devices count.
    fn decide(&self, before: Seen, change: &PresenceChange, at: Timestamp) -> Seen {
        let was = before.status;
        let mut seen = before;
        if let PresenceChange::Choose {
            status,
            custom_status,
        } = change
        {
            seen.choice = *status;
            seen.custom = custom_status.clone().unwrap_or(seen.custom);
        }
        let settles = matches!(change, PresenceChange::Settle);
        let strongest = strongest(self.own.devices.values().map(|kept| kept.status));
        seen.status = announced(was, seen.choice, strongest, settles);
        if moves_last_seen(was, seen.status, settles) {
            seen.last = seen.last.max(Some(at));
        }
        seen
    }
}

impl OwnDevices {
    /// Which of these users have a device on this node.
    pub(crate) fn are_there(&self, organization: &OrganizationId, users: &[UserId]) -> Vec<bool> {
        let inner = self.lock();
        let has_device = |user: &UserId| {
            let who = (organization.clone(), user.clone());
            let known = inner.users.get(&who);
            known.is_some_and(|user| !user.own.devices.is_empty())
        };
        users.iter().map(has_device).collect()
    }

    /// Notes a change, before the shared memory hears of it.
    pub(crate) fn note(&self, who: &Who, change: &PresenceChange, at: Timestamp) {
        let mut inner = self.lock();
        match change {
            PresenceChange::Device(device) => {
                let own = &mut inner.users.entry(who.clone()).or_default().own;
                own.devices.set(&device.socket, device.into());
                own.at = at;
            }
            PresenceChange::Gone { socket } => {
                if let Some(user) = inner.users.get_mut(who) {
                    user.own.devices.remove(socket);
                    user.own.at = at;
                    if user.own.devices.is_empty() && user.seen.is_none() {
                        inner.users.remove(who);
                    }
                }
            }
            PresenceChange::Settle | PresenceChange::Choose { .. } => {}
        }
    }

    /// Decides about a change that was noted, without the shared memory, and remembers that it did
    /// not hear of it.
    pub(crate) fn decide_alone(
        &self,
        who: &Who,
        change: &PresenceChange,
        at: Timestamp,
    ) -> PresenceOutcome {
        let inner = &mut *self.lock();
        let user = inner.users.entry(who.clone()).or_default();
        let before = user.seen.clone().unwrap_or(Seen::NOTHING);
        let untold = Untold::of(change, at, before.clone());
        inner.untold.entry(who.clone()).or_default().add(untold);

        let seen = user.decide(before.clone(), change, at);
        let outcome = PresenceOutcome {
            presence: seen.presence(&who.1),
            changed: seen.differs_from(&before),
            devices: user.own.devices.len() as u32,
            degraded: true,
        };
        user.seen = Some(seen);
        outcome
    }

    /// Hears what the shared memory says of a user, who has so many devices on all nodes; `true`
    /// when this node had it differently.
    pub(crate) fn heard(&self, who: &Who, seen: Seen, devices: u32) -> bool {
        let inner = &mut *self.lock();
        let known = inner.users.get(who);
        let differs = known
            .and_then(|user| user.seen.as_ref())
            .is_some_and(|known| known.differs_from(&seen));
        let has_devices = known.is_some_and(|user| !user.own.devices.is_empty());
        let is_to_settle = devices == 0 && seen.status != PresenceStatus::Offline;
        if has_devices || is_to_settle {
            inner.users.entry(who.clone()).or_default().seen = Some(seen);
        } else {
            inner.users.remove(who);
        }
        differs
    }

    /// The presence of these users as far as this node knows.
    pub(crate) fn presence_alone(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> Vec<Presence> {
        let inner = self.lock();
        let presence = |user: &UserId| {
            let known = inner.users.get(&(organization.clone(), user.clone()));
            let seen = known.and_then(|known| known.seen.as_ref());
            seen.map_or_else(
                || Presence::unknown(user.clone()),
                |seen| seen.presence(user),
            )
        };
        users.iter().map(presence).collect()
    }

    /// Those of an organization who are there, as far as this node knows. It looks at all of its users.
    pub(crate) fn roster_alone(
        &self,
        organization: &OrganizationId,
        after: Option<&UserId>,
        limit: usize,
    ) -> Roster {
        let inner = self.lock();
        let there = |status: PresenceStatus| status != PresenceStatus::Offline;
        let all = inner.users.iter().filter_map(|((of, user), known)| {
            let seen = known.seen.as_ref().filter(|seen| there(seen.status))?;
            (of == organization).then_some((user, seen))
        });
        let mut all: Vec<_> = all.collect();
        let total = all.len() as u64;
        all.retain(|(user, _)| after.is_none_or(|after| *user > after));
        all.sort_unstable_by_key(|(user, _)| *user);
        let has_more = all.len() > limit;
        all.truncate(limit);
        let last = all.last().map(|(user, _)| (*user).clone());
        Roster {
            presences: all.iter().map(|(user, seen)| seen.presence(user)).collect(),
            next: last.filter(|_| has_more),
            total,
            degraded: true,
        }
    }

    /// How many of an organization are there, as far as this node knows.
    pub(crate) fn headcount_alone(&self, organization: &OrganizationId) -> Headcount {
        let inner = self.lock();
        let mut count = Headcount {
            degraded: true,
            ..Headcount::default()
        };
        for ((of, _), user) in &inner.users {
            if of != organization {
                continue;
            }
            match user.seen.as_ref().map(|seen| seen.status) {
                Some(PresenceStatus::Online) => count.online += 1,
                Some(PresenceStatus::Away) => count.away += 1,
                Some(PresenceStatus::Busy) => count.busy += 1,
                Some(PresenceStatus::Offline) | None => {}
            }
            let choice = user.seen.as_ref().and_then(|seen| seen.choice);
            if choice != Some(PresenceStatus::Offline) {
                count.sockets += user.own.devices.len() as u64;
                count.devices += count_devices(user.own.devices.values());
            }
        }
        count
    }

    /// Marks every user as untold: the shared memory knows nothing of this node any more.
    pub(crate) fn all_untold(&self) {
        let inner = &mut *self.lock();
        let with_devices = inner
            .users
            .iter()
            .filter(|(_, user)| !user.own.devices.is_empty());
        for (who, _) in with_devices {
            inner.untold.entry(who.clone()).or_default();
        }
    }

    /// Those of whom the shared memory did not hear something.
    pub(crate) fn all_due(&self) -> Vec<Who> {
        self.lock().untold.keys().cloned().collect()
    }

    /// Takes what it did not hear of a user.
    pub(crate) fn take_untold(&self, who: &Who) -> Option<Untold> {
        self.lock().untold.remove(who)
    }

    /// Puts back what [`Self::take_untold`] gave.
    pub(crate) fn put_back(&self, who: Who, untold: Untold) {
        self.lock().untold.entry(who).or_default().add(untold);
    }

    /// The devices of a user; `None` when there are none.
    pub(crate) fn of(&self, who: &Who) -> Option<Own> {
        let inner = self.lock();
        let own = &inner.users.get(who)?.own;
        (!own.devices.is_empty()).then(|| own.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    fn kept(status: PresenceStatus) -> Kept {
        Kept { status, name: None }
    }

    fn changes() -> impl Strategy<Value = Vec<(String, Option<PresenceStatus>)>> {
        let status = prop_oneof![
            Just(None),
            Just(Some(PresenceStatus::Online)),
            Just(Some(PresenceStatus::Away)),
        ];
        proptest::collection::vec(("[a-d]{1,2}", status), 0..40)
    }

    proptest! {
        #[test]
        fn devices_are_what_a_map_would_be(changes in changes()) {
            let (mut devices, mut map) = (Devices::default(), BTreeMap::new());
            for (socket, status) in changes {
                if let Some(status) = status {
                    devices.set(&socket, kept(status));
                    map.insert(socket, kept(status));
                } else {
                    devices.remove(&socket);
                    map.remove(&socket);
                }
                prop_assert_eq!(devices.len(), map.len());
                prop_assert_eq!(devices.is_empty(), map.is_empty());
                prop_assert!(devices.values().eq(map.values()));
                prop_assert!(devices.iter().eq(map.iter().map(|(socket, kept)| (socket.as_str(), kept))));
            }
            prop_assert!(devices.into_iter().eq(map));
        }
    }
}
