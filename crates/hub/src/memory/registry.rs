//! Leases by the cluster's clock.

use std::collections::BTreeMap;

use async_trait::async_trait;
use switchboard_messaging::hub::{HubResult, NodeInfo, Registry};
use switchboard_protocol::{OrganizationId, Presence, Timestamp};

use super::{MemoryHub, State};
use crate::LEASE;

/// The nodes and until when they count as alive.
#[derive(Debug, Default)]
pub(super) struct Leases(BTreeMap<String, Lease>);

#[derive(Debug)]
struct Lease {
    node: NodeInfo,
    until: Timestamp,
}

impl Leases {
    pub(super) fn is_live(&self, node: &str, now: Timestamp) -> bool {
        self.0.get(node).is_some_and(|lease| lease.until > now)
    }

    /// Forgets the nodes whose lease is over, but not `except`, and returns them.
    pub(super) fn take_dead(&mut self, except: &str, now: Timestamp) -> Vec<String> {
        let is_dead = |id: &String, lease: &mut Lease| id != except && lease.until <= now;
        self.0.extract_if(.., is_dead).map(|(id, _)| id).collect()
    }
}

#[async_trait]
impl Registry for MemoryHub {
    async fn renew_lease(&self, node: &NodeInfo) -> HubResult<Vec<(OrganizationId, Presence)>> {
        let now = self.shared.now();
        let State {
            presence, registry, ..
        } = &mut *self.shared.lock();
        if !registry.is_live(&self.node, now) {
            self.own.all_untold();
        }
        let lease = Lease {
            node: node.clone(),
            until: now.plus(LEASE),
        };
        registry.0.insert(self.node.clone(), lease);

        let mut seen_again = Vec::new();
        for who in self.own.all_due() {
            self.own.take_untold(&who);
            let own = self.own.of(&who).unwrap_or_default();
            let presence = presence.restore(&self.node, &who, own, now);
            seen_again.extend(presence.map(|presence| (who.0, presence)));
        }
        Ok(seen_again)
    }

    async fn leave(&self) -> HubResult<()> {
        let now = self.shared.now();
        if let Some(lease) = self.shared.lock().registry.0.get_mut(&self.node) {
            lease.until = now;
        }
        Ok(())
    }

    async fn nodes(&self) -> HubResult<Vec<NodeInfo>> {
        let now = self.shared.now();
        let leases = &self.shared.lock().registry.0;
        let live = leases.values().filter(|lease| lease.until > now);
        Ok(live.map(|lease| lease.node.clone()).collect())
    }
}
