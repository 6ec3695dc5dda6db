//! Tokens that are no longer believed, and users who were sent away.
//!
//! The database has every revocation until it is over. Each node has them all in memory, so that no
//! connect asks the database: it reads them at start, and every second those that are new; what goes
//! through the hub besides makes it a matter of milliseconds. So a node learns of a revocation
//! within two seconds whether it, or the one that made it, has a hub or not.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use switchboard_protocol::{ErrorCode, ErrorObject, OrganizationId, Timestamp, UserId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::actor::Actor;
use crate::auth::AuthFailure;
use crate::clock::Clock;
use crate::store::{Store, StoreResult};

/// Nodes tell each other of a revocation with this. It reaches no client.
pub const REVOKED_EVENT: &str = "auth:revoked";
/// Longest `jti` that can be revoked, in characters.
pub const MAX_JTI: usize = 256;
/// Longest reason for sending a user away, in characters.
pub const MAX_REASON: usize = 200;

/// How often the database is asked for what is new.
const EVERY: Duration = Duration::from_secs(1);
/// How often what is over is forgotten.
const SWEEP: Duration = Duration::from_mins(10);
/// How far back what is new may be: clocks of nodes differ, and commits come late.
const OVERLAP: Duration = Duration::from_mins(2);
/// How much later than a node's clock says somebody may have connected who is to be sent away.
const CLOCKS_DIFFER: Duration = Duration::from_secs(5);

/// What is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Revoked {
    /// One token, by its `jti`.
    Token { jti: String },
    /// Every token of a user that was issued before a moment. One that does not say when it was
    /// issued was.
    Tokens { user: UserId, before: Timestamp },
    /// The sockets that a user has now; they may connect again.
    Sockets {
        user: UserId,
        reason: Option<String>,
    },
}

/// A revocation within an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revocation {
    pub organization: OrganizationId,
    pub what: Revoked,
    /// When it was made.
    pub at: Timestamp,
    /// When nothing is left that it could concern.
    pub expires_at: Timestamp,
}

/// The revocations that a node knows. Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct Revocations {
    kept: Duration,
    known: Arc<Mutex<HashMap<OrganizationId, OfOrganization>>>,
    news: watch::Sender<()>,
}

/// Those of an organization. Times are when each is over, but where they say otherwise.
#[derive(Debug, Default)]
struct OfOrganization {
    tokens: HashMap<String, Timestamp>,
    users: HashMap<UserId, OfUser>,
}

#[derive(Debug, Default)]
struct OfUser {
    /// Tokens that were issued before the first are revoked; until the second.
    issued: Option<(Timestamp, Timestamp)>,
    sent_away: Option<SentAway>,
}

#[derive(Debug)]
struct SentAway {
    at: Timestamp,
    /// Whoever connected until then is concerned.
    connected_until: Timestamp,
    reason: Option<String>,
    over: Timestamp,
}

impl Default for Revocations {
    fn default() -> Self {
        Self::new(Duration::from_hours(24 * 90))
    }
}

impl Revocations {
    /// None yet. Those that do not say themselves when they are over are kept for `kept`: for as
    /// long as a token may be good.
    pub fn new(kept: Duration) -> Self {
        Self {
            kept,
            known: Arc::default(),
            news: watch::Sender::new(()),
        }
    }

    /// When a revocation is over that is about tokens which were issued until `at`.
    pub(crate) fn over_after(&self, at: Timestamp) -> Timestamp {
        at.plus(self.kept)
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").finish_non_exhaustive()
    }
}

impl Revocations {
    /// Learns of a revocation at the time `now`. `false` when it was known.
    pub fn learn(&self, revocation: &Revocation, now: Timestamp) -> bool {
        if revocation.expires_at <= now {
            return false;
        }
        let is_news = {
            let mut known = self.lock();
            let organization = known.entry(revocation.organization.clone()).or_default();
            organization.learn(revocation, now)
        };
        if is_news {
            self.news.send_replace(());
        }
        is_news
    }

    /// Hears of every revocation that is learned of from now on; several may be one.
    pub fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Whether the token of `actor` is no longer believed.
    pub fn is_token_revoked(&self, actor: &Actor) -> bool {
        let known = self.lock();
        let Some(organization) = known.get(&actor.viewer.organization) else {
            return false;
        };
        let by_id = |jti: &String| organization.tokens.contains_key(jti);
        let by_time = || {
            let user = organization.users.get(&actor.viewer.user)?;
            let (before, _) = user.issued?;
            Some(actor.issued_at.is_none_or(|issued| issued < before))
        };
        actor.token_id.as_ref().is_some_and(by_id) || by_time().unwrap_or(false)
    }

    /// Why a socket with this token that connected at this time is to go, if it is.
    pub fn objection(&self, actor: &Actor, connected_at: Timestamp) -> Option<ErrorObject> {
        if self.is_token_revoked(actor) {
            return Some(AuthFailure::Revoked.into());
        }
        let known = self.lock();
        let user = known
            .get(&actor.viewer.organization)?
            .users
            .get(&actor.viewer.user)?;
        let sent_away = user.sent_away.as_ref()?;
        let text = sent_away
            .reason
            .as_deref()
            .unwrap_or("you were disconnected");
        (connected_at <= sent_away.connected_until)
            .then(|| ErrorObject::new(ErrorCode::Unauthenticated, text))
    }

    /// Reads what was revoked at or after `since`.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn read(
        &self,
        store: &Arc<dyn Store>,
        since: Timestamp,
        now: Timestamp,
    ) -> StoreResult<()> {
        for revocation in store.revocations(since, now).await? {
            self.learn(&revocation, now);
        }
        Ok(())
    }

    /// Reads what is new every second, until `stop`. At first everything is.
    pub async fn follow(
        self,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut since = Timestamp::from_millis(0);
        let mut swept = clock.now();
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let now = clock.now();
            match self.read(&store, since, now).await {
                Ok(()) => since = now.minus(OVERLAP),
                // Its circuit says so once; the next round asks for what this one missed.
                Err(error) => tracing::debug!(%error, "revocations not read"),
            }
            if now.since(swept) >= SWEEP {
                swept = now;
                self.forget_those_over(now);
                if let Err(error) = store.forget_revocations(now).await {
                    tracing::debug!(%error, "revocations that are over not removed");
                }
            }
        }
    }

    fn forget_those_over(&self, now: Timestamp) {
        self.lock().retain(|_, organization| {
            organization.tokens.retain(|_, over| *over > now);
            organization.users.retain(|_, user| {
                user.issued = user.issued.filter(|(_, over)| *over > now);
                user.sent_away = user.sent_away.take().filter(|one| one.over > now);
                user.issued.is_some() || user.sent_away.is_some()
            });
            !organization.tokens.is_empty() || !organization.users.is_empty()
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrganizationId, OfOrganization>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OfOrganization {
    fn learn(&mut self, revocation: &Revocation, now: Timestamp) -> bool {
        let over = revocation.expires_at;
        match &revocation.what {
            Revoked::Token { jti } => {
                let known = self.tokens.get(jti).copied();
                self.tokens
                    .insert(jti.clone(), over.max(known.unwrap_or(over)));
                known.is_none()
            }
            Revoked::Tokens { user, before } => {
                let user = self.users.entry(user.clone()).or_default();
                let known = user.issued;
                let (was, was_over) = known.unwrap_or_default();
                user.issued = Some((was.max(*before), was_over.max(over)));
                user.issued != known
            }
            Revoked::Sockets { user, reason } => {
                let user = self.users.entry(user.clone()).or_default();
                let at = revocation.at;
                let is_news = user.sent_away.as_ref().is_none_or(|known| known.at < at);
                if is_news {
                    // Heard of late, those who have come back since stay.
                    let connected_until = now.min(at.plus(CLOCKS_DIFFER));
                    let reason = reason.clone();
                    user.sent_away = Some(SentAway {
                        at,
                        connected_until,
                        reason,
                        over,
                    });
                }
                is_news
            }
        }
    }
}

#[cfg(test)]
mod tests;
