//! Token buckets, by the time of Redis; without it, this node's own.

use std::time::Duration;

use async_trait::async_trait;
use fred::types::Value;
use switchboard_messaging::Rate;
use switchboard_messaging::hub::{Admission, Buckets, HubResult};
use switchboard_protocol::{OrganizationId, UserId};

use super::RedisHub;

#[async_trait]
impl Buckets for RedisHub {
    async fn take(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        bucket: &str,
        rate: Rate,
    ) -> HubResult<Admission> {
        let per = i64::try_from(rate.per.as_micros()).unwrap_or(i64::MAX);
        let args: Vec<Value> = vec![i64::from(rate.burst).into(), per.into()];
        let keys = vec![self.keys.bucket(organization, user, bucket, rate)];
        let asked = self.link.call(&self.link.scripts.take, keys, args).await;
        // A limit on each node is better than none: the circuit logs that Redis is away.
        let wait: i64 = match asked {
            Ok(wait) => wait,
            Err(_) => return Ok(self.alone.take((organization, user), bucket, rate)),
        };
        Ok(u64::try_from(wait).map_or(Admission::Admitted, |wait| {
            Admission::RefusedFor(Duration::from_micros(wait))
        }))
    }
}
