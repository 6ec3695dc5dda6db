//! The one task of a connection: it reads, runs the handlers of its sockets in order, and writes.

mod receive;
mod slot;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use smallvec::SmallVec;
use tokio::{io::ReadBuf, time::Sleep};

use crate::{
    Application, DisconnectReason, Protocol, Transport,
    session::{Farewell, Flushed, Session},
    wire, ws,
};

use slot::Slot;

/// How long a connection that the server is done with may take to flush and hang up before its
/// stream is dropped, and a polling client to fetch its last words.
pub(crate) const LINGER: Duration = Duration::from_secs(3);
/// Rounds of reading and handling before other tasks get their turn.
const ROUNDS: usize = 16;

/// Drives one session until it has ended and its last handler is done.
pub(crate) struct Driver<A: Application> {
    app: Arc<A>,
    session: Arc<Session>,
    packets: wire::Decoder,
    /// Present while the transport is a WebSocket.
    websocket: Option<ws::Decoder>,
    slots: SmallVec<[Slot<A>; 1]>,
    waker: Option<Waker>,
    leaving: Option<Box<Leaving>>,
    /// Bytes of a packet whose attachments are still to come.
    unfinished: usize,
    paused: bool,
}

/// A session that has ended, on its way out.
struct Leaving {
    linger: Pin<Box<Sleep>>,
    shut: bool,
}

impl<A: Application> Driver<A> {
    pub(crate) fn new(app: Arc<A>, session: Arc<Session>, websocket: Option<ws::Decoder>) -> Self {
        let mut driver = Self {
            packets: wire::Decoder::new(session.registry.options.max_packet),
            app,
            session,
            websocket,
            slots: SmallVec::new(),
            waker: None,
            leaving: None,
            unfinished: 0,
            paused: false,
        };
        // Clients of that revision are in `/` without asking.
        if driver.session.protocol == Protocol::V4 && !driver.session.registry.options.engine_only {
            driver.join("/", serde_json::Value::Null, None);
        }
        driver
    }

    fn register(&mut self, cx: &Context<'_>) {
        let known = self.waker.as_ref();
        if known.is_none_or(|known| !known.will_wake(cx.waker())) {
            self.session.register_driver(cx.waker());
            self.waker = Some(cx.waker().clone());
        }
    }

    /// Runs handlers as far as they go; returns whether any of them came further.
    fn handle(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        for slot in &mut self.slots {
            progress |= slot.poll(&self.app, cx);
        }
        self.slots.retain(|slot| !slot.is_done());
        progress
    }

    /// Ready when the client has been left as [`Farewell`] says, or took too long for that.
    fn poll_farewell(&mut self, cx: &mut Context<'_>, farewell: Farewell) -> Poll<()> {
        let transport = self.session.transport();
        let needs_time = match transport {
            Transport::WebSocket => farewell != Farewell::Drop,
            Transport::Polling => matches!(farewell, Farewell::Flush | Farewell::Answer),
        };
        if needs_time {
            let leaving = self.leaving.get_or_insert_with(|| {
                Box::new(Leaving {
                    linger: Box::pin(tokio::time::sleep(LINGER)),
                    shut: false,
                })
            });
            // Before the reading, which may spend what this task is allowed to do in one go.
            let is_over = leaving.linger.as_mut().poll(cx).is_ready();
            if !is_over {
                match transport {
                    Transport::WebSocket => ready!(leaving.poll_hang_up(&self.session, cx)),
                    Transport::Polling if self.session.is_flushed() => {}
                    Transport::Polling => return Poll::Pending,
                }
            }
        }
        self.session.finish();
        Poll::Ready(())
    }
}

impl Leaving {
    /// Flushes, says that nothing more comes, and reads on until the peer hangs up too: closing
    /// with unread bytes would reset the connection, and the peer might lose what it was sent.
    fn poll_hang_up(&mut self, session: &Arc<Session>, cx: &mut Context<'_>) -> Poll<()> {
        match session.flush() {
            Flushed::All => {}
            Flushed::Blocked => return Poll::Pending,
            Flushed::Nowhere => return Poll::Ready(()),
        }
        if !self.shut {
            if ready!(session.poll_shutdown(cx)).is_err() {
                return Poll::Ready(());
            }
            self.shut = true;
        }
        let mut unread = [0; 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut unread);
            match ready!(session.poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(()),
            }
        }
    }
}

/// A driver that is dropped before its end, by a panic or with its runtime, leaves no session that
/// nobody drives.
impl<A: Application> Drop for Driver<A> {
    fn drop(&mut self) {
        self.session
            .end(DisconnectReason::TransportError, Farewell::Drop);
        self.session.finish();
    }
}

impl<A: Application> Future for Driver<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.register(cx);
        this.session.promise_flush();
        for _ in 0..ROUNDS {
            let handled = this.handle(cx);
            let received = this.receive(cx);
            if handled {
                this.session.flush_due();
            }
            if handled || received {
                continue;
            }
            let Some((_, farewell)) = this.session.ended() else {
                this.session.flush_or_enlist();
                return Poll::Pending;
            };
            let said = this.poll_farewell(cx, farewell);
            return if this.slots.is_empty() {
                said
            } else {
                Poll::Pending
            };
        }
        this.session.flush_due();
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
