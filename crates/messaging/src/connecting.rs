//! How often one address may try to connect, over all nodes.
//!
//! Addresses are shared: what fails at one must not lock out those behind it who have good tokens. So
//! failures have a bucket of their own, which good tokens do not touch.

use std::net::IpAddr;

use switchboard_protocol::{ErrorObject, OrganizationId, UserId};

use crate::pipeline::Messaging;
use crate::rate::Rate;

/// The buckets of an address. No event is called like these.
const CONNECTS: &str = "connects";
const FAILED_CONNECTS: &str = "failed_connects";

impl Messaging {
    /// Counts an attempt to connect from an address (with IPv6, a network), before its token is
    /// looked at.
    ///
    /// # Errors
    ///
    /// `RATE_LIMITED` when there were too many.
    pub async fn admit_connect(&self, address: IpAddr) -> Result<(), ErrorObject> {
        let rate = self.rates.get().of_connects();
        self.take_for(address, CONNECTS, rate).await
    }

    /// Counts an attempt to connect whose token was not good.
    ///
    /// # Errors
    ///
    /// `RATE_LIMITED` when there were too many: then nobody is told what was wrong with it.
    pub async fn admit_failed_connect(&self, address: IpAddr) -> Result<(), ErrorObject> {
        let rate = self.rates.get().of_failed_connects();
        self.take_for(address, FAILED_CONNECTS, rate).await
    }

    async fn take_for(
        &self,
        address: IpAddr,
        bucket: &'static str,
        rate: Option<Rate>,
    ) -> Result<(), ErrorObject> {
        let Some(rate) = rate else { return Ok(()) };
        // Buckets are named by an organization and a user. An address can be both, and is, so that
        // those of different addresses are in different places of a cluster.
        let name = address.to_string();
        let names = (OrganizationId::new(&name), UserId::new(&name));
        let (Ok(organization), Ok(user)) = names else {
            return Err(ErrorObject::internal());
        };
        let taken = self.take(&organization, &user, bucket, rate).await;
        taken.map_err(|refused| ErrorObject {
            message: "too many attempts to connect; try again after retryAfterMs".to_owned(),
            ..refused
        })
    }
}
