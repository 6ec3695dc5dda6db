//! Sessions in process.

use std::collections::HashMap;

use async_trait::async_trait;
use switchboard_messaging::hub::{Claim, HubResult, SessionKey, SessionRecord, Sessions};
use switchboard_protocol::{OrganizationId, UserId};

use super::MemoryHub;

/// How much longer it is remembered that there was a session, in milliseconds.
const REMEMBERED: i64 = 600_000;

/// When the ones that are over were last looked for, and how often they are, in milliseconds.
const SWEEP: i64 = 10_000;

#[derive(Debug)]
struct Kept {
    record: SessionRecord,
    owner: String,
    until: i64,
}

/// All sessions, by organization and key.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    kept: HashMap<(OrganizationId, SessionKey), Kept>,
    swept: i64,
}

impl Shelf {
    fn sweep(&mut self, now: i64) {
        if now - self.swept >= SWEEP {
            self.swept = now;
            self.kept.retain(|_, kept| kept.until + REMEMBERED > now);
        }
    }
}

fn after(now: i64, ttl_ms: u64) -> i64 {
    now.saturating_add(i64::try_from(ttl_ms).unwrap_or(i64::MAX))
}

#[async_trait]
impl Sessions for MemoryHub {
    async fn session_save(
        &self,
        organization: &OrganizationId,
        key: &SessionKey,
        record: &SessionRecord,
        ttl_ms: u64,
    ) -> HubResult<()> {
        let now = self.shared.now().as_millis();
        let shared = &mut self.shared.lock();
        let kept_here = &mut shared.sessions;
        kept_here.sweep(now);
        let place = (organization.clone(), key.clone());
        if kept_here
            .kept
            .get(&place)
            .is_some_and(|kept| kept.owner != record.owner)
        {
            return Ok(());
        }
        let kept = Kept {
            record: record.clone(),
            owner: record.owner.clone(),
            until: after(now, ttl_ms),
        };
        kept_here.kept.insert(place, kept);
        Ok(())
    }

    async fn session_keep(
        &self,
        sessions: &[(OrganizationId, SessionKey)],
        ttl_ms: u64,
    ) -> HubResult<Vec<usize>> {
        let now = self.shared.now().as_millis();
        let shared = &mut self.shared.lock();
        let kept_here = &mut shared.sessions;
        kept_here.sweep(now);
        let mut gone = Vec::new();
        for (index, place) in sessions.iter().enumerate() {
            match kept_here.kept.get_mut(place) {
                Some(kept) => kept.until = after(now, ttl_ms),
                None => gone.push(index),
            }
        }
        Ok(gone)
    }

    async fn session_claim(
        &self,
        organization: &OrganizationId,
        key: &SessionKey,
        user: &UserId,
        owner: &str,
        ttl_ms: u64,
    ) -> HubResult<Claim> {
        let now = self.shared.now().as_millis();
        let shared = &mut self.shared.lock();
        let kept_here = &mut shared.sessions;
        kept_here.sweep(now);
        let place = (organization.clone(), key.clone());
        let Some(kept) = kept_here.kept.get_mut(&place) else {
            return Ok(Claim::Unknown);
        };
        if kept.record.user != *user {
            return Ok(Claim::Identity);
        }
        if kept.until <= now {
            kept_here.kept.remove(&place);
            return Ok(Claim::Expired);
        }
        owner.clone_into(&mut kept.owner);
        kept.until = after(now, ttl_ms);
        Ok(Claim::Granted(Box::new(kept.record.clone())))
    }

    async fn session_end(
        &self,
        organization: &OrganizationId,
        key: &SessionKey,
        owner: &str,
    ) -> HubResult<()> {
        let shared = &mut self.shared.lock();
        let kept_here = &mut shared.sessions;
        let place = (organization.clone(), key.clone());
        if kept_here
            .kept
            .get(&place)
            .is_some_and(|kept| kept.owner == owner)
        {
            kept_here.kept.remove(&place);
        }
        Ok(())
    }
}
