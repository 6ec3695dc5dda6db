//! Who is typing, and until when.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use async_trait::async_trait;
use switchboard_messaging::hub::{Channel, HubResult, TypingBook};
use switchboard_protocol::{Timestamp, UserId};

use super::MemoryHub;
use crate::TYPING_LINGERS;

/// Until when each note counts.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    until: HashMap<(Channel, UserId), Timestamp>,
    sweep_at: usize,
}

impl Notes {
    /// Notes that somebody types; `true` when it is news.
    pub(crate) fn start(&mut self, who: (Channel, UserId), now: Timestamp, ttl: Duration) -> bool {
        if self.until.len() >= self.sweep_at {
            self.until
                .retain(|_, until| until.plus(TYPING_LINGERS) > now);
            self.sweep_at = (self.until.len() * 2).max(1_024);
        }
        let before = self.until.insert(who, now.plus(ttl));
        before.is_none_or(|until| until <= now)
    }

    /// Notes that somebody stopped; `true` when it is news.
    pub(crate) fn stop(
        &mut self,
        who: (Channel, UserId),
        now: Timestamp,
        only_expired: bool,
    ) -> bool {
        match self.until.entry(who) {
            Entry::Vacant(_) => false,
            Entry::Occupied(note) if only_expired && *note.get() > now => false,
            Entry::Occupied(note) => {
                let until = note.remove();
                until.plus(TYPING_LINGERS) > now
            }
        }
    }
}

#[async_trait]
impl TypingBook for MemoryHub {
    async fn typing_start(
        &self,
        channel: &Channel,
        user: &UserId,
        ttl: Duration,
    ) -> HubResult<bool> {
        let now = self.shared.now();
        let who = (channel.clone(), user.clone());
        Ok(self.shared.lock().typing.start(who, now, ttl))
    }

    async fn typing_stop(
        &self,
        channel: &Channel,
        user: &UserId,
        only_expired: bool,
    ) -> HubResult<bool> {
        let now = self.shared.now();
        let who = (channel.clone(), user.clone());
        Ok(self.shared.lock().typing.stop(who, now, only_expired))
    }
}
