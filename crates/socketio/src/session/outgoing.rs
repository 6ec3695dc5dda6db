//! Frames that wait for the peer to take them, bounded in bytes.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use crate::{SendError, Transport, frame::Frame, lock};

use super::Session;

/// Slots that an idle queue keeps, so that single events do not allocate.
const KEPT: usize = 4;
/// What a frame costs beyond its bytes: its place in the queue and its allocation. Without it a
/// queue of tiny frames, such as pongs that the peer does not read, would take many times its limit.
const OVERHEAD: usize = 64;

/// Whether a frame may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// It may not: a full queue is an error.
    Queued(Haste),
    /// It is left out when half of the queue is taken.
    Volatile(Haste),
    /// It is the answer to a CONNECT with what the application chose to replay, whose size is the
    /// application's to bound.
    Opening,
}

/// Whether a frame may wait for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Haste {
    /// It is written at once, with all that waits.
    Now,
    /// One of many copies: it waits while its peer rests, see the [`flusher`](crate::flusher).
    Rests,
    /// It goes with whatever is written next, or by itself when nothing was for a while.
    Whenever,
}

#[derive(Debug)]
pub(super) struct Outgoing {
    frames: VecDeque<Frame>,
    /// The cost of `frames` and of what the writer took from here and has not written yet.
    bytes: usize,
    /// How much of it does not count, because it answered a CONNECT.
    exempt: usize,
    sink: Sink,
    closed: bool,
    /// Something among `frames` does not wait.
    urgent: bool,
    /// The flusher looks after a while whether something is still here.
    watched: bool,
    /// When the last of it was written, on the flusher's clock.
    wrote_at: u32,
}

#[derive(Debug)]
enum Sink {
    /// A WebSocket. Whether somebody is due to look after what is here, and whether the flusher does
    /// when the peer has rested.
    Stream { scheduled: bool, resting: bool },
    /// Long-polling, and the poll that waits.
    Polls(Option<Waker>),
}

/// What has to happen after the lock is given back.
#[derive(Debug)]
pub(super) enum Next {
    Nothing,
    Flush,
    FlushInAWhile,
    Wake(Waker),
}

/// What is due for a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing waits, or the flusher knows when it is due.
    Nothing,
    /// It is to be written.
    Write,
    /// The peer rests for so many milliseconds more.
    Rest(u32),
}

/// What a poll comes to.
#[derive(Debug)]
pub(crate) enum Polled {
    /// These are its answer.
    Frames(VecDeque<Frame>),
    /// The session goes on over WebSocket, or has ended.
    Over,
}

impl Outgoing {
    pub(super) fn new(transport: Transport) -> Self {
        Self {
            frames: VecDeque::new(),
            bytes: 0,
            exempt: 0,
            sink: match transport {
                Transport::WebSocket => Sink::Stream {
                    scheduled: false,
                    resting: false,
                },
                Transport::Polling => Sink::Polls(None),
            },
            closed: false,
            urgent: false,
            watched: false,
            wrote_at: 0,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(
        &mut self,
        frames: &[Frame],
        class: Class,
        limit: usize,
    ) -> Result<Next, SendError> {
        if self.closed {
            return Err(SendError::Closed);
        }
        let size: usize = frames.iter().map(cost).sum();
        let waiting = self.bytes.saturating_sub(self.exempt);
        let full = match class {
            Class::Volatile(_) => waiting >= limit.div_ceil(2) || waiting + size > limit,
            // One packet may be larger than the queue: it could never be sent otherwise.
            Class::Queued(_) => waiting > 0 && waiting + size > limit,
            Class::Opening => {
                self.exempt += size;
                false
            }
        };
        if full {
            return Err(SendError::Full);
        }
        self.bytes += size;
        self.frames.extend(frames.iter().cloned());
        let haste = match class {
            Class::Queued(haste) | Class::Volatile(haste) => haste,
            Class::Opening => Haste::Now,
        };
        Ok(match haste {
            Haste::Now => self.next_at_once(),
            Haste::Rests => self.next(),
            Haste::Whenever => self.next_in_a_while(),
        })
    }

    fn next_in_a_while(&mut self) -> Next {
        if std::mem::replace(&mut self.watched, true) {
            return Next::Nothing;
        }
        Next::FlushInAWhile
    }

    /// A while is over: what has not gone with anything else goes now.
    pub(super) fn waited(&mut self) -> Next {
        self.watched = false;
        if self.frames.is_empty() {
            return Next::Nothing;
        }
        self.next_at_once()
    }

    fn next_at_once(&mut self) -> Next {
        self.urgent = true;
        self.next()
    }

    fn next(&mut self) -> Next {
        match &mut self.sink {
            Sink::Stream {
                scheduled: true, ..
            } => Next::Nothing,
            Sink::Stream { resting: true, .. } if !self.urgent => Next::Nothing,
            Sink::Stream { scheduled, .. } => {
                *scheduled = true;
                Next::Flush
            }
            Sink::Polls(waiting) => waiting.take().map_or(Next::Nothing, Next::Wake),
        }
    }

    /// Takes nothing more. With last words, what is queued is sent before them; without, it is
    /// dropped.
    pub(super) fn close(&mut self, last: Option<Frame>) -> Next {
        self.closed = true;
        match last {
            Some(last) => {
                self.bytes += cost(&last);
                self.frames.push_back(last);
            }
            None => {
                self.frames = VecDeque::new();
            }
        }
        self.next_at_once()
    }

    /// The answer to a poll: everything, but a close packet by itself. socket.io-client 4 handles
    /// events a tick after their payload and a close packet at once, so it would lose those before
    /// it. The JavaScript server, too, closes once the rest has left (engine.io `lib/socket.ts`,
    /// `close`).
    fn take_payload(&mut self) -> VecDeque<Frame> {
        let mut frames = std::mem::take(&mut self.frames);
        (self.bytes, self.exempt) = (0, 0);
        let closes = self.closed && frames.back().is_some_and(|last| last.packet() == b"1");
        if closes && frames.len() > 1 {
            self.frames.extend(frames.pop_back());
            self.bytes = self.frames.iter().map(cost).sum();
        }
        frames
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether a poll waits.
    pub(super) fn is_polled(&self) -> bool {
        matches!(self.sink, Sink::Polls(Some(_)))
    }

    /// What a polling client would have been told as last words is told in WebSocket's own way.
    pub(super) fn replace_last(&mut self, last: Frame) {
        if self.closed {
            self.frames.pop_back();
            self.frames.push_back(last);
        }
    }

    /// The frames go over a WebSocket from now on.
    pub(super) fn turn_into_stream(&mut self) -> Next {
        self.urgent = true;
        let sink = Sink::Stream {
            scheduled: true,
            resting: false,
        };
        let before = std::mem::replace(&mut self.sink, sink);
        match before {
            Sink::Polls(Some(waiting)) => Next::Wake(waiting),
            Sink::Polls(None) | Sink::Stream { .. } => Next::Nothing,
        }
    }

    /// The connection's task promises to write what comes from now on.
    pub(super) fn schedule(&mut self) {
        if let Sink::Stream { scheduled, .. } = &mut self.sink {
            *scheduled = true;
        }
    }

    /// What whoever is due to look after it has to do at `now`, if the peer is written to once in
    /// `interval`.
    pub(super) fn due(&mut self, now: u32, interval: u32) -> Due {
        let Sink::Stream { scheduled, resting } = &mut self.sink else {
            return Due::Nothing;
        };
        let is_unfinished = self.bytes > 0 && self.frames.is_empty();
        let rest = interval.saturating_sub(now.wrapping_sub(self.wrote_at));
        if self.urgent || is_unfinished || (rest == 0 && !self.frames.is_empty()) {
            return Due::Write;
        }
        if self.frames.is_empty() || *resting {
            *scheduled = false;
            return Due::Nothing;
        }
        Due::Rest(rest)
    }

    /// [`due`](Self::due) for the flusher, which looks after it again when the peer has rested.
    pub(super) fn due_or_rest(&mut self, now: u32, interval: u32) -> Due {
        let due = self.due(now, interval);
        if let (Due::Rest(_), Sink::Stream { scheduled, resting }) = (due, &mut self.sink) {
            (*scheduled, *resting) = (false, true);
        }
        due
    }

    /// The peer has rested: the flusher looks after it now.
    pub(super) fn rested(&mut self) {
        if let Sink::Stream { scheduled, resting } = &mut self.sink {
            (*scheduled, *resting) = (true, false);
        }
    }

    /// Counts frames of this `cost` as gone and swaps what is queued for an empty list. `false` when
    /// there is nothing: then whoever queues something next has to see to it.
    pub(super) fn refill(&mut self, cost: usize, batch: &mut VecDeque<Frame>) -> bool {
        self.count_written(cost);
        self.urgent = false;
        if self.frames.is_empty() {
            if let Sink::Stream { scheduled, .. } = &mut self.sink {
                *scheduled = false;
            }
            for list in [&mut self.frames, batch] {
                if list.capacity() > KEPT {
                    *list = VecDeque::new();
                }
            }
            return false;
        }
        std::mem::swap(&mut self.frames, batch);
        true
    }

    /// Everything was written at `now`.
    pub(super) fn note_written(&mut self, now: u32) {
        self.wrote_at = now;
    }

    pub(super) fn count_written(&mut self, cost: usize) {
        self.bytes = self.bytes.saturating_sub(cost);
        self.exempt = self.exempt.saturating_sub(cost);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

/// What a frame counts in the queue.
pub(super) fn cost(frame: &Frame) -> usize {
    frame.len() + OVERHEAD
}

impl Session {
    /// Waits for something to answer a poll with.
    pub(crate) fn poll_frames(&self, cx: &mut Context<'_>) -> Poll<Polled> {
        let mut outgoing = lock(&self.outgoing);
        let Sink::Polls(waiting) = &mut outgoing.sink else {
            return Poll::Ready(Polled::Over);
        };
        *waiting = None;
        if !outgoing.frames.is_empty() {
            let frames = outgoing.take_payload();
            if outgoing.closed && outgoing.frames.is_empty() {
                drop(outgoing);
                // It stayed to be asked for its last words.
                self.wake_driver();
            }
            return Poll::Ready(Polled::Frames(frames));
        }
        if outgoing.closed {
            return Poll::Ready(Polled::Over);
        }
        outgoing.sink = Sink::Polls(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// Forgets the poll that waits.
    pub(crate) fn stop_polling(&self) {
        if let Sink::Polls(waiting) = &mut lock(&self.outgoing).sink {
            *waiting = None;
        }
    }

    /// Ends the poll that waits, if there is one and nothing to answer it with, so that a client
    /// which upgrades need not wait for it (engine.io `lib/socket.ts`, `check`).
    pub(crate) fn nudge_poll(self: &Arc<Self>) {
        let next = {
            let mut outgoing = lock(&self.outgoing);
            if !outgoing.is_polled() || outgoing.closed {
                return;
            }
            let noop = Frame::engine("6");
            outgoing.bytes += cost(&noop);
            outgoing.frames.push_back(noop);
            outgoing.next_at_once()
        };
        self.follow(next);
    }

    /// Whether everything that was queued has left.
    pub(crate) fn is_flushed(&self) -> bool {
        lock(&self.outgoing).is_empty()
    }
}

#[cfg(test)]
#[path = "outgoing_tests.rs"]
mod tests;
