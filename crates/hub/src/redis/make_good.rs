//! Tells Redis what it did not hear, or forgot.

use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt;
use switchboard_messaging::hub::{HubResult, PresenceOutcome};
use switchboard_protocol::{OrganizationId, Presence};

use super::RedisHub;
use super::presence::Telling;
use crate::own_devices::{Untold, Who};

/// Users whose devices are told of at the same time.
const AT_ONCE: usize = 64;

/// Presences that changed by it and were not handed to the caller yet.
#[derive(Debug, Default)]
pub(super) struct SeenAgain(Mutex<Vec<(OrganizationId, Presence)>>);

impl SeenAgain {
    fn add(&self, organization: OrganizationId, presence: Presence) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((organization, presence));
    }

    fn take(&self) -> Vec<(OrganizationId, Presence)> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl RedisHub {
    /// Makes good what is untold; returns whom others see differently since.
    pub(super) async fn make_good(&self) -> HubResult<Vec<(OrganizationId, Presence)>> {
        let users = self.own.all_due();
        let told = futures_util::stream::iter(users.into_iter().map(|who| self.make_good_of(who)))
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<HubResult<()>>>();
        told.await.into_iter().collect::<HubResult<()>>()?;
        Ok(self.seen_again.take())
    }

    async fn make_good_of(&self, who: Who) -> HubResult<()> {
        let Some(untold) = self.own.take_untold(&who) else {
            return Ok(());
        };
        match self.sync(&who, untold).await {
            Ok(outcome) if outcome.changed => self.seen_again.add(who.0, outcome.presence),
            Ok(_) => {}
            Err(error) => {
                self.own.put_back(who, untold);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Tells of all devices that a user has here, until what was told is still so afterwards: a
    /// device may come or go meanwhile, and what is told of it may be overtaken by this.
    async fn sync(&self, who: &Who, untold: Untold) -> HubResult<PresenceOutcome> {
        let mut changed = false;
        loop {
            let own = self.own.of(who).unwrap_or_default();
            let at = if own.devices.is_empty() {
                untold.at
            } else {
                own.at
            };
            let telling = Telling::Sync {
                own: &own,
                settles: untold.settles,
            };
            let mut outcome = self.tell(who, telling, at).await?;
            changed |= outcome.changed;
            if self.own.of(who).unwrap_or_default().devices == own.devices {
                outcome.changed = changed;
                return Ok(outcome);
            }
        }
    }
}
