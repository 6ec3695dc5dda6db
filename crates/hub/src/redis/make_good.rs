//! Tells Redis what it did not hear, or forgot.

use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt;
use switchboard_messaging::hub::{HubResult, PresenceChange, PresenceOutcome};
use switchboard_protocol::{OrganizationId, Presence, PresenceStatus};

use super::RedisHub;
use super::presence::{Telling, Told};
use crate::own_devices::{Choice, Seen, Untold, Who};

/// Users whose devices are told of at the same time.
const AT_ONCE: usize = 64;

/// What waits to be handed to the caller.
#[derive(Debug)]
pub(super) struct Pending<T>(Mutex<Vec<T>>);

/// Presences that changed by it.
pub(super) type SeenAgain = Pending<(OrganizationId, Presence)>;

/// Users who turned out to have no device anywhere, and whom nobody has settled.
pub(super) type Unsettled = Pending<Who>;

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Pending<T> {
    fn add(&self, one: T) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(one);
    }

    pub(super) fn take(&self) -> Vec<T> {
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
        match self.catch_up(&who, &untold).await {
            Ok(told) => {
                self.conclude(who, &untold, told);
                Ok(())
            }
            Err(error) => {
                self.own.put_back(who, untold);
                Err(error)
            }
        }
    }

    /// Redis knows: says who is to hear of it, and who is to be settled. Whoever was told the same
    /// while Redis was away will not hear it twice: receivers drop what is no news.
    fn conclude(&self, who: Who, untold: &Untold, told: Told) {
        let PresenceOutcome {
            presence,
            changed,
            devices,
            ..
        } = told.outcome;
        // Redis may have lost what others saw before; this node has not.
        let now = Seen::new(&presence, None);
        let forgotten = |before: &Seen| before.differs_from(&now);
        if devices == 0 && presence.status != PresenceStatus::Offline {
            self.unsettled.add(who.clone());
        }
        if changed || told.differs || untold.before.as_ref().is_some_and(forgotten) {
            self.seen_again.add((who.0, presence));
        }
    }

    async fn catch_up(&self, who: &Who, untold: &Untold) -> HubResult<Told> {
        let mut earlier = None;
        if let Some(choice) = untold.choice.clone() {
            let Choice {
                status,
                custom_status,
                at,
            } = choice;
            let change = PresenceChange::Choose {
                status,
                custom_status,
            };
            earlier = Some(self.tell(who, Telling::Change(&change), at).await?);
        }
        let mut told = self.sync(who, untold).await?;
        if let Some(earlier) = earlier {
            told.outcome.changed |= earlier.outcome.changed;
            told.differs |= earlier.differs;
        }
        Ok(told)
    }

    /// Tells of all devices that a user has here, until what was told is still so afterwards: a
    /// device may come or go meanwhile, and what is told of it may be overtaken by this.
    async fn sync(&self, who: &Who, untold: &Untold) -> HubResult<Told> {
        let (mut changed, mut differs) = (false, false);
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
            let mut told = self.tell(who, telling, at).await?;
            changed |= told.outcome.changed;
            differs |= told.differs;
            if self.own.of(who).unwrap_or_default().devices == own.devices {
                (told.outcome.changed, told.differs) = (changed, differs);
                return Ok(told);
            }
        }
    }
}
