//! Where this node stands in the order of an organization's events, and with it what recoverable
//! clients are told.
//!
//! The offset that ends an event says: whoever has this event has everything up to there that went
//! out in the rooms it follows, and nothing beyond. That holds while events arrive in their order and
//! nothing else is delivered. When something was lost, or was read from the store, it does not hold
//! until the node has found its place again; events in between say that their receivers cannot be
//! recovered by them.

use switchboard_messaging::hub::{Epoch, Position};

/// A place, and whether it is certain.
#[derive(Debug, Default)]
pub(super) struct Place {
    epoch: Option<Epoch>,
    /// The last offset that arrived.
    seen: u64,
    /// Everything up to here had arrived when the place was found.
    base: u64,
    /// Up to here, something was delivered before it went out.
    floor: u64,
    certain: bool,
    /// Counts the reasons to doubt it: what was asked before the last one does not answer it.
    doubts: u64,
}

/// What an arrival says about the place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrived {
    /// It is the next one.
    Next,
    /// It arrived before.
    Again,
    /// It has no place in the order as it is known here.
    Astray,
}

impl Place {
    /// An event arrives.
    pub(super) fn arrive(&mut self, position: Option<&Position>) -> Arrived {
        let Some(position) = position else {
            self.doubt();
            return Arrived::Astray;
        };
        if self.epoch.as_ref() != Some(&position.epoch) {
            self.begin(&position.epoch);
            self.seen = position.offset;
            self.doubt();
            return Arrived::Astray;
        }
        if position.offset <= self.seen {
            return Arrived::Again;
        }
        self.seen = position.offset;
        Arrived::Next
    }

    fn begin(&mut self, epoch: &Epoch) {
        *self = Self {
            epoch: Some(epoch.clone()),
            doubts: self.doubts,
            ..Self::default()
        };
    }

    /// The place is no longer certain.
    pub(super) fn doubt(&mut self) {
        self.certain = false;
        self.doubts += 1;
    }

    /// How often it was doubted.
    pub(super) fn doubts(&self) -> u64 {
        self.doubts
    }

    /// The order is this one; `false` when that is news.
    pub(super) fn is_of(&mut self, epoch: &Epoch) -> bool {
        let known = self.epoch.as_ref() == Some(epoch);
        if !known {
            self.begin(epoch);
        }
        known
    }

    /// The place is found: everything up to `base` has been delivered, and what was delivered
    /// otherwise went out by `floor`.
    pub(super) fn found(&mut self, base: u64, floor: u64) {
        self.base = self.base.max(base);
        self.floor = self.floor.max(floor);
        self.certain = true;
    }

    pub(super) fn is_certain(&self) -> bool {
        self.certain && self.reached() >= self.floor
    }

    /// Whether the place is certain or will be as soon as what went out arrives.
    pub(super) fn is_found(&self) -> bool {
        self.certain
    }

    /// How far everything has been delivered.
    pub(super) fn reached(&self) -> u64 {
        self.seen.max(self.base)
    }

    /// What a client is told that gets an event now.
    pub(super) fn position(&self) -> Option<Position> {
        let epoch = self.epoch.clone()?;
        self.is_certain().then(|| Position {
            epoch,
            offset: self.reached(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(epoch: &str, offset: u64) -> Position {
        Position {
            epoch: Epoch(epoch.to_owned()),
            offset,
        }
    }

    fn found(base: u64, floor: u64) -> Place {
        let mut place = Place::default();
        assert!(!place.is_of(&Epoch("a".to_owned())));
        place.found(base, floor);
        place
    }

    #[test]
    fn it_is_told_how_far_everything_was_delivered() {
        let mut place = found(7, 0);
        assert_eq!(place.position(), Some(at("a", 7)));
        assert_eq!(place.arrive(Some(&at("a", 9))), Arrived::Next);
        assert_eq!(place.position(), Some(at("a", 9)));
        assert_eq!(place.arrive(Some(&at("a", 9))), Arrived::Again);
    }

    #[test]
    fn what_was_on_its_way_when_the_place_was_found_still_arrives() {
        let mut place = found(7, 0);
        assert_eq!(place.arrive(Some(&at("a", 6))), Arrived::Next);
        assert_eq!(place.position(), Some(at("a", 7)));
    }

    #[test]
    fn what_has_no_place_or_one_in_another_epoch_leads_astray() {
        let mut place = found(7, 0);
        assert_eq!(place.arrive(None), Arrived::Astray);
        assert_eq!(place.position(), None);
        place.found(8, 0);
        assert_eq!(place.arrive(Some(&at("b", 1))), Arrived::Astray);
        assert_eq!(place.position(), None);
        assert!(place.is_of(&Epoch("b".to_owned())));
    }

    #[test]
    fn what_was_delivered_early_has_to_go_out_first() {
        let mut place = found(7, 9);
        assert_eq!(place.position(), None);
        place.arrive(Some(&at("a", 8)));
        assert_eq!(place.position(), None);
        place.arrive(Some(&at("a", 9)));
        assert_eq!(place.position(), Some(at("a", 9)));
    }
}
