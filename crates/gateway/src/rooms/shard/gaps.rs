//! What the hub did not bring, or not in time, and what newcomers lack: it is read from the store.

use switchboard_messaging::hub::{BusEvent, Channel, Room};
use switchboard_messaging::publish;
use switchboard_messaging::store::Change;

use super::super::following::{Newcomer, Waiting};
use super::super::jobs::{self, Done};
use super::super::sequencer::{Offered, Sequencer};
use super::Shard;
use super::membership::Turn;
use crate::sessions::Membership;

impl Shard {
    /// Where rooms stand was read: what is further than what was delivered is missing.
    pub(super) fn looked(&mut self, channel: &Channel, head: i64) {
        if let Some(room) = self.rooms.get_mut(channel)
            && let Some(sequencer) = room.sequencer.as_mut()
        {
            sequencer.learn(head);
            self.watch_gap(channel);
        }
    }

    /// When something is missing, gives it a moment to come by itself.
    pub(super) fn watch_gap(&mut self, channel: &Channel) {
        let Some(room) = self.rooms.get_mut(channel) else {
            return;
        };
        let gapped = room.sequencer.as_ref().filter(|s| s.gap().is_some());
        if let Some(sequencer) = gapped
            && !room.repairing
        {
            // What the store has and nothing came after is most likely on its way.
            let is_certain = self.place.is_certain() && !sequencer.is_ahead();
            let patience = if is_certain {
                jobs::LOOK_PATIENCE
            } else {
                jobs::PATIENCE
            };
            let due = Done::GapDue(channel.clone(), sequencer.known());
            room.repairing = true;
            self.jobs.spawn(jobs::after(patience, due));
        }
    }

    /// Asks the store for everything that is still missing up to what was known when the wait
    /// began. One gap at a time would fall behind when many events are lost.
    pub(super) fn repair(&mut self, channel: Channel, up_to: i64) {
        let Some(room) = self.rooms.get_mut(&channel) else {
            return;
        };
        let missing = room.sequencer.as_ref().and_then(|s| s.missing(up_to));
        match missing {
            None => {
                room.repairing = false;
                self.watch_gap(&channel);
            }
            Some(gap) => {
                let job = jobs::repair(self.app.clone(), channel, gap);
                self.jobs.spawn(job);
            }
        }
    }

    pub(super) async fn repaired(&mut self, channel: &Channel, changes: Option<Vec<Change>>) {
        let Some(changes) = changes else {
            let room = self.rooms.get(channel);
            let known = room
                .and_then(|room| room.sequencer.as_ref())
                .map(Sequencer::known);
            let due = Done::GapDue(channel.clone(), known.unwrap_or_default());
            self.jobs.spawn(jobs::after(jobs::RETRY, due));
            return;
        };
        for change in changes {
            let Some(event) = self.as_event(channel, &change) else {
                continue;
            };
            let Some(room) = self.rooms.get_mut(channel) else {
                return;
            };
            let Some(sequencer) = room.sequencer.as_mut() else {
                return;
            };
            if let Offered::Ready(ready) = sequencer.offer(change.rev, event) {
                metrics::counter!("switchboard_gaps_repaired_total").increment(1);
                // It is delivered beside the order of the organization's events.
                self.place.doubt();
                self.deliver_all(channel, ready).await;
            }
        }
        if let Some(room) = self.rooms.get_mut(channel) {
            room.repairing = false;
        }
        self.watch_gap(channel);
    }

    fn as_event(&self, channel: &Channel, change: &Change) -> Option<BusEvent> {
        let Room::Conversation(conversation) = channel.room else {
            return None;
        };
        let now = self.app.clock.now();
        publish::change(&self.organization, conversation, change, now).ok()
    }

    /// What a newcomer lacked was read: it gets that, then what the room got meanwhile, and is in.
    pub(super) fn past(
        &mut self,
        channel: &Channel,
        newcomer: u64,
        changes: Option<Vec<Change>>,
        up_to: i64,
    ) {
        let Some(room) = self.rooms.get_mut(channel) else {
            return;
        };
        let Some(Newcomer {
            entry,
            state: Waiting::Past(tail),
            ..
        }) = room.take_newcomer_of(newcomer)
        else {
            return;
        };
        let id = &entry.socket.id();
        let Some(changes) = changes else {
            // It cannot be let in with a gap; its client reconnects and begins anew.
            entry.socket.close();
            self.no_longer_entering(&entry.socket);
            self.forget(channel, id);
            return;
        };
        // A removal ends it for a socket of that user, unless it came back since.
        let own = |change: &Change| {
            let turn = Turn::of_event(&change.event)?;
            let is_own = self.is_of(&entry.socket, &turn.user);
            is_own.then_some((change.rev, turn.is_member))
        };
        let last = match changes.iter().rev().find_map(own) {
            Some((rev, false)) => Some(rev),
            _ => None,
        };
        let is_due = |change: &&Change| last.is_none_or(|last| change.rev <= last);
        let is_anothers = |change: &&Change| change.maker.as_deref() != Some(id.as_str());
        for change in changes.iter().filter(is_due).filter(is_anothers) {
            let event = &change.event;
            for packet in self
                .outlet
                .dialects
                .packets(&entry.socket, event.name(), event)
            {
                // A socket that is gone or full is closed by the runtime.
                let _ = entry.socket.emit(&packet.without_certainty());
            }
        }
        if last.is_some() {
            self.no_longer_entering(&entry.socket);
            self.forget(channel, id);
            self.note_membership(channel, &[entry.socket], Membership::Ended);
            return;
        }
        for (_, packet) in tail.iter().filter(|(rev, _)| *rev > up_to) {
            let _ = entry.socket.emit(packet);
        }
        self.outlet.unread.caught_up(channel, &entry.socket);
        self.admit_all(channel, vec![entry]);
    }
}
