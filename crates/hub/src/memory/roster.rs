//! Who of each organization is there: kept with each change, so that nobody has to look for them.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use switchboard_messaging::hub::Headcount;
use switchboard_protocol::{OrganizationId, PresenceStatus, UserId};

use crate::own_devices::Who;

/// Those who are there.
#[derive(Debug, Default)]
pub(super) struct Rosters(HashMap<OrganizationId, Roster>);

#[derive(Debug, Default)]
struct Roster {
    /// Those whose presence is not offline.
    seen: BTreeSet<UserId>,
    count: Headcount,
}

impl Rosters {
    /// Something happened to a user, who has this status now and counts so much instead of as before.
    pub(super) fn change(
        &mut self,
        (organization, user): &Who,
        status: PresenceStatus,
        (before, after): (Headcount, Headcount),
    ) {
        let roster = self.0.entry(organization.clone()).or_default();
        if status == PresenceStatus::Offline {
            roster.seen.remove(user);
        } else {
            roster.seen.insert(user.clone());
        }
        roster.count = instead(roster.count, before, after);
        if roster.seen.is_empty() && roster.count == Headcount::default() {
            self.0.remove(organization);
        }
    }

    /// Users of an organization after one, and whether there are more.
    pub(super) fn page(
        &self,
        organization: &OrganizationId,
        after: Option<&UserId>,
        limit: usize,
    ) -> (Vec<UserId>, bool) {
        let Some(roster) = self.0.get(organization) else {
            return (Vec::new(), false);
        };
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = roster.seen.range::<UserId, _>((begin, Bound::Unbounded));
        let page = rest.by_ref().take(limit).cloned().collect();
        (page, rest.next().is_some())
    }

    pub(super) fn total(&self, organization: &OrganizationId) -> u64 {
        let roster = self.0.get(organization);
        roster.map_or(0, |roster| roster.seen.len() as u64)
    }

    pub(super) fn count(&self, organization: &OrganizationId) -> Headcount {
        let roster = self.0.get(organization);
        roster.map_or_else(Headcount::default, |roster| roster.count)
    }
}

/// A sum in which one summand is another one than before.
fn instead(sum: Headcount, before: Headcount, after: Headcount) -> Headcount {
    let of =
        |part: fn(&Headcount) -> u64| (part(&sum) + part(&after)).saturating_sub(part(&before));
    Headcount {
        online: of(|count| count.online),
        away: of(|count| count.away),
        busy: of(|count| count.busy),
        sockets: of(|count| count.sockets),
        devices: of(|count| count.devices),
        degraded: false,
    }
}
