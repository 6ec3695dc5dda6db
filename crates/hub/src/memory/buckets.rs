//! Token buckets; one that is full again is forgotten.

use std::collections::HashMap;

use async_trait::async_trait;
use switchboard_messaging::Rate;
use switchboard_messaging::hub::{Admission, Buckets, HubResult};
use switchboard_protocol::{OrganizationId, Timestamp, UserId};

use super::MemoryHub;
use crate::tokens::Bucket;

/// Whose bucket, its name, and what it holds: under another rate it is another bucket.
type Label = (OrganizationId, UserId, String, u32, u128);

/// The buckets that are not full.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    buckets: HashMap<Label, (Bucket, u64)>,
    sweep_at: usize,
}

impl Shelf {
    /// Takes a token from a user's bucket.
    pub(crate) fn take(
        &mut self,
        (organization, user): (&OrganizationId, &UserId),
        bucket: &str,
        rate: Rate,
        now: Timestamp,
    ) -> Admission {
        let now = micros(now);
        let label = (
            organization.clone(),
            user.clone(),
            bucket.to_owned(),
            rate.burst,
            rate.per.as_micros(),
        );
        if self.buckets.len() >= self.sweep_at {
            self.buckets.retain(|_, (_, full_at)| *full_at > now);
            self.sweep_at = (self.buckets.len() * 2).max(1_024);
        }
        let full = || (Bucket::full(rate, now), now);
        let (bucket, full_at) = self.buckets.entry(label).or_insert_with(full);
        let admission = bucket.take(rate, now);
        *full_at = bucket.full_at(rate);
        admission
    }
}

fn micros(now: Timestamp) -> u64 {
    u64::try_from(now.as_millis()).unwrap_or(0) * 1_000
}

#[async_trait]
impl Buckets for MemoryHub {
    async fn take(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        bucket: &str,
        rate: Rate,
    ) -> HubResult<Admission> {
        let now = self.shared.now();
        let buckets = &mut self.shared.lock().buckets;
        Ok(buckets.take((organization, user), bucket, rate, now))
    }
}
