//! Leases, by the time of Redis.

use std::time::Instant;

use async_trait::async_trait;
use fred::types::Value;
use switchboard_messaging::hub::{HubError, HubResult, NodeInfo, Registry};
use switchboard_protocol::{OrganizationId, Presence};

use super::incarnation::Incarnation;
use super::keys::Keys;
use super::link::Link;
use super::{RedisHub, kept, millis};

impl RedisHub {
    /// Renews or takes a lease; `false` when there is none to renew.
    async fn lease(&self, as_: &Incarnation, node: &NodeInfo, new: bool) -> HubResult<bool> {
        let info = serde_json::to_string(node).map_err(|error| HubError(error.to_string()))?;
        let keys = vec![
            self.keys.leases(),
            self.keys.node_info(),
            self.keys.organizations_of_node(as_.as_str()),
        ];
        let args: Vec<Value> = vec![
            as_.as_str().into(),
            millis(self.lease).into(),
            info.into(),
            kept().into(),
            if new { "1" } else { "0" }.into(),
        ];
        let script = &self.link.scripts.renew;
        let renewed: i64 = self.link.call(script, keys, args).await?;
        Ok(renewed == 1)
    }

    /// The nodes whose lease is valid: incarnation, and what it says of itself.
    pub(super) async fn live_nodes(&self) -> HubResult<Vec<(String, String)>> {
        live_nodes(&self.link, &self.keys).await
    }
}

async fn live_nodes(link: &Link, keys: &Keys) -> HubResult<Vec<(String, String)>> {
    let names = vec![keys.leases(), keys.node_info()];
    let script = &link.scripts.nodes;
    let found: Vec<String> = link.call(script, names, Vec::new()).await?;
    let pairs = found.chunks_exact(2);
    Ok(pairs
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect())
}

/// The nodes whose lease is valid.
pub(super) async fn nodes(link: &Link, keys: &Keys) -> HubResult<Vec<NodeInfo>> {
    let live = live_nodes(link, keys).await?;
    let known = live.iter().map(|(_, info)| serde_json::from_str(info));
    // A node of another version may tell of itself what this one cannot read.
    Ok(known.filter_map(Result::ok).collect())
}

#[async_trait]
impl Registry for RedisHub {
    async fn renew_lease(&self, node: &NodeInfo) -> HubResult<Vec<(OrganizationId, Presence)>> {
        if !self.lease(&self.identity.now(), node, false).await? {
            // Devices first: one that comes from here on is told of by the new incarnation.
            let next = self.identity.renew();
            self.own.all_untold();
            self.lease(&next, node, true).await?;
        } else if self.link.take_renewed() {
            self.own.all_untold();
        }
        let asked = Instant::now();
        let live = self.live_nodes().await?;
        let ids = live.into_iter().map(|(id, _)| id).collect();
        self.identity.refresh(ids, Vec::new(), asked);
        self.make_good().await
    }

    async fn leave(&self) -> HubResult<()> {
        let args = vec![self.identity.now().as_str().into()];
        let script = &self.link.scripts.leave;
        let keys = vec![self.keys.leases()];
        self.link.call(script, keys, args).await
    }

    async fn nodes(&self) -> HubResult<Vec<NodeInfo>> {
        nodes(&self.link, &self.keys).await
    }
}
