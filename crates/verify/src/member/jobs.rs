//! The calls that a client has to make: each is repeated until it is answered, which is safe for all of
//! them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use crate::checks::history::{Author, Entry};

/// What a call is for. Slots are places in a client's list of conversations.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Task {
    /// Make the conversation with this number.
    Create(usize),
    /// Follow a conversation, from the `rev` that is known on.
    Follow(usize),
    /// Read what was missed.
    CatchUp(usize),
    /// Send a message.
    Send {
        slot: usize,
        author: Author,
        ordered: Instant,
    },
    /// Read a whole history.
    Read(usize, Reading),
}

/// How far the reading of a history is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    /// By `conversation:sync`, from its first `rev`.
    pub(crate) synced: Vec<Entry>,
    /// `rev` up to which that is complete.
    pub(crate) upto: u64,
    /// Set when that is done, and `message:history` is read: from its first `seq`.
    pub(crate) paged: Option<Vec<Entry>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) task: Task,
    /// How often it was called.
    pub(crate) attempts: u32,
    due: Instant,
    /// The deadline of the answer.
    flight: Option<Instant>,
}

impl Job {
    fn is_send(&self) -> bool {
        matches!(self.task, Task::Send { .. })
    }
}

/// Sends of one client that may be under way at once: a server that is slow or limits rates is not
/// stormed with everything that has gathered.
const SENDS_IN_FLIGHT: usize = 16;

#[derive(Debug)]
pub(crate) struct Jobs {
    open: BTreeMap<u64, Job>,
    /// Ids of calls under way, and their jobs.
    calls: HashMap<u64, u64>,
    next: u64,
    /// After `RATE_LIMITED`, no send before this.
    sends_from: Instant,
}

impl Jobs {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            open: BTreeMap::new(),
            calls: HashMap::new(),
            next: 0,
            sends_from: now,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn add(&mut self, task: Task, due: Instant) {
        self.put(task, 0, due);
    }

    /// A job that was taken and has to be done once more.
    pub(crate) fn again(&mut self, job: Job, due: Instant) {
        self.put(job.task, job.attempts, due);
    }

    fn put(&mut self, task: Task, attempts: u32, due: Instant) {
        let (key, flight) = (self.next, None);
        self.next += 1;
        let job = Job {
            task,
            attempts,
            due,
            flight,
        };
        self.open.insert(key, job);
    }

    /// No send before `until`.
    pub(crate) fn hold_sends(&mut self, until: Instant) {
        self.sends_from = self.sends_from.max(until);
    }

    /// What is to be called now.
    pub(crate) fn due(&self, now: Instant) -> Vec<u64> {
        let flying = self
            .open
            .values()
            .filter(|job| job.is_send() && job.flight.is_some());
        let mut room = SENDS_IN_FLIGHT.saturating_sub(flying.count());
        let mut due = Vec::new();
        for (key, job) in &self.open {
            if job.flight.is_some() || job.due > now {
                continue;
            }
            if job.is_send() {
                if room == 0 || self.sends_from > now {
                    continue;
                }
                room -= 1;
            }
            due.push(*key);
        }
        due
    }

    pub(crate) fn get(&self, key: u64) -> Option<&Task> {
        self.open.get(&key).map(|job| &job.task)
    }

    /// A job was called, and `id` is what its answer comes with.
    pub(crate) fn called(&mut self, key: u64, id: u64, deadline: Instant) {
        if let Some(job) = self.open.get_mut(&key) {
            job.attempts += 1;
            job.flight = Some(deadline);
            self.calls.insert(id, key);
        }
    }

    /// The job that an answer is to, no longer among the others. `None`: it was given up.
    pub(crate) fn answered(&mut self, id: u64) -> Option<Job> {
        let key = self.calls.remove(&id)?;
        self.open.remove(&key)
    }

    /// Nothing that is under way will be answered any more.
    pub(crate) fn disconnected(&mut self, now: Instant) {
        self.calls.clear();
        for job in self.open.values_mut().filter(|job| job.flight.is_some()) {
            (job.flight, job.due) = (None, now);
        }
    }

    /// Gives up waiting for what is overdue, and says for how many. They are due again.
    pub(crate) fn time_out(&mut self, now: Instant) -> usize {
        let mut count = 0;
        for (key, job) in &mut self.open {
            if job.flight.is_some_and(|deadline| deadline <= now) {
                (job.flight, job.due) = (None, now);
                self.calls.retain(|_, of| of != key);
                count += 1;
            }
        }
        count
    }

    /// When something is due or overdue next; `connected`: whether anything can be called.
    pub(crate) fn next_time(&self, now: Instant, connected: bool) -> Option<Instant> {
        let ready = self.due(now + Duration::from_hours(1));
        let waiting = ready
            .iter()
            .filter_map(|key| self.open.get(key))
            .filter(|_| connected);
        let waiting = waiting.map(|job| {
            if job.is_send() {
                job.due.max(self.sends_from)
            } else {
                job.due
            }
        });
        let flying = self.open.values().filter_map(|job| job.flight);
        waiting.chain(flying).min()
    }

    /// Takes away what is no longer wanted, and says how much that was.
    pub(crate) fn drop_if(&mut self, unwanted: impl Fn(&Task) -> bool) -> usize {
        let before = self.open.len();
        self.open.retain(|_, job| !unwanted(&job.task));
        before - self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(number: u32, now: Instant) -> Task {
        Task::Send {
            slot: 0,
            author: Author { client: 0, number },
            ordered: now,
        }
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_call_is_due_until_it_is_answered() {
        let now = Instant::now();
        let mut jobs = Jobs::new(now);
        jobs.add(Task::Follow(0), now);
        let key = jobs.due(now)[0];
        jobs.called(key, 7, now + seconds(5));
        assert!(jobs.due(now + seconds(4)).is_empty());
        assert_eq!(jobs.time_out(now + seconds(4)), 0);
        assert_eq!(jobs.time_out(now + seconds(5)), 1);
        assert!(
            jobs.answered(7).is_none(),
            "an answer that nobody waits for any more"
        );
        assert_eq!(jobs.due(now + seconds(5)), [key]);
        jobs.called(key, 8, now + seconds(10));
        let job = jobs.answered(8).unwrap();
        assert_eq!((job.attempts, jobs.len()), (2, 0));
    }

    #[test]
    fn a_lost_connection_makes_everything_due_again() {
        let now = Instant::now();
        let mut jobs = Jobs::new(now);
        jobs.add(send(0, now), now);
        jobs.called(jobs.due(now)[0], 0, now + seconds(5));
        jobs.disconnected(now + seconds(1));
        assert_eq!(jobs.due(now + seconds(1)).len(), 1);
        assert!(jobs.answered(0).is_none());
    }

    #[test]
    fn only_so_many_sends_are_under_way_and_none_while_the_rate_is_limited() {
        let now = Instant::now();
        let mut jobs = Jobs::new(now);
        for number in 0..20 {
            jobs.add(send(number, now), now);
        }
        jobs.add(Task::CatchUp(0), now);
        assert_eq!(jobs.due(now).len(), SENDS_IN_FLIGHT + 1);
        jobs.hold_sends(now + seconds(2));
        assert_eq!(jobs.due(now).len(), 1);
        assert_eq!(jobs.next_time(now, true), Some(now));
        jobs.called(jobs.due(now)[0], 1, now + seconds(9));
        assert_eq!(jobs.next_time(now, true), Some(now + seconds(2)));
        assert_eq!(jobs.next_time(now, false), Some(now + seconds(9)));
        assert_eq!(jobs.due(now + seconds(2)).len(), SENDS_IN_FLIGHT);
    }
}
