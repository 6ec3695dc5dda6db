//! Who of an organization is there, from what `presence.lua` notes with each change.

use std::collections::HashMap;

use fred::interfaces::{HashesInterface, SortedSetsInterface};
use fred::types::Value;
use switchboard_messaging::hub::{Headcount, HubError, HubResult, Roster};
use switchboard_protocol::{OrganizationId, PresenceStatus, UserId};

use super::RedisHub;

/// What somebody who is there may be seen as, in the order of the script's keys.
pub(super) const SEEN: [PresenceStatus; 3] = [
    PresenceStatus::Online,
    PresenceStatus::Away,
    PresenceStatus::Busy,
];

impl RedisHub {
    /// Two round trips: who they are, and how they are. Who went between the two is left out.
    pub(super) async fn ask_roster(
        &self,
        organization: &OrganizationId,
        after: Option<&UserId>,
        limit: usize,
    ) -> HubResult<Roster> {
        let (mut users, total) = self.ask_page(organization, after, limit + 1).await?;
        let has_more = users.len() > limit;
        users.truncate(limit);
        let next = users.last().filter(|_| has_more).cloned();
        let mut presences = self.ask(organization, &users).await?;
        presences.retain(|presence| presence.status != PresenceStatus::Offline);
        Ok(Roster {
            presences,
            next,
            total,
            degraded: false,
        })
    }

    async fn ask_page(
        &self,
        organization: &OrganizationId,
        after: Option<&UserId>,
        limit: usize,
    ) -> HubResult<(Vec<UserId>, u64)> {
        let begin = after.map_or_else(|| "-".to_owned(), |user| format!("({user}"));
        let keys = SEEN.map(|status| self.keys.seen(organization, status));
        let args: Vec<Value> = vec![begin.into(), limit.to_string().into()];
        let script = &self.link.scripts.roster;
        let answer: Vec<String> = self.link.call(script, keys.into(), args).await?;
        let (total, ids) = answer.split_first().ok_or_else(unreadable)?;
        let mut users: Vec<UserId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        users.sort_unstable();
        Ok((users, total.parse().map_err(|_| unreadable())?))
    }

    pub(super) async fn ask_headcount(
        &self,
        organization: &OrganizationId,
    ) -> HubResult<Headcount> {
        let pipeline = self.link.client.pipeline();
        let asking = async {
            for status in SEEN {
                let () = pipeline.zcard(self.keys.seen(organization, status)).await?;
            }
            let () = pipeline.hgetall(self.keys.counts(organization)).await?;
            pipeline
                .all::<(u64, u64, u64, HashMap<String, i64>)>()
                .await
        };
        let (online, away, busy, counts) = self.link.run(asking).await?;
        // Those of a dead node count until it is reaped, as its users do.
        let sum = |prefix: &str| {
            let those = counts.iter().filter(|(field, _)| field.starts_with(prefix));
            those.map(|(_, count)| (*count).max(0) as u64).sum()
        };
        Ok(Headcount {
            online,
            away,
            busy,
            sockets: sum("s:"),
            devices: sum("d:"),
            degraded: false,
        })
    }
}

fn unreadable() -> HubError {
    HubError("redis answered something else than who is there".into())
}
