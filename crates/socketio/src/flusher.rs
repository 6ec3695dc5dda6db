//! Writes what fan-outs queued, without waking a task per connection.
//!
//! A sender puts a frame into a connection's queue and the connection on a list; a few tasks work
//! the lists off. While a list is long, more frames gather in the queues that are still to come,
//! and one write takes them all: under load writes are coalesced, at rest nothing is delayed.
//!
//! A system call for each frame is most of what a fan-out costs, so a peer that was written to just
//! now rests for [`Options::write_interval`](crate::Options::write_interval): what is broadcast
//! meanwhile is written together then. Whoever hears less often than that never waits, and what is
//! for one socket alone waits for nothing: it is written at once, with all that waits. What nobody
//! waits for goes with whatever is written next, and by itself only after [`A_WHILE`].

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::{
    lock,
    session::{Due, Session},
};

/// Writes between two chances for other tasks, some 0.1 ms: a large room must not hold up others.
const TURN: usize = 24;

/// How long something waits that goes with whatever is written next.
pub(crate) const A_WHILE: Duration = Duration::from_millis(250);
/// Those who wait for it are looked after together once in so many milliseconds.
const GRAIN: u64 = 20;

/// The lists of one server.
#[derive(Debug)]
pub(crate) struct Flusher {
    lists: Box<[List]>,
    start: Instant,
    interval: u32,
}

#[derive(Default)]
struct List {
    waiting: Mutex<Vec<Arc<Session>>>,
    /// Those that the task is yet to take up among those who wait for a while.
    for_later: Mutex<Vec<Arc<Session>>>,
    filled: Notify,
}

impl Flusher {
    /// As many lists as there are processors, which are worked off in parallel.
    pub(crate) fn new(interval: Duration) -> Self {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            lists: (0..count).map(|_| List::default()).collect(),
            start: Instant::now(),
            interval: interval.as_millis() as u32,
        }
    }

    /// How many tasks shall [`run`](Self::run).
    pub(crate) fn tasks(&self) -> usize {
        self.lists.len()
    }

    /// Sees to it that what `session` has queued is written.
    pub(crate) fn enlist(&self, session: Arc<Session>) {
        let list = self.list_of(&session);
        list.fill(&list.waiting, session);
    }

    /// Sees to it that it is written after [`A_WHILE`], if it has not been by then.
    pub(crate) fn enlist_for_later(&self, session: Arc<Session>) {
        let list = self.list_of(&session);
        list.fill(&list.for_later, session);
    }

    fn list_of(&self, session: &Session) -> &List {
        &self.lists[session.id.spread() % self.lists.len()]
    }

    /// Works off list `index`, for ever.
    pub(crate) async fn run(&self, index: usize) {
        let list = &self.lists[index];
        let (mut turn, mut resting, mut later) = (Vec::new(), Timed::default(), Timed::default());
        loop {
            let now = self.millis();
            let due = (now + A_WHILE.as_millis() as u64).next_multiple_of(GRAIN);
            later.add_all(due, std::mem::take(&mut *lock(&list.for_later)));
            later.take_due(now, |session| session.waited());
            std::mem::swap(&mut turn, &mut *lock(&list.waiting));
            resting.take_due(now, |session| {
                session.rested();
                turn.push(session);
            });
            if turn.is_empty() {
                turn.shrink_to(1024);
                let next = resting.next().into_iter().chain(later.next()).min();
                self.wait(list, next).await;
                continue;
            }
            for (count, session) in (1..).zip(turn.drain(..)) {
                if let Due::Rest(rest) = session.flush_or_rest() {
                    resting.add_all(self.millis() + u64::from(rest), [session]);
                }
                if count % TURN == 0 {
                    tokio::task::yield_now().await;
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Until somebody is on the list, or this time has come.
    async fn wait(&self, list: &List, next: Option<u64>) {
        let filled = list.filled.notified();
        match next {
            None => filled.await,
            Some(due) => tokio::select! {
                () = sleep_until(self.start + Duration::from_millis(due)) => {}
                () = filled => {}
            },
        }
    }

    /// Between two writes to one peer, in milliseconds.
    pub(crate) fn interval(&self) -> u32 {
        self.interval
    }

    fn millis(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// Milliseconds on this flusher's clock, which goes round after seven weeks.
    pub(crate) fn now(&self) -> u32 {
        self.millis() as u32
    }
}

impl List {
    fn fill(&self, list: &Mutex<Vec<Arc<Session>>>, session: Arc<Session>) {
        let was_empty = {
            let mut list = lock(list);
            list.push(session);
            list.len() == 1
        };
        if was_empty {
            self.filled.notify_one();
        }
    }
}

/// Sessions by the millisecond in which they are due.
#[derive(Default)]
struct Timed(BTreeMap<u64, Vec<Arc<Session>>>);

impl Timed {
    fn add_all(&mut self, due: u64, sessions: impl IntoIterator<Item = Arc<Session>>) {
        let mut sessions = sessions.into_iter().peekable();
        if sessions.peek().is_some() {
            self.0.entry(due).or_default().extend(sessions);
        }
    }

    fn next(&self) -> Option<u64> {
        self.0.first_key_value().map(|(due, _)| *due)
    }

    fn take_due(&mut self, now: u64, mut take: impl FnMut(Arc<Session>)) {
        while self.next().is_some_and(|due| due <= now) {
            let due = self.0.pop_first().map(|(_, sessions)| sessions);
            due.into_iter().flatten().for_each(&mut take);
        }
    }
}

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("List").finish_non_exhaustive()
    }
}
