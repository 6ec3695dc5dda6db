//! What a node keeps for itself while Redis is away: token buckets and typing of its own users. Its
//! own devices it knows anyway ([`crate::own_devices`]).

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use switchboard_messaging::hub::{Admission, Channel};
use switchboard_messaging::{Clock, Rate};
use switchboard_protocol::{OrganizationId, Timestamp, UserId};

use crate::memory::buckets::Shelf;
use crate::memory::typing::Notes;

/// Somebody who types somewhere.
type Typist = (Channel, UserId);

/// A node by itself. It lives by the node's clock.
pub(super) struct Alone {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    buckets: Shelf,
    typing: Notes,
    /// Who began to type while Redis was away. Whoever noted the beginning notes the end, a few
    /// seconds later at most: that is the bound.
    untold: HashSet<Typist>,
}

impl fmt::Debug for Alone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alone").finish_non_exhaustive()
    }
}

impl Alone {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::default();
        Self { clock, state }
    }

    /// Takes a token from this node's own bucket.
    pub(super) fn take(
        &self,
        who: (&OrganizationId, &UserId),
        bucket: &str,
        rate: Rate,
    ) -> Admission {
        let now = self.clock.now();
        self.lock().buckets.take(who, bucket, rate, now)
    }

    /// Somebody types. `shared` is what Redis said of it: whether it is news.
    pub(super) fn typing_start(
        &self,
        channel: &Channel,
        user: &UserId,
        ttl: Duration,
        shared: Option<bool>,
    ) -> bool {
        let (now, typist) = (self.clock.now(), (channel.clone(), user.clone()));
        let state = &mut *self.lock();
        // Kept also while Redis knows: it may be away when they stop.
        let news = state.typing.start(typist.clone(), now, ttl);
        if shared.is_some() {
            state.untold.remove(&typist);
        } else {
            state.untold.insert(typist);
        }
        shared.unwrap_or(news)
    }

    /// Somebody stopped. Redis, if it was asked, cannot know of a beginning that it was not told.
    pub(super) fn typing_stop(
        &self,
        channel: &Channel,
        user: &UserId,
        only_expired: bool,
        shared: Option<bool>,
    ) -> bool {
        let (now, typist) = (self.clock.now(), (channel.clone(), user.clone()));
        let state = &mut *self.lock();
        let news = state.typing.stop(typist.clone(), now, only_expired);
        let was_untold = news && state.untold.remove(&typist);
        shared.map_or(news, |shared| shared || was_untold)
    }

    /// Who types, as far as this node knows.
    pub(super) fn typing_users(&self, channel: &Channel) -> Vec<(UserId, Timestamp)> {
        let now = self.clock.now();
        self.lock().typing.users(channel, now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
