//! Token buckets, by the time of Redis; without it, this node's own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fred::types::Value;
use switchboard_messaging::Rate;
use switchboard_messaging::gathering::Together;
use switchboard_messaging::hub::{Admission, Buckets, HubError, HubResult};
use switchboard_protocol::{OrganizationId, UserId};

use super::RedisHub;
use super::link::Link;

/// A bucket's key, and its rate.
pub(super) type Bucket = (String, Rate);

/// Takes tokens from buckets of one organization.
pub(super) struct Taker(pub(super) Arc<Link>);

#[async_trait]
impl Together for Taker {
    type Item = Bucket;
    /// Microseconds until there is a token, -1 when it was taken.
    type Answer = i64;
    type Error = HubError;

    async fn ask(&self, _: &OrganizationId, buckets: Vec<Bucket>) -> HubResult<Vec<i64>> {
        let mut args: Vec<Value> = Vec::with_capacity(2 * buckets.len());
        for (_, rate) in &buckets {
            let per = i64::try_from(rate.per.as_micros()).unwrap_or(i64::MAX);
            args.extend([i64::from(rate.burst).into(), per.into()]);
        }
        let keys = buckets.into_iter().map(|(key, _)| key).collect();
        self.0.call(&self.0.scripts.take, keys, args).await
    }
}

#[async_trait]
impl Buckets for RedisHub {
    async fn take(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        bucket: &str,
        rate: Rate,
    ) -> HubResult<Admission> {
        let key = self.keys.bucket(organization, user, bucket, rate);
        // A limit on each node is better than none: the circuit logs that Redis is away.
        let Ok(wait) = self.gathered.takes.submit(organization, (key, rate)).await else {
            return Ok(self.alone.take((organization, user), bucket, rate));
        };
        Ok(u64::try_from(wait).map_or(Admission::Admitted, |wait| {
            Admission::RefusedFor(Duration::from_micros(wait))
        }))
    }
}
