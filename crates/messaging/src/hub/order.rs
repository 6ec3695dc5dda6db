//! One order for all events of an organization that are more than volatile, and the short memory of
//! them from which a client that was away is given what it missed.

use std::fmt;

use async_trait::async_trait;
use switchboard_protocol::OrganizationId;

use super::{BusEvent, HubResult, Room};

/// The name of one order: it changes whenever offsets may have been lost or given twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(pub String);

/// A place in an organization's order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    pub epoch: Epoch,
    /// 1, 2, 3 … over all rooms of the organization.
    pub offset: u64,
}

impl Position {
    /// Reads what [`Display`](fmt::Display) wrote; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, offset) = text.rsplit_once('.')?;
        let plain = !epoch.is_empty()
            && epoch.len() <= 64
            && epoch.bytes().all(|b| b.is_ascii_alphanumeric());
        // Only in the form in which it is written.
        let offset = offset
            .parse()
            .ok()
            .filter(|n: &u64| n.to_string() == offset)?;
        plain.then(|| Self {
            epoch: Epoch(epoch.to_owned()),
            offset,
        })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch.0, self.offset)
    }
}

/// What became of an event that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// It went out, with a place in the order or (volatile events) without.
    Out(Option<Position>),
    /// Its `rev` is ahead: it is kept, and goes out once those before it are there. The last `rev`
    /// that went out is this one.
    Early { after: i64 },
    /// Its `rev` went out before.
    Known,
}

/// Where an organization stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub position: Position,
    /// For each room that was asked for, the last `rev` that went out.
    pub revs: Vec<i64>,
}

/// What went out in some rooms after a place in the order.
#[derive(Clone, Debug)]
pub enum Missed {
    /// All of it, in order; every event has its position.
    Events(Vec<BusEvent>),
    /// That is not known any more.
    Unknown(Lost),
}

/// Why it is not known what went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The position is one of another epoch, or of none.
    Epoch,
    /// Part of it is no longer kept.
    Trimmed,
    /// It is more than was asked for.
    TooMany,
}

/// The order and the logs of an organization's rooms.
#[async_trait]
pub trait Order: Send + Sync {
    /// Where the organization stands, and the last `rev` that went out in each of these rooms. For a
    /// room of which none is known, the given one counts as the last from here on.
    async fn standing(
        &self,
        organization: &OrganizationId,
        rooms: &[(Room, i64)],
    ) -> HubResult<Standing>;

    /// What went out in these rooms after a position, at most `limit` events. Events that go out
    /// while this reads may be left out; those of one room never with a gap.
    async fn missed(
        &self,
        organization: &OrganizationId,
        rooms: &[Room],
        after: &Position,
        limit: usize,
    ) -> HubResult<Missed>;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_position_is_read_as_it_was_written(epoch in "[A-Za-z0-9]{1,64}", offset: u64) {
            let position = Position { epoch: Epoch(epoch), offset };
            prop_assert_eq!(Position::parse(&position.to_string()), Some(position));
        }

        #[test]
        fn anything_else_is_no_position(text in "\\PC{0,80}") {
            if let Some(position) = Position::parse(&text) {
                prop_assert_eq!(position.to_string(), text);
            }
        }
    }

    #[test]
    fn what_nobody_wrote_is_no_position() {
        for text in [
            "", "-", ".", "a.", ".1", "a.-1", "a.01", "a.+1", "a b.1", "a.1.2",
        ] {
            assert_eq!(Position::parse(text), None, "{text}");
        }
    }
}
