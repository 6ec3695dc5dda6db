//! The order of an organization's events, as a plain data structure: what the in-process hub uses,
//! and what the scripts in Redis are tested against.

use std::collections::{BTreeMap, HashMap, VecDeque};

use switchboard_messaging::hub::{Epoch, Lost, Position, Published, Room};

/// Events that came too early and are kept, for each room; more are not: whoever published them
/// finds that out and publishes them again.
pub const MOST_EARLY: usize = 1_024;

/// A conversation begins with this `rev`, which is told in users' rooms; an event with the next one
/// follows it although nothing is known of the room.
const CREATION: i64 = 1;

/// How long a room's log is.
#[derive(Clone, Copy, Debug)]
pub struct LogBounds {
    /// Most events.
    pub length: usize,
    /// How long they are kept after the last one, in milliseconds.
    pub ttl_ms: i64,
}

impl Default for LogBounds {
    fn default() -> Self {
        Self {
            length: 500,
            ttl_ms: 600_000,
        }
    }
}

/// An event in a room's log.
#[derive(Clone, Debug)]
struct Logged<T> {
    offset: u64,
    /// Offset of the event before it in the same room; 0 is none.
    before: u64,
    /// What came before it in the room is not known.
    is_first_known: bool,
    event: T,
}

#[derive(Debug)]
struct RoomLog<T> {
    /// The last `rev` that went out.
    rev: Option<i64>,
    /// Offset of the last event.
    last: u64,
    log: VecDeque<Logged<T>>,
    early: BTreeMap<i64, T>,
    touched: i64,
}

impl<T> Default for RoomLog<T> {
    fn default() -> Self {
        Self {
            rev: None,
            last: 0,
            log: VecDeque::new(),
            early: BTreeMap::new(),
            touched: 0,
        }
    }
}

/// The order of one organization.
#[derive(Debug)]
pub struct Ordering<T> {
    epoch: Epoch,
    offset: u64,
    rooms: HashMap<Room, RoomLog<T>>,
}

impl<T: Clone> Ordering<T> {
    /// An order in which nothing happened.
    pub fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            offset: 0,
            rooms: HashMap::new(),
        }
    }

    /// The last place that was given.
    pub fn position(&self) -> Position {
        self.at(self.offset)
    }

    fn at(&self, offset: u64) -> Position {
        Position {
            epoch: self.epoch.clone(),
            offset,
        }
    }

    /// Publishes an event; gives what goes out by that, in order. `now` is in milliseconds.
    pub fn publish(
        &mut self,
        room: &Room,
        (rev, event): (Option<i64>, T),
        bounds: LogBounds,
        now: i64,
    ) -> (Published, Vec<(Position, T)>) {
        let log = self.rooms.entry(room.clone()).or_default();
        let mut is_first_known = false;
        if let Some(rev) = rev {
            match log.rev {
                Some(last) if rev <= last => return (Published::Known, Vec::new()),
                Some(last) if rev > last + 1 => {
                    if log.early.len() < MOST_EARLY {
                        log.early.entry(rev).or_insert(event);
                    }
                    return (Published::Early { after: last }, Vec::new());
                }
                Some(_) => {}
                None => is_first_known = rev > CREATION + 1,
            }
        }
        let mut out = vec![self.put(room, (rev, event), is_first_known, bounds, now)];
        let published = Published::Out(Some(out[0].0.clone()));
        while let Some(early) = self.next_early(room) {
            out.push(self.put(room, early, false, bounds, now));
        }
        (published, out)
    }

    fn next_early(&mut self, room: &Room) -> Option<(Option<i64>, T)> {
        let log = self.rooms.get_mut(room)?;
        let next = log.rev? + 1;
        log.early.remove(&next).map(|event| (Some(next), event))
    }

    fn put(
        &mut self,
        room: &Room,
        (rev, event): (Option<i64>, T),
        is_first_known: bool,
        bounds: LogBounds,
        now: i64,
    ) -> (Position, T) {
        self.offset += 1;
        let offset = self.offset;
        let log = self.rooms.entry(room.clone()).or_default();
        log.expire(bounds, now);
        log.rev = rev.or(log.rev);
        log.log.push_back(Logged {
            offset,
            before: std::mem::replace(&mut log.last, offset),
            is_first_known,
            event: event.clone(),
        });
        while log.log.len() > bounds.length {
            log.log.pop_front();
        }
        log.touched = now;
        (self.at(offset), event)
    }

    /// The last `rev` of each room; where none is known, the given one counts from here on.
    pub fn standing(&mut self, rooms: &[(Room, i64)]) -> Vec<i64> {
        let rev_of = |(room, known): &(Room, i64)| {
            let log = self.rooms.entry(room.clone()).or_default();
            *log.rev.get_or_insert(*known)
        };
        rooms.iter().map(rev_of).collect()
    }

    /// What went out in these rooms after a position.
    pub fn missed(
        &mut self,
        rooms: &[Room],
        after: &Position,
        limit: usize,
        (bounds, now): (LogBounds, i64),
    ) -> Result<Vec<(Position, T)>, Lost> {
        if after.epoch != self.epoch || after.offset > self.offset {
            return Err(Lost::Epoch);
        }
        let mut found = Vec::new();
        for room in rooms {
            if let Some(log) = self.rooms.get_mut(room) {
                log.expire(bounds, now);
                log.after(after.offset, &mut found)?;
            }
        }
        if found.len() > limit {
            return Err(Lost::TooMany);
        }
        found.sort_by_key(|(offset, _)| *offset);
        let found = found.into_iter();
        Ok(found
            .map(|(offset, event)| (self.at(offset), event))
            .collect())
    }
}

impl<T: Clone> RoomLog<T> {
    fn expire(&mut self, bounds: LogBounds, now: i64) {
        if now - self.touched >= bounds.ttl_ms {
            self.log.clear();
        }
    }

    /// Adds what came after an offset; refuses when not all of it is known.
    fn after(&self, offset: u64, found: &mut Vec<(u64, T)>) -> Result<(), Lost> {
        let start = self.log.partition_point(|one| one.offset <= offset);
        let mut tail = self.log.range(start..).peekable();
        let is_whole = match tail.peek() {
            None => self.last <= offset,
            Some(first) => first.before <= offset,
        };
        if !is_whole {
            return Err(Lost::Trimmed);
        }
        for one in tail {
            if one.is_first_known {
                return Err(Lost::Trimmed);
            }
            found.push((one.offset, one.event.clone()));
        }
        Ok(())
    }
}
