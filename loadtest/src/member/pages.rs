//! Old messages, read from the newest back to the first.

use super::wire::Answer;
use super::{Call, Member};
use crate::connection::Reason;
use crate::figures::Time;

impl Member {
    pub(super) fn read_page(&mut self, due: u64) {
        let room = self.room.as_deref().unwrap_or_default();
        let limit = self.company.page.unwrap_or_default();
        let before = self.before;
        let place = before.map_or_else(String::new, |seq| format!(r#","beforeSeq":{seq}"#));
        let payload = format!(r#"{{"conversationId":"{room}","limit":{limit}{place}}}"#);
        self.company.live.pages_asked.add();
        let call = Call::Page { due, before };
        self.call(call, "message:history", &payload);
    }

    /// Goes on with the page before it, or begins anew.
    pub(super) fn page_came(
        &mut self,
        answer: &Answer<'_>,
        (due, before): (u64, Option<u64>),
        now: u64,
    ) -> Result<(), Reason> {
        let (seqs, has_more) = answer.page().ok_or("an answer without a page")?;
        let live = &self.company.live;
        live.pages.add();
        for _ in &seqs {
            live.paged_messages.add();
        }
        let end = before.unwrap_or(u64::from(self.company.fill) + 1);
        let limit = u64::from(self.company.page.unwrap_or_default());
        if !is_whole(&seqs, has_more, (end, limit)) {
            live.wrong_pages.add();
        }
        if self.is_measured(due) {
            live.measured_pages.add();
            let took = now.saturating_sub(due);
            let mut figures = self.company.ledger.of(self.seat.number);
            figures.record(Time::Page, took);
        }
        self.before = seqs.first().copied().filter(|_| has_more);
        Ok(())
    }
}

/// Whether a page has the `limit` messages before `end`, or all that there are, without a gap.
fn is_whole(seqs: &[u64], has_more: bool, (end, limit): (u64, u64)) -> bool {
    let first = end.saturating_sub(limit).max(1);
    has_more == (first > 1) && seqs.iter().copied().eq(first..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_whole_when_it_has_all_that_it_could_have() {
        assert!(is_whole(&[4, 5, 6], true, (7, 3)));
        assert!(is_whole(&[1, 2], false, (3, 3)));
        for (seqs, has_more, place) in [
            (&[4, 6][..], true, (7, 3)),   // a gap
            (&[5, 6], true, (7, 3)),       // too few
            (&[3, 4, 5], true, (7, 3)),    // not up to the end
            (&[4, 6, 5], true, (7, 3)),    // in another order
            (&[1, 2], true, (3, 3)),       // there is nothing before
            (&[4, 5, 6], false, (7, 3)),   // there is
            (&[3, 4, 5, 6], true, (7, 3)), // more than were asked for
        ] {
            assert!(!is_whole(seqs, has_more, place), "{seqs:?}");
        }
    }
}
