//! What users are, and what each watcher knows of each of its users.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Changes have numbers from 1 on; 0 is none.
#[derive(Debug, Default)]
pub(crate) struct Board {
    users: Vec<Truth>,
    watched: u32,
    /// Of each watcher, in turn.
    known: Vec<Known>,
}

#[derive(Debug, Default)]
struct Truth {
    /// The last change of status that was acked.
    acked: AtomicU32,
    is_away: AtomicBool,
    /// How often it came back.
    comings: AtomicU32,
    /// When it left, and when it was due back, in microseconds since the run began.
    left_at: AtomicU64,
    due_back: AtomicU64,
}

#[derive(Debug, Default)]
struct Known {
    change: AtomicU32,
    is_gone: AtomicBool,
    comings: AtomicU32,
}

/// What a watcher was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// A change of status.
    Change,
    /// It came back; since when it was due back.
    Came(u64),
    /// It left; when.
    Gone(u64),
    /// What it knew.
    Doubled,
    /// What is over.
    OutOfOrder,
    /// Something from before the run's changes.
    Nothing,
}

impl Board {
    pub(crate) fn new(users: u32, watchers: u32, watched: u32) -> Self {
        Self {
            users: (0..users).map(|_| Truth::default()).collect(),
            watched,
            known: (0..watchers * watched).map(|_| Known::default()).collect(),
        }
    }

    /// Whom a watcher is subscribed to: neighbours, so that each is watched by about as many.
    pub(crate) fn watched_by(&self, watcher: u32) -> Vec<u32> {
        let users = self.users.len() as u32;
        let place =
            |at| ((u64::from(watcher) * u64::from(self.watched) + at) % u64::from(users)) as u32;
        (0..u64::from(self.watched)).map(place).collect()
    }

    fn known(&self, watcher: u32, user: u32) -> Option<&Known> {
        let users = self.users.len() as u64;
        let first = u64::from(watcher) * u64::from(self.watched) % users;
        let at = (u64::from(user) + users - first) % users;
        let is_watched = at < u64::from(self.watched) && u64::from(user) < users;
        let place = u64::from(watcher) * u64::from(self.watched) + at;
        is_watched.then(|| &self.known[place as usize])
    }

    pub(crate) fn acked(&self, user: u32, change: u32) {
        let acked = &self.users[user as usize].acked;
        acked.fetch_max(change, Ordering::Relaxed);
    }

    pub(crate) fn left(&self, user: u32, now: u64) {
        let user = &self.users[user as usize];
        user.left_at.store(now, Ordering::Relaxed);
        user.is_away.store(true, Ordering::Release);
    }

    /// It is about to come back.
    pub(crate) fn comes(&self, user: u32, due: u64) {
        let user = &self.users[user as usize];
        user.due_back.store(due, Ordering::Relaxed);
        user.comings.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn came(&self, user: u32) {
        let user = &self.users[user as usize];
        user.is_away.store(false, Ordering::Release);
    }

    /// A watcher was told of a user: `None` if it is not subscribed to that one.
    pub(crate) fn tell(&self, watcher: u32, user: u32, told: Told) -> Option<News> {
        let known = self.known(watcher, user)?;
        let truth = &self.users[user as usize];
        let Told::There(change) = told else {
            let was_gone = known.is_gone.swap(true, Ordering::Relaxed);
            let left_at = truth.left_at.load(Ordering::Relaxed);
            return Some(if was_gone {
                News::Doubled
            } else {
                News::Gone(left_at)
            });
        };
        let comings = truth.comings.load(Ordering::Acquire);
        let is_coming = known.comings.swap(comings, Ordering::Relaxed) < comings;
        let before = known.change.fetch_max(change, Ordering::Relaxed);
        Some(if known.is_gone.swap(false, Ordering::Relaxed) {
            News::Came(truth.due_back.load(Ordering::Relaxed))
        } else if change > before {
            News::Change
        } else if change < before {
            News::OutOfOrder
        } else if change == 0 || is_coming {
            News::Nothing // its coming is told though nobody heard that it was gone
        } else {
            News::Doubled
        })
    }

    /// How many watchers do not know the last state of one of their users, over all users; and how many
    /// should.
    pub(crate) fn unknown_of(&self) -> (u64, u64) {
        let (mut unknown, mut of) = (0, 0);
        for (at, known) in self.known.iter().enumerate() {
            let user = at as u64 % self.users.len() as u64;
            let truth = &self.users[user as usize];
            // Who has not come back is no state to be told.
            if truth.is_away.load(Ordering::Acquire) {
                continue;
            }
            of += 1;
            let lacks = truth.acked.load(Ordering::Relaxed) > known.change.load(Ordering::Relaxed);
            unknown += u64::from(lacks || known.is_gone.load(Ordering::Relaxed));
        }
        (unknown, of)
    }
}

/// What an event says of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Offline,
    /// With the number of its last change.
    There(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The third of three watchers who watch two of four users each.
    const WATCHER: u32 = 2;

    fn board() -> Board {
        Board::new(4, 3, 2)
    }

    #[test]
    fn watchers_watch_neighbours() {
        let board = board();
        let all: Vec<_> = (0..3).map(|watcher| board.watched_by(watcher)).collect();
        assert_eq!(all, [[0, 1], [2, 3], [0, 1]]);
        for watcher in 0..3 {
            for user in 0..5 {
                let watches = board.watched_by(watcher).contains(&user);
                assert_eq!(board.known(watcher, user).is_some(), watches);
            }
        }
    }

    #[test]
    fn a_change_is_news_once_and_an_older_one_is_late() {
        let board = board();
        let tell = |change| board.tell(WATCHER, 1, Told::There(change));
        assert_eq!(tell(0), Some(News::Nothing));
        assert_eq!(tell(2), Some(News::Change));
        assert_eq!(tell(2), Some(News::Doubled));
        assert_eq!(tell(1), Some(News::OutOfOrder));
        assert_eq!(board.tell(WATCHER, 2, Told::There(1)), None);
    }

    #[test]
    fn who_leaves_and_comes_back_is_told_of_with_what_was_said_before() {
        let board = board();
        board.tell(WATCHER, 0, Told::There(1));
        board.left(0, 70);
        let offline = || board.tell(WATCHER, 0, Told::Offline);
        assert_eq!(offline(), Some(News::Gone(70)));
        assert_eq!(offline(), Some(News::Doubled));
        board.comes(0, 90);
        let there = || board.tell(WATCHER, 0, Told::There(1));
        assert_eq!(there(), Some(News::Came(90)));
        assert_eq!(there(), Some(News::Doubled));
    }

    #[test]
    fn who_was_away_too_shortly_to_be_gone_may_be_told_of_once() {
        let board = board();
        board.tell(WATCHER, 0, Told::There(1));
        board.left(0, 70);
        board.comes(0, 90);
        board.came(0);
        let there = || board.tell(WATCHER, 0, Told::There(1));
        assert_eq!(there(), Some(News::Nothing));
        assert_eq!(there(), Some(News::Doubled));
    }

    #[test]
    fn the_last_state_is_unknown_until_each_watcher_was_told() {
        let board = board();
        assert_eq!(board.unknown_of(), (0, 6));
        board.acked(0, 1);
        assert_eq!(board.unknown_of(), (2, 6));
        board.tell(0, 0, Told::There(1));
        assert_eq!(board.unknown_of(), (1, 6));
        board.tell(WATCHER, 0, Told::Offline);
        board.left(0, 1);
        assert_eq!(board.unknown_of(), (0, 4));
        board.comes(0, 2);
        board.came(0);
        assert_eq!(board.unknown_of(), (1, 6));
    }
}
