//! What happened to connections lately.

use std::collections::{HashMap, VecDeque};

use async_trait::async_trait;
use switchboard_messaging::hub::{CONNECTION_EVENTS, ConnectionLog, HubResult};
use switchboard_protocol::OrganizationId;
use switchboard_protocol::answers::ConnectionEvent;

use super::MemoryHub;
use crate::CONNECTIONS_KEPT;

/// The events of each organization, oldest first.
#[derive(Debug, Default)]
pub(super) struct Logs {
    known: HashMap<OrganizationId, VecDeque<ConnectionEvent>>,
    /// How many there may be before those that are old are forgotten.
    sweep_at: usize,
}

#[async_trait]
impl ConnectionLog for MemoryHub {
    async fn log_connections(
        &self,
        organization: &OrganizationId,
        events: &[ConnectionEvent],
    ) -> HubResult<()> {
        let now = self.shared.now();
        let logs = &mut self.shared.lock().connections;
        if logs.known.len() >= logs.sweep_at {
            let is_fresh = |event: &ConnectionEvent| now.since(event.at) < CONNECTIONS_KEPT;
            logs.known.retain(|_, log| log.back().is_some_and(is_fresh));
            logs.sweep_at = (logs.known.len() * 2).max(64);
        }
        let log = logs.known.entry(organization.clone()).or_default();
        log.extend(events.iter().cloned());
        let too_many = log.len().saturating_sub(CONNECTION_EVENTS);
        log.drain(..too_many);
        Ok(())
    }

    async fn connection_events(
        &self,
        organization: &OrganizationId,
        limit: usize,
    ) -> HubResult<Vec<ConnectionEvent>> {
        let logs = &self.shared.lock().connections;
        let log = logs.known.get(organization);
        let newest = log.into_iter().flat_map(|log| log.iter().rev());
        Ok(newest.take(limit).cloned().collect())
    }
}
