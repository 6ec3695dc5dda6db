//! What one member sees of one conversation, judged as it comes.
//!
//! A *line* is a stretch of events that the server promises to be in order, with no gap and no double: one
//! session, with all reconnects that it recovered from. A reconnect that was not recovered begins a
//! new line; what lies between is for the client to read (`conversation:sync`).

use super::revs::Revs;

/// What to think of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// News.
    New,
    /// Known already, and allowed to come: it was read by `conversation:sync` meanwhile.
    Overlap,
    /// The member's own message, whose ack said the same before.
    Echo,
    /// Came twice on one line: a broken promise.
    Duplicate,
    /// Came after a later one: a broken promise.
    Late,
}

#[derive(Clone, Debug)]
pub(crate) struct Stream {
    /// By event, ack or reading.
    told: Revs,
    /// By event, on this line.
    live: Revs,
    /// What an event of its line went past. Unless it turns out to be the member's own, it was owed.
    skipped: Revs,
    /// Everything up to here is told.
    known: u64,
    /// The greatest that came as an event on this line.
    last: u64,
    /// This line owes nothing up to here.
    floor: u64,
    /// What is between the lines is being read.
    catching_up: bool,
}

impl Stream {
    /// Nothing is known yet.
    pub(crate) fn new() -> Self {
        Self {
            told: Revs::default(),
            live: Revs::default(),
            skipped: Revs::default(),
            known: 0,
            last: 0,
            floor: 0,
            catching_up: true,
        }
    }

    /// Where a catch-up has to begin.
    pub(crate) fn known(&self) -> u64 {
        self.known
    }

    /// Whether events are owed.
    pub(crate) fn follows(&self) -> bool {
        !self.catching_up
    }

    /// Connected anew, not recovered.
    pub(crate) fn begin_line(&mut self) {
        self.live.clear();
        self.last = 0;
        self.floor = self.known;
        self.catching_up = true;
    }

    /// An event came. The second value is how many were skipped by it.
    pub(crate) fn event(&mut self, rev: u64, own: bool) -> (Judgement, u64) {
        if self.live.contains(rev) {
            return (Judgement::Duplicate, 0);
        }
        self.live.insert(rev);
        if rev < self.last {
            self.tell(rev);
            return (Judgement::Late, 0);
        }
        let judgement = match (self.told.contains(rev), own) {
            (false, _) => Judgement::New,
            (true, true) => Judgement::Echo,
            (true, false) => Judgement::Overlap,
        };
        let skipped = self.skip_before(rev);
        self.last = rev;
        self.tell(rev);
        (judgement, skipped)
    }

    /// The ack of an own message came.
    pub(crate) fn ack(&mut self, rev: u64) {
        self.tell(rev);
    }

    /// Whether this came as an event on this line.
    pub(crate) fn heard(&self, rev: u64) -> bool {
        self.live.contains(rev)
    }

    /// A page of changes was read: everything up to `rev` is known.
    pub(crate) fn page(&mut self, rev: u64) {
        for read in self.known + 1..=rev {
            self.told.insert(read);
        }
        self.advance();
    }

    /// The last page was read: from here on the line owes everything.
    pub(crate) fn caught_up(&mut self, rev: u64) {
        self.page(rev);
        self.catching_up = false;
        self.floor = self.floor.max(rev);
        // What came meanwhile came after all that was not read yet.
        self.skip(self.floor + 1, self.last);
    }

    /// What this member was owed of the changes up to `head` and did not get, own messages apart:
    /// whose they are, their sender's id in the history says.
    pub(crate) fn missing(&self, head: u64) -> Vec<u64> {
        let mut missing = self.skipped.clone();
        if !self.catching_up {
            let untold = (self.floor + 1..=head).filter(|rev| !self.told.contains(*rev));
            for rev in untold {
                missing.insert(rev);
            }
        }
        missing.iter().collect()
    }

    /// Notes what an event leaves out, and says how much. While the client still reads, the line begins
    /// with its first event.
    fn skip_before(&mut self, rev: u64) -> u64 {
        if self.catching_up && self.last == 0 {
            return 0;
        }
        self.skip(self.last.max(self.floor) + 1, rev)
    }

    fn skip(&mut self, from: u64, before: u64) -> u64 {
        let gap: Vec<u64> = (from..before)
            .filter(|rev| !self.told.contains(*rev))
            .collect();
        for rev in &gap {
            self.skipped.insert(*rev);
        }
        gap.len() as u64
    }

    fn tell(&mut self, rev: u64) {
        self.told.insert(rev);
        self.skipped.remove(rev);
        self.advance();
    }

    fn advance(&mut self) {
        while self.told.contains(self.known + 1) {
            self.known += 1;
        }
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
