//! What users have not read.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use switchboard_messaging::hub::{Counted, HubResult, UnreadBook, UnreadNote};
use switchboard_protocol::{ConversationId, OrganizationId, Timestamp, UserId};

use super::MemoryHub;
use crate::UNREAD_KEPT;

/// What is known of everybody.
#[derive(Debug, Default)]
pub(super) struct Books {
    books: HashMap<(OrganizationId, UserId), Book>,
    sweep_at: usize,
}

/// What is known of one user.
#[derive(Debug, Default)]
struct Book {
    counts: BTreeMap<ConversationId, Counted>,
    is_all: bool,
    until: Timestamp,
}

impl Book {
    fn note(&mut self, note: &UnreadNote) {
        if note.is_all {
            (self.counts, self.is_all) = (BTreeMap::new(), true);
        }
        for new in &note.counts {
            let old = self.counts.get(&new.conversation);
            let (rev, read) = old.map_or((-1, -1), |old| (old.rev, old.read_seq));
            if new.rev >= rev && new.read_seq >= read {
                self.counts.insert(new.conversation, *new);
            } else if new.rev > rev || new.read_seq > read {
                self.counts.remove(&new.conversation);
                self.is_all = false;
            }
        }
    }

    fn total(&self) -> Option<i64> {
        let total = self.counts.values().map(|one| one.count).sum();
        self.is_all.then_some(total)
    }
}

impl Books {
    fn note(
        &mut self,
        who: (OrganizationId, UserId),
        note: &UnreadNote,
        now: Timestamp,
    ) -> Option<i64> {
        if self.books.len() >= self.sweep_at {
            self.books.retain(|_, book| book.until > now);
            self.sweep_at = (self.books.len() * 2).max(1_024);
        }
        let book = self.books.entry(who).or_default();
        if book.until <= now {
            *book = Book::default();
        }
        book.until = now.plus(UNREAD_KEPT);
        book.note(note);
        book.total()
    }

    fn known(
        &self,
        who: &(OrganizationId, UserId),
        now: Timestamp,
    ) -> Option<BTreeMap<ConversationId, i64>> {
        let book = self.books.get(who);
        let book = book.filter(|book| book.is_all && book.until > now)?;
        let counts = book.counts.values();
        Some(counts.map(|one| (one.conversation, one.count)).collect())
    }
}

#[async_trait]
impl UnreadBook for MemoryHub {
    async fn unread_note(
        &self,
        organization: &OrganizationId,
        notes: &[UnreadNote],
    ) -> HubResult<Vec<Option<i64>>> {
        let now = self.shared.now();
        let books = &mut self.shared.lock().unread;
        let note = |note: &UnreadNote| {
            let who = (organization.clone(), note.user.clone());
            books.note(who, note, now)
        };
        Ok(notes.iter().map(note).collect())
    }

    async fn unread_known(
        &self,
        organization: &OrganizationId,
        users: &[UserId],
    ) -> HubResult<Vec<Option<BTreeMap<ConversationId, i64>>>> {
        let now = self.shared.now();
        let books = &self.shared.lock().unread;
        let known = |user: &UserId| books.known(&(organization.clone(), user.clone()), now);
        Ok(users.iter().map(known).collect())
    }
}
