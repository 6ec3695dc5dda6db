//! What happened to connections lately: a list of each organization, cut to its bound with each write.

use async_trait::async_trait;
use fred::interfaces::{KeysInterface, ListInterface};
use switchboard_messaging::hub::{CONNECTION_EVENTS, ConnectionLog, HubError, HubResult};
use switchboard_protocol::OrganizationId;
use switchboard_protocol::answers::ConnectionEvent;

use super::{RedisHub, millis};
use crate::CONNECTIONS_KEPT;

#[async_trait]
impl ConnectionLog for RedisHub {
    async fn log_connections(
        &self,
        organization: &OrganizationId,
        events: &[ConnectionEvent],
    ) -> HubResult<()> {
        let newest = &events[events.len().saturating_sub(CONNECTION_EVENTS)..];
        if newest.is_empty() {
            return Ok(());
        }
        let written = newest.iter().map(serde_json::to_string);
        let written: Vec<String> = written
            .collect::<Result<_, _>>()
            .map_err(|error| HubError(error.to_string()))?;
        let key = self.keys.connections(organization);
        let pipeline = self.link.client.pipeline();
        let logging = async {
            let () = pipeline.lpush(key.as_str(), written).await?;
            let last = CONNECTION_EVENTS as i64 - 1;
            let () = pipeline.ltrim(key.as_str(), 0, last).await?;
            let kept = millis(CONNECTIONS_KEPT);
            let () = pipeline.pexpire(key.as_str(), kept, None).await?;
            pipeline.all::<(i64, (), i64)>().await
        };
        self.link.run(logging).await.map(drop)
    }

    async fn connection_events(
        &self,
        organization: &OrganizationId,
        limit: usize,
    ) -> HubResult<Vec<ConnectionEvent>> {
        let key = self.keys.connections(organization);
        let last = limit.min(CONNECTION_EVENTS) as i64 - 1;
        if last < 0 {
            return Ok(Vec::new());
        }
        let asking = self.link.bulk.lrange::<Vec<String>, _>(key, 0, last);
        let found = self.link.run(asking).await?;
        // A node of another version may tell of what this one cannot read.
        let known = found.iter().map(|event| serde_json::from_str(event));
        Ok(known.filter_map(Result::ok).collect())
    }
}
