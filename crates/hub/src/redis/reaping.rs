//! What becomes of what dead nodes leave behind.

use fred::interfaces::{HashesInterface, SetsInterface};
use fred::types::Value;
use switchboard_messaging::hub::HubResult;
use switchboard_protocol::{OrganizationId, UserId};

use super::{RedisHub, kept, millis};
use crate::own_devices::Who;

/// Users in one call of the script: others wait as long as it takes.
const AT_ONCE: usize = 200;

impl RedisHub {
    /// Reaps every dead node that nobody else is reaping.
    pub(super) async fn reap(&self) -> HubResult<Vec<Who>> {
        let mut left = self.unsettled.take();
        // Leases ran out while nobody could renew them: the living come first.
        if !self.link.circuit.recovered_within(self.lease / 2) {
            self.reap_others(&mut left).await?;
        }
        Ok(left)
    }

    async fn reap_others(&self, left: &mut Vec<Who>) -> HubResult<()> {
        let own = self.identity.now();
        let keys = vec![self.keys.leases(), self.keys.claims()];
        let args: Vec<Value> = vec![
            own.as_str().into(),
            millis(self.lease).into(),
            kept().into(),
        ];
        let script = &self.link.scripts.claim;
        let dead: Vec<String> = match self.link.call(script, keys, args).await {
            Err(error) if left.is_empty() => return Err(error),
            Err(_) => return Ok(()),
            Ok(dead) => dead,
        };
        for node in &dead {
            if let Err(error) = self.reap_node(node, left).await {
                // Somebody goes on with it when the claim is over. Those who were found are this
                // node's to settle now, so they must reach the caller.
                tracing::warn!(%error, node, "could not reap a dead node to the end");
                if left.is_empty() {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    async fn reap_node(&self, node: &str, left: &mut Vec<Who>) -> HubResult<()> {
        let key = self.keys.organizations_of_node(node);
        let client = &self.link.client;
        let names: Vec<String> = self.link.run(client.smembers(key)).await?;
        for name in &names {
            if let Ok(organization) = OrganizationId::new(name) {
                self.reap_organization(node, &organization, left).await?;
            }
        }
        self.bury(node).await?;
        tracing::info!(
            node,
            users = left.len(),
            "took over from a node that stopped or died"
        );
        Ok(())
    }

    async fn reap_organization(
        &self,
        node: &str,
        organization: &OrganizationId,
        left: &mut Vec<Who>,
    ) -> HubResult<()> {
        let own = self.identity.now();
        self.note_organization(organization, &own).await?;
        let dead_users = self.keys.users_of_node(organization, node);
        let own_users = self.keys.users_of_node(organization, own.as_str());
        loop {
            let some = self
                .link
                .client
                .srandmember(dead_users.as_str(), Some(AT_ONCE));
            let names: Vec<String> = self.link.run(some).await?;
            let users: Vec<UserId> = names.iter().filter_map(|name| name.parse().ok()).collect();
            if users.is_empty() {
                return self.forget_counts(node, organization).await;
            }
            let mut keys = vec![dead_users.clone(), own_users.clone()];
            keys.extend(
                users
                    .iter()
                    .map(|user| self.keys.presence(organization, user)),
            );
            let mut args: Vec<Value> = vec![node.into(), kept().into()];
            args.extend(users.iter().map(|user| Value::from(user.as_str())));
            let script = &self.link.scripts.reap;
            let found: Vec<String> = self.link.call(script, keys, args).await?;
            let found = found.iter().filter_map(|name| name.parse().ok());
            left.extend(found.map(|user| (organization.clone(), user)));
        }
    }

    async fn forget_counts(&self, node: &str, organization: &OrganizationId) -> HubResult<()> {
        let fields = vec![format!("s:{node}"), format!("d:{node}")];
        let counts = self.keys.counts(organization);
        let forgetting = self.link.client.hdel::<(), _, _>(counts, fields);
        self.link.run(forgetting).await
    }

    async fn bury(&self, node: &str) -> HubResult<()> {
        let keys = vec![
            self.keys.leases(),
            self.keys.node_info(),
            self.keys.claims(),
            self.keys.organizations_of_node(node),
        ];
        let script = &self.link.scripts.bury;
        self.link.call(script, keys, vec![node.into()]).await
    }
}
