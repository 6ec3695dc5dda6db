//! Writes what fan-outs queued, without waking a task per connection.
//!
//! A sender puts a frame into a connection's queue and the connection on a list; a few tasks work
//! the lists off. While a list is long, more frames gather in the queues that are still to come,
//! and one write takes them all: under load writes are coalesced, at rest nothing is delayed.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::{lock, session::Session};

/// Writes between two chances for other tasks, some 0.1 ms: a large room must not hold up others.
const TURN: usize = 24;

/// The lists of one server.
#[derive(Debug)]
pub(crate) struct Flusher {
    lists: Box<[List]>,
}

#[derive(Default)]
struct List {
    waiting: Mutex<Vec<Arc<Session>>>,
    filled: Notify,
}

impl Flusher {
    /// As many lists as there are processors, which are worked off in parallel.
    pub(crate) fn new() -> Self {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            lists: (0..count).map(|_| List::default()).collect(),
        }
    }

    /// How many tasks shall [`run`](Self::run).
    pub(crate) fn tasks(&self) -> usize {
        self.lists.len()
    }

    /// Sees to it that what `session` has queued is written.
    pub(crate) fn enlist(&self, session: Arc<Session>) {
        let list = &self.lists[session.id.spread() % self.lists.len()];
        let was_empty = {
            let mut waiting = lock(&list.waiting);
            waiting.push(session);
            waiting.len() == 1
        };
        if was_empty {
            list.filled.notify_one();
        }
    }

    /// Works off list `index`, for ever.
    pub(crate) async fn run(&self, index: usize) {
        let list = &self.lists[index];
        let mut turn = Vec::new();
        loop {
            std::mem::swap(&mut turn, &mut *lock(&list.waiting));
            if turn.is_empty() {
                turn.shrink_to(1024);
                list.filled.notified().await;
                continue;
            }
            for (count, session) in (1..).zip(turn.drain(..)) {
                session.flush();
                drop(session);
                if count % TURN == 0 {
                    tokio::task::yield_now().await;
                }
            }
            tokio::task::yield_now().await;
        }
    }
}

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("List").finish_non_exhaustive()
    }
}
