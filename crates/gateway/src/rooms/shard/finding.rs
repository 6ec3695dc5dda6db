//! How a node finds its place in an organization's order, when it begins and whenever it has reason
//! to doubt it.
//!
//! It makes sure that everything comes that it listens to, and asks where the order and each room
//! stand. What of that it has not delivered is on its way, or is read from the store; what it has
//! delivered and never went out (a message of its own while the hub was away) it publishes. When both
//! is done, whoever has an event from here on has everything before it.

use std::collections::HashMap;

use switchboard_messaging::hub::{Channel, Room};
use switchboard_protocol::ConversationId;
use tokio::time::Instant;

use super::super::following::{Following, Phase};
use super::super::jobs::{self, Done, Found};
use super::super::sequencer::Sequencer;
use super::Shard;

/// How far the search is.
#[derive(Debug, Default)]
pub(super) enum Search {
    /// Nothing is looked for.
    #[default]
    Over,
    /// It is being asked where everything stands, or waited for the next try; how often the place had
    /// been doubted when it was asked.
    Asked { doubts: u64 },
    /// What is missing is awaited, and what never went out is published.
    Waiting {
        base: u64,
        floor: u64,
        /// The rooms that lack something, and up to which `rev`.
        behind: HashMap<Channel, i64>,
        telling: bool,
        doubts: u64,
    },
}

impl Shard {
    /// Somebody cast doubt on what arrived.
    pub(super) fn heed_doubt(&mut self) {
        if self.doubt.take() {
            self.place.doubt();
        }
        self.settle_place();
    }

    /// Looks for the place if it is lost, and sees whether it is found.
    pub(super) fn settle_place(&mut self) {
        self.check_found();
        // The first rooms find it when they are opened.
        if !self.place.is_found()
            && matches!(self.search, Search::Over)
            && self.rooms.values().any(|room| room.phase == Phase::Live)
        {
            self.find();
        }
        self.resume_due();
    }

    /// Asks where everything stands.
    pub(super) fn find(&mut self) {
        self.search = Search::Asked {
            doubts: self.place.doubts(),
        };
        let organization = self.organization.clone();
        let job = jobs::find(
            self.app.clone(),
            organization,
            self.delivered(),
            self.turns.clone(),
        );
        self.looked = Instant::now();
        self.jobs.spawn(job);
    }

    /// Looks whether the rooms are where the store is, and whether that was not done just now.
    pub(super) fn look(&mut self) {
        self.drop_old_holds();
        let is_due = self.looked.elapsed() >= jobs::LOOK / 2;
        if is_due && matches!(self.search, Search::Over) && !self.rooms.is_empty() {
            self.find();
        }
    }

    /// Each live conversation, and the last `rev` of it that was delivered.
    fn delivered(&self) -> Vec<(ConversationId, i64)> {
        let live = |channel: &Channel, room: &Following| match channel.room {
            Room::Conversation(conversation) if room.phase == Phase::Live => {
                Some((conversation, room.delivered()))
            }
            _ => None,
        };
        let rooms = self.rooms.iter();
        rooms
            .filter_map(|(channel, room)| live(channel, room))
            .collect()
    }

    /// It is known where everything stands.
    pub(super) fn found(&mut self, found: Found) {
        for (conversation, head) in &found.heads {
            let channel = self.conversation(*conversation);
            self.looked(&channel, *head);
        }
        let Some((standing, told)) = found.standing else {
            self.place.doubt();
            self.try_again(jobs::POLL);
            return;
        };
        let Search::Asked { doubts } = self.search else {
            return;
        };
        if doubts != self.place.doubts() {
            // What was asked before is no answer to what happened since.
            self.try_again(jobs::PATIENCE);
            return;
        }
        let position = &standing.position;
        if !self.place.is_of(&position.epoch) {
            tracing::debug!(organization = %self.organization, "a new order of events begins");
        }
        let mut ahead = Vec::new();
        let mut behind = HashMap::new();
        for ((conversation, delivered), rev) in told.iter().zip(&standing.revs) {
            if delivered > rev {
                ahead.push((*conversation, *rev, *delivered));
            }
            let channel = self.conversation(*conversation);
            if self.delivered_in(&channel).is_some_and(|now| now < *rev) {
                self.looked(&channel, *rev);
                behind.insert(channel, *rev);
            }
        }
        let telling = !ahead.is_empty();
        if telling {
            let organization = self.organization.clone();
            let job = jobs::tell(self.app.clone(), organization, ahead);
            self.jobs.spawn(job);
        }
        self.search = Search::Waiting {
            base: position.offset,
            floor: 0,
            behind,
            telling,
            doubts,
        };
    }

    /// Where new rooms stand was read when they were opened.
    pub(super) fn new_rooms_found(&mut self, found: Found, are_all: bool) {
        let Some((standing, _)) = &found.standing else {
            self.place.doubt();
            if matches!(self.search, Search::Over) {
                self.try_again(jobs::RETRY);
            }
            return;
        };
        if !self.place.is_of(&standing.position.epoch) {
            self.place.doubt();
        }
        if are_all && !self.place.is_found() && matches!(self.search, Search::Over) {
            self.search = Search::Asked {
                doubts: self.place.doubts(),
            };
            self.found(found);
        }
    }

    /// What never went out has gone out.
    pub(super) fn told(&mut self, up_to: Option<u64>) {
        let Search::Waiting { floor, telling, .. } = &mut self.search else {
            return;
        };
        match up_to {
            Some(up_to) => (*floor, *telling) = (up_to, false),
            None => self.try_again(jobs::RETRY),
        }
    }

    fn try_again(&mut self, pause: std::time::Duration) {
        self.search = Search::Asked {
            doubts: self.place.doubts(),
        };
        self.jobs.spawn(jobs::after(pause, Done::Find));
    }

    /// Whether nothing is missing any more.
    fn check_found(&mut self) {
        let Search::Waiting {
            base,
            floor,
            behind,
            telling: false,
            doubts,
        } = &self.search
        else {
            return;
        };
        if *doubts != self.place.doubts() {
            self.try_again(jobs::PATIENCE);
            return;
        }
        let (base, floor) = (*base, *floor);
        let is_behind = |(channel, rev): (&Channel, &i64)| {
            let now = self.delivered_in(channel);
            now.is_some_and(|now| now < *rev)
        };
        if behind.iter().any(is_behind) {
            return;
        }
        let is_ahead = |room: &Following| room.sequencer.as_ref().is_some_and(Sequencer::is_ahead);
        self.search = Search::Over;
        if self.rooms.values().any(|room| is_ahead(room)) {
            // Something more got lost meanwhile.
            self.place.doubt();
            self.try_again(jobs::RETRY);
        } else if !self.place.is_found() {
            self.place.found(base, floor);
        }
    }

    fn delivered_in(&self, channel: &Channel) -> Option<i64> {
        let room = self.rooms.get(channel)?;
        (room.phase == Phase::Live).then(|| room.delivered())
    }

    fn conversation(&self, conversation: ConversationId) -> Channel {
        Channel {
            organization: self.organization.clone(),
            room: Room::Conversation(conversation),
        }
    }
}
