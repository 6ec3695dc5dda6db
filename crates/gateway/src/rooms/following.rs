//! One room of this node: who is in it, who is on the way in, and what has been delivered.

use std::collections::HashSet;

use switchboard_messaging::hub::BusEvent;
use switchboard_socketio::{Packet, Socket, SocketId};
use tokio::time::Instant;

use super::Entry;
use super::posts::Posts;
use super::sequencer::Sequencer;

/// How far the room's subscription is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Being subscribed: events are kept until it is known where they begin.
    Opening,
    /// Events flow.
    Live,
    /// Empty for a while, and being unsubscribed.
    Closing,
}

/// A room that this node follows.
#[derive(Debug)]
pub(super) struct Following {
    pub(super) phase: Phase,
    /// For a conversation, once live: the order of its events.
    pub(super) sequencer: Option<Sequencer<BusEvent>>,
    /// Sequenced events that came while opening.
    pub(super) early: Vec<BusEvent>,
    pub(super) members: HashSet<SocketId>,
    pub(super) newcomers: Vec<Newcomer>,
    /// How many sockets that come back have it held.
    pub(super) held: usize,
    /// A look at the gap, or its repair, is under way.
    pub(super) repairing: bool,
    /// What is known of its messages, once a dialect that is told of receipts has a socket in it.
    pub(super) posts: Option<Box<Posts>>,
    /// Since when nobody is in it or on the way in.
    pub(super) empty_since: Option<Instant>,
}

/// A socket whose place in the order is not yet the room's.
#[derive(Debug)]
pub(super) struct Newcomer {
    /// Which one it is: its socket may have left and come again while a job was under way for it.
    pub(super) serial: u64,
    pub(super) entry: Entry,
    pub(super) state: Waiting,
}

/// What a newcomer waits for.
#[derive(Debug)]
pub(super) enum Waiting {
    /// The room to be live.
    Room,
    /// The room to come to what the socket knows already.
    Turn,
    /// The store, to read what came before; meanwhile the room went on by this tail.
    Past(Vec<(i64, Packet)>),
}

impl Newcomer {
    /// Its socket asks once more. It follows from where it asked first, as one that is in the room
    /// already does: what came after that has been promised to it.
    pub(super) fn ask_again(&mut self, mut again: Entry) {
        if matches!(self.state, Waiting::Room) {
            self.entry.entered(0);
            (self.entry.on_entered, self.entry.done) = (again.on_entered, again.done);
            if self.entry.announcement.is_empty() {
                self.entry.announcement = again.announcement;
            }
        } else {
            for packet in again.announcement.drain(..) {
                // A socket that is gone or full is closed by the runtime.
                let _ = again.socket.emit(&packet.without_certainty());
            }
            again.entered(0);
        }
    }
}

impl Following {
    pub(super) fn opening() -> Self {
        Self {
            phase: Phase::Opening,
            sequencer: None,
            early: Vec::new(),
            members: HashSet::new(),
            newcomers: Vec::new(),
            repairing: false,
            held: 0,
            posts: None,
            empty_since: None,
        }
    }

    /// Nobody is in it or on the way in.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.newcomers.is_empty() && self.held == 0
    }

    /// The last `rev` that its members have.
    pub(super) fn delivered(&self) -> i64 {
        self.sequencer.as_ref().map_or(0, Sequencer::delivered)
    }

    /// What its members just got, kept for those who still wait for what came before it: `packets` are
    /// what a socket is told.
    pub(super) fn keep_for_newcomers(
        &mut self,
        rev: i64,
        packets: impl Fn(&Socket) -> Vec<Packet>,
        except: Option<&SocketId>,
    ) {
        for newcomer in &mut self.newcomers {
            let socket = &newcomer.entry.socket;
            if except == Some(&socket.id()) {
                continue;
            }
            if let Waiting::Past(tail) = &mut newcomer.state {
                tail.extend(packets(socket).into_iter().map(|packet| (rev, packet)));
            }
        }
    }

    /// Takes out the newcomers whose turn has come: they know all that was `delivered`.
    pub(super) fn take_those_in_turn(&mut self, delivered: i64) -> Vec<Entry> {
        let in_turn = |newcomer: &Newcomer| {
            matches!(newcomer.state, Waiting::Turn)
                && newcomer
                    .entry
                    .after_rev
                    .is_none_or(|after| after <= delivered)
        };
        let in_turn = self
            .newcomers
            .extract_if(.., |n| in_turn(n))
            .map(|newcomer| newcomer.entry)
            .collect();
        self.release();
        in_turn
    }

    /// Most rooms are those of users, who come seldom: they keep no place for newcomers.
    fn release(&mut self) {
        if self.newcomers.is_empty() {
            self.newcomers = Vec::new();
        }
    }

    /// The newcomer with this socket.
    pub(super) fn newcomer(&mut self, id: &SocketId) -> Option<&mut Newcomer> {
        let mut newcomers = self.newcomers.iter_mut();
        newcomers.find(|newcomer| newcomer.entry.socket.id() == *id)
    }

    /// Takes out the very newcomer that a job was for.
    pub(super) fn take_newcomer_of(&mut self, serial: u64) -> Option<Newcomer> {
        let mut serials = self.newcomers.iter().map(|newcomer| newcomer.serial);
        let index = serials.position(|one| one == serial)?;
        let newcomer = self.newcomers.swap_remove(index);
        self.release();
        Some(newcomer)
    }

    /// Takes out the newcomer with this socket.
    pub(super) fn take_newcomer(&mut self, id: &SocketId) -> Option<Newcomer> {
        let index = self
            .newcomers
            .iter()
            .position(|newcomer| newcomer.entry.socket.id() == *id)?;
        let newcomer = self.newcomers.swap_remove(index);
        self.release();
        Some(newcomer)
    }
}
