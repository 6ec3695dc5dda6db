//! At the end: reading whole histories, and judging what was missed.

use serde_json::Value;
use tokio::time::Instant;

use super::Member;
use super::jobs::{Reading, Task};
use crate::checks::defect::Kind;
use crate::checks::history::{Entry, difference};
use crate::facts;

impl Member {
    /// A page of a history: first all by `conversation:sync`, then all by `message:history`.
    pub(super) fn read(
        &mut self,
        slot: usize,
        mut reading: Reading,
        data: &Value,
        now: Instant,
    ) -> Option<()> {
        let page = self.entries(&data["messages"])?;
        let more = data["hasMore"].as_bool()?;
        let goes_on = match &mut reading.paged {
            None => {
                let upto = facts::number(&data["rev"])?;
                if more && upto <= reading.upto {
                    return None; // it would never end
                }
                reading.upto = upto;
                reading.synced.extend(page);
                if !more {
                    reading.paged = Some(Vec::new());
                }
                true
            }
            Some(paged) => {
                if more && page.is_empty() {
                    return None;
                }
                paged.extend(page);
                more
            }
        };
        self.board.lock().pages += 1;
        if goes_on {
            self.jobs.add(Task::Read(slot, reading), now);
        } else {
            self.finished(slot, reading, now);
        }
        Some(())
    }

    fn entries(&self, messages: &Value) -> Option<Vec<Entry>> {
        let names = &self.board.names;
        messages
            .as_array()?
            .iter()
            .map(|message| names.entry(message))
            .collect()
    }

    fn finished(&mut self, slot: usize, reading: Reading, now: Instant) {
        let paged = reading.paged.unwrap_or_default();
        let disagreement = difference(&reading.synced, &paged);
        let of = (
            self.seats[slot].conversation,
            self.client,
            &self.board.names,
        );
        self.board.lock().read(of, &paged, disagreement, now);
    }

    /// What was owed and did not come. A member's own messages come as acks, also those whose ack
    /// was lost: the history knows whose they are.
    pub(super) fn judge(&mut self, now: Instant) {
        let mut state = self.board.lock();
        for seat in &self.seats {
            let Some(history) = &state.conversations[seat.conversation].history else {
                continue;
            };
            let head = history.last().map_or(0, |entry| entry.rev);
            let missing = seat.stream.missing(head).into_iter().filter(|rev| {
                let at = history.binary_search_by_key(rev, |entry| entry.rev);
                let author = at.ok().and_then(|at| history[at].author);
                // What the history itself lacks is found there.
                at.is_ok() && author.is_none_or(|author| author.client as usize != self.client)
            });
            let missing: Vec<u64> = missing.collect();
            for rev in missing {
                let whom = (Some(self.user.clone()), self.node.clone());
                state.defect(Kind::Missed, seat.conversation, rev, whom, now);
            }
        }
    }
}
