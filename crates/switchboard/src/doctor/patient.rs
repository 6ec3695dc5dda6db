//! What is examined, and how long a look may take.

use std::time::Duration;

use switchboard_config::{Loaded, Settings};
use switchboard_messaging::{Clock, SystemClock};
use switchboard_protocol::Timestamp;
use tokio::time::timeout;

/// A configuration, and the patience that there is for each look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patient<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) within: Duration,
}

impl<'a> Patient<'a> {
    pub(super) fn settings(&self) -> &'a Settings {
        &self.loaded.settings
    }

    /// What a key was set to that is known but has no effect in this version.
    pub(super) fn reserved(&self, path: &str) -> Option<&'a str> {
        let text = self.loaded.reserved.get(path)?;
        Some(text.expose().as_str())
    }

    /// What a look gives, unless it takes too long.
    pub(super) async fn bounded<T>(&self, look: impl Future<Output = T>) -> Result<T, String> {
        let looked = timeout(self.within, look).await;
        looked.map_err(|_| format!("no answer within {:?}", self.within))
    }

    /// How far somebody's clock is ahead of this host's, in ms: the answer is as old as half of the
    /// time that the question took.
    pub(super) async fn ahead<E>(
        &self,
        asking: impl Future<Output = Result<Timestamp, E>>,
    ) -> Result<i64, E> {
        let before = SystemClock.now().as_millis();
        let theirs = asking.await?.as_millis();
        let after = SystemClock.now().as_millis();
        Ok(theirs - i64::midpoint(before, after))
    }
}
