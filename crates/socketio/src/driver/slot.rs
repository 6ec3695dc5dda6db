//! One socket of a connection: connect, its events in order, disconnect.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde_json::Value;
use tokio::time::Sleep;

use crate::{Application, DisconnectReason, Event, Handshake, Refusal, Socket, Turn};

/// Message of the refusal when the connect handler panicked; it tells nothing of the inside.
const INTERNAL: &str = "INTERNAL";
/// Bytes of packets that may wait in one socket's mailbox.
const MAILBOX_BYTES: usize = 1024 * 1024;
/// Most events of one socket that are at work after they passed their turn.
const OVERLAPPING: usize = 16;

type Running<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A socket and what is done for it at the moment.
pub(super) struct Slot<A: Application> {
    pub(super) socket: Socket,
    stage: Stage<A>,
    /// Handlers that passed their turn; only those are polled that were woken.
    passed: Option<FuturesUnordered<Passed>>,
    mailbox: VecDeque<Queued>,
    mailbox_bytes: usize,
    /// Runs from the moment at which the socket was seen to be gone.
    grace: Option<Pin<Box<Sleep>>>,
}

enum Stage<A: Application> {
    Connecting(Running<Result<A::Session, Refusal>>),
    /// Of a socket that was accepted.
    Connected(Arc<A::Session>, Option<Handler>),
    Leaving(Running<()>),
    Done,
}

struct Handler {
    running: Running<()>,
    /// Of an event.
    turn: Option<Turn>,
}

/// A handler that passed its turn.
struct Passed {
    socket: Socket,
    running: Running<()>,
}

impl Future for Passed {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { socket, running } = &mut *self;
        caught(socket, running, cx).map(|_| ())
    }
}

struct Queued {
    event: Event,
    bytes: usize,
}

impl<A: Application> Slot<A> {
    pub(super) fn new(app: &Arc<A>, socket: Socket, handshake: Handshake) -> Self {
        let (app, connecting) = (app.clone(), socket.clone());
        let connect = Box::pin(async move { app.connect(handshake, connecting).await });
        Self {
            socket,
            stage: Stage::Connecting(connect),
            passed: None,
            mailbox: VecDeque::new(),
            mailbox_bytes: 0,
            grace: None,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    pub(super) fn is_full(&self) -> bool {
        self.mailbox.len() >= self.socket.session().registry.options.mailbox.max(1)
            || self.mailbox_bytes >= MAILBOX_BYTES
    }

    pub(super) fn push(&mut self, event: Event, bytes: usize) {
        self.socket.received();
        self.mailbox_bytes += bytes;
        self.mailbox.push_back(Queued { event, bytes });
    }

    /// Runs what there is to run; returns whether anything came further.
    pub(super) fn poll(&mut self, app: &Arc<A>, cx: &mut Context<'_>) -> bool {
        // Before the handler, which may spend what this task is allowed to do in one go.
        if self.is_out_of_grace(cx) {
            self.abandon(app);
            return true;
        }
        let mut progress = self.poll_passed(cx);
        while self.step(app, cx) {
            progress = true;
        }
        // It may have begun just now.
        progress || self.is_out_of_grace(cx)
    }

    /// Goes on with those who passed their turn; returns whether any of them is done.
    fn poll_passed(&mut self, cx: &mut Context<'_>) -> bool {
        let before = self.at_work();
        while let Some(passed) = &mut self.passed {
            match passed.poll_next_unpin(cx) {
                Poll::Ready(Some(())) => self.socket.handled(),
                Poll::Ready(None) => self.passed = None,
                Poll::Pending => break,
            }
        }
        self.at_work() < before
    }

    /// How many passed their turn and are not done.
    fn at_work(&self) -> usize {
        self.passed.as_ref().map_or(0, FuturesUnordered::len)
    }

    fn step(&mut self, app: &Arc<A>, cx: &mut Context<'_>) -> bool {
        match &mut self.stage {
            Stage::Connecting(connect) => match caught(&self.socket, connect, cx) {
                Poll::Pending => false,
                Poll::Ready(decision) => {
                    self.decide(app, decision);
                    true
                }
            },
            Stage::Connected(_, Some(handler)) => {
                if caught(&self.socket, &mut handler.running, cx).is_pending() {
                    return self.passes();
                }
                if handler.turn.is_some() {
                    self.socket.handled();
                }
                self.continue_with(None);
                true
            }
            Stage::Connected(session, None) => {
                let session = session.clone();
                self.next(app, session)
            }
            Stage::Leaving(disconnected) => {
                let done = caught(&self.socket, disconnected, cx).is_ready();
                if done {
                    self.stage = Stage::Done;
                }
                done
            }
            Stage::Done => false,
        }
    }

    /// Puts a handler that waits aside, if it passed its turn.
    fn passes(&mut self) -> bool {
        let Stage::Connected(_, current) = &mut self.stage else {
            return false;
        };
        let is_passed = |handler: &mut Handler| handler.turn.as_ref().is_some_and(Turn::is_passed);
        let Some(handler) = current.take_if(is_passed) else {
            return false;
        };
        let socket = self.socket.clone();
        let running = handler.running;
        let passed = self.passed.get_or_insert_default();
        passed.push(Passed { socket, running });
        true
    }

    fn continue_with(&mut self, handler: Option<Handler>) {
        if let Stage::Connected(_, running) = &mut self.stage {
            *running = handler;
        }
    }

    fn decide(&mut self, app: &Arc<A>, decision: Option<Result<A::Session, Refusal>>) {
        let session = match decision {
            Some(Ok(session)) => Arc::new(session),
            Some(Err(refusal)) => return self.refuse(&refusal),
            None => {
                return self.refuse(&Refusal {
                    message: INTERNAL.to_owned(),
                    data: Value::Null,
                });
            }
        };
        if !self.socket.accept() {
            // The session may be ending at this moment, and come to its sockets only later.
            if let Some((reason, _)) = self.socket.session().ended() {
                self.socket.end(reason);
            }
            return self.leave(app, session);
        }
        let (app, socket, own) = (app.clone(), self.socket.clone(), session.clone());
        let running = Box::pin(async move { app.connected(socket, own).await });
        self.stage = Stage::Connected(
            session,
            Some(Handler {
                running,
                turn: None,
            }),
        );
    }

    fn refuse(&mut self, refusal: &Refusal) {
        self.socket.refuse(refusal);
        self.stage = Stage::Done;
    }

    /// Starts what comes next: an event's handler, or the end.
    fn next(&mut self, app: &Arc<A>, session: Arc<A::Session>) -> bool {
        let gone = self.socket.gone();
        let keeps = gone.is_none_or(DisconnectReason::keeps_received_events);
        let goes_on = self.at_work() == 0 || (keeps && self.next_overtakes(app));
        if !goes_on {
            return false;
        }
        if let Some(queued) = self.mailbox.pop_front().filter(|_| keeps) {
            self.mailbox_bytes -= queued.bytes;
            if self.mailbox.is_empty() && self.mailbox.capacity() > 8 {
                self.mailbox = VecDeque::new();
            }
            let (app, socket) = (app.clone(), self.socket.clone());
            let turn = Some(queued.event.turn.clone());
            let running = Box::pin(async move { app.event(socket, session, queued.event).await });
            self.continue_with(Some(Handler { running, turn }));
            return true;
        }
        if gone.is_some() {
            self.leave(app, session);
        }
        gone.is_some()
    }

    /// Whether there is a next event that need not wait for those which passed their turn.
    fn next_overtakes(&self, app: &Arc<A>) -> bool {
        let next = self.mailbox.front();
        let overtakes = |queued: &Queued| app.may_overtake(&self.socket, &queued.event);
        self.at_work() < OVERLAPPING && next.is_some_and(overtakes)
    }

    fn leave(&mut self, app: &Arc<A>, session: Arc<A::Session>) {
        self.mailbox = VecDeque::new();
        self.mailbox_bytes = 0;
        self.passed = None;
        self.grace = None;
        let reason = self.socket.gone().unwrap_or_default();
        let (app, id) = (app.clone(), self.socket.id());
        self.stage = Stage::Leaving(Box::pin(async move {
            app.disconnected(id, session, reason).await;
        }));
    }

    /// Whether the socket has been gone for so long that its handler is not waited for.
    fn is_out_of_grace(&mut self, cx: &mut Context<'_>) -> bool {
        let waits = matches!(
            self.stage,
            Stage::Connecting(_) | Stage::Connected(_, Some(_))
        ) || self.at_work() > 0;
        if !waits || self.socket.gone().is_none() {
            return false;
        }
        let time = self.socket.session().registry.options.handler_grace;
        let grace = self
            .grace
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
        grace.as_mut().poll(cx).is_ready()
    }

    fn abandon(&mut self, app: &Arc<A>) {
        tracing::warn!(socket = %self.socket.id(), "handler dropped: it outlived its socket");
        match &self.stage {
            Stage::Connected(session, _) => {
                let session = session.clone();
                self.leave(app, session);
            }
            _ => self.stage = Stage::Done,
        }
    }
}

/// Polls one call into the application; a panic is counted and logged, and gives `None`.
fn caught<T>(socket: &Socket, call: &mut Running<T>, cx: &mut Context<'_>) -> Poll<Option<T>> {
    // What a panicking handler leaves half-done is the application's own; ours is behind locks
    // that it cannot hold.
    match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Some),
        Err(_panic) => {
            let registry = &socket.session().registry;
            registry.handler_panics.fetch_add(1, Ordering::Relaxed);
            tracing::error!(
                socket = %socket.id(),
                namespace = socket.namespace(),
                "handler panicked"
            );
            Poll::Ready(None)
        }
    }
}
