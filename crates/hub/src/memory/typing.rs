//! Who is typing, and until when.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use async_trait::async_trait;
use switchboard_messaging::hub::{Channel, HubResult, TypingBook};
use switchboard_protocol::{Timestamp, UserId};

use super::MemoryHub;
use crate::{MOST_TYPING, TYPING_LINGERS};

/// Since when each types, and until when that counts.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    notes: HashMap<(Channel, UserId), Note>,
    sweep_at: usize,
}

#[derive(Clone, Copy, Debug)]
struct Note {
    since: Timestamp,
    until: Timestamp,
}

impl Notes {
    /// Notes that somebody types; `true` when it is news.
    pub(crate) fn start(&mut self, who: (Channel, UserId), now: Timestamp, ttl: Duration) -> bool {
        if self.notes.len() >= self.sweep_at {
            self.notes
                .retain(|_, note| note.until.plus(TYPING_LINGERS) > now);
            self.sweep_at = (self.notes.len() * 2).max(1_024);
        }
        let until = now.plus(ttl);
        let news = Note { since: now, until };
        let note = self.notes.entry(who).or_insert(Note {
            until: Timestamp::default(),
            ..news
        });
        let is_news = note.until <= now;
        *note = if is_news {
            news
        } else {
            Note { until, ..*note }
        };
        is_news
    }

    /// Who types there, those who began first before the others.
    pub(crate) fn users(&self, channel: &Channel, now: Timestamp) -> Vec<(UserId, Timestamp)> {
        let there = self.notes.iter();
        let there = there.filter(|((at, _), note)| at == channel && note.until > now);
        let mut users: Vec<_> = there
            .map(|((_, user), note)| (user.clone(), note.since))
            .collect();
        users.sort_by(|(a, a_since), (b, b_since)| (a_since, a).cmp(&(b_since, b)));
        users.truncate(MOST_TYPING);
        users
    }

    /// Notes that somebody stopped; `true` when it is news.
    pub(crate) fn stop(
        &mut self,
        who: (Channel, UserId),
        now: Timestamp,
        only_expired: bool,
    ) -> bool {
        match self.notes.entry(who) {
            Entry::Vacant(_) => false,
            Entry::Occupied(note) if only_expired && note.get().until > now => false,
            Entry::Occupied(note) => note.remove().until.plus(TYPING_LINGERS) > now,
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

    async fn typing_users(&self, channel: &Channel) -> HubResult<Vec<(UserId, Timestamp)>> {
        let now = self.shared.now();
        Ok(self.shared.lock().typing.users(channel, now))
    }
}
