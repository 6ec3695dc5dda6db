//! Writing to a WebSocket: whoever holds the lock writes what is queued, the connection's own task
//! or a fan-out.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{DisconnectReason, frame::Frame, lock};

use super::{
    Farewell, Session,
    outgoing::{Due, cost},
};

/// The bytes under a WebSocket.
pub(crate) type Stream = TokioIo<Upgraded>;

/// Frames that one system call takes.
const SLICES: usize = 64;

/// The write side of a WebSocket.
#[derive(Debug, Default)]
pub(super) struct Writer {
    stream: Option<Stream>,
    /// Taken from the queue and not written yet.
    batch: VecDeque<Frame>,
    /// Bytes of the first frame in `batch` that are written.
    begun: u32,
    /// Of the connection's task, which goes on when the peer reads again.
    waker: Option<Waker>,
}

/// How far a flush came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// Everything is written.
    All,
    /// The peer does not read: the connection's task is woken when it does.
    Blocked,
    /// There is no stream, any more or yet.
    Nowhere,
}

impl Writer {
    pub(super) fn open(&mut self, stream: Stream) {
        self.stream = Some(stream);
    }

    pub(super) fn drop_stream(&mut self) {
        self.stream = None;
        self.batch = VecDeque::new();
        self.begun = 0;
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let stream = Pin::new(stream);
        let Some(first) = self.batch.front() else {
            return Poll::Ready(Ok(0));
        };
        let first = &first.wire()[self.begun as usize..];
        if self.batch.len() == 1 {
            return stream.poll_write(cx, first);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        slices[0] = IoSlice::new(first);
        let count = self.batch.len().min(SLICES);
        for (slice, frame) in slices.iter_mut().zip(&self.batch).skip(1) {
            *slice = IoSlice::new(frame.wire());
        }
        stream.poll_write_vectored(cx, &slices[..count])
    }

    /// Lets go of what is written; returns what the whole frames among it counted.
    fn advance(&mut self, mut written: usize) -> usize {
        let mut gone = 0;
        while let Some(first) = self.batch.front() {
            let left = first.len() - self.begun as usize;
            if written < left {
                self.begun += written as u32;
                break;
            }
            written -= left;
            gone += cost(first);
            self.begun = 0;
            self.batch.pop_front();
        }
        gone
    }
}

impl Session {
    /// Opens the write side of a session that begins as WebSocket.
    pub(crate) fn open_stream(&self, stream: Stream) {
        lock(&self.writer).open(stream);
    }

    /// Whom to wake when the peer reads again.
    pub(super) fn register_writer(&self, waker: &Waker) {
        lock(&self.writer).waker = Some(waker.clone());
    }

    /// The connection's task is here and will [`flush`](Self::flush): others need not.
    pub(crate) fn promise_flush(&self) {
        lock(&self.outgoing).schedule();
    }

    /// Writes what is queued, unless the peer rests.
    pub(crate) fn flush_due(self: &Arc<Self>) -> Due {
        let flusher = &self.registry.flusher;
        let due = lock(&self.outgoing).due(flusher.now(), flusher.interval());
        self.act_on(due)
    }

    /// [`flush_due`](Self::flush_due) of the connection's task, which will not be there when the peer
    /// has rested.
    pub(crate) fn flush_or_enlist(self: &Arc<Self>) {
        if let Due::Rest(_) = self.flush_due() {
            self.registry.flusher.enlist(self.clone());
        }
    }

    /// [`flush_due`](Self::flush_due) of the flusher, which comes back when the peer has rested.
    pub(crate) fn flush_or_rest(self: &Arc<Self>) -> Due {
        let flusher = &self.registry.flusher;
        let due = lock(&self.outgoing).due_or_rest(flusher.now(), flusher.interval());
        self.act_on(due)
    }

    fn act_on(self: &Arc<Self>, due: Due) -> Due {
        if due == Due::Write {
            self.flush();
        }
        due
    }

    /// What was to go with something else has waited for a while.
    pub(crate) fn waited(self: &Arc<Self>) {
        let next = lock(&self.outgoing).waited();
        self.follow(next);
    }

    /// The flusher is back.
    pub(crate) fn rested(&self) {
        lock(&self.outgoing).rested();
    }

    /// Writes what is queued, as far as the peer takes it. An error ends the session.
    pub(crate) fn flush(self: &Arc<Self>) -> Flushed {
        match self.write_queued() {
            Ok(flushed) => flushed,
            Err(error) => {
                tracing::debug!(remote = ?self.opening.remote_addr, %error, "write failed");
                lock(&self.writer).drop_stream();
                self.end(DisconnectReason::TransportError, Farewell::Drop);
                self.wake_driver();
                Flushed::Nowhere
            }
        }
    }

    /// Makes room in a full queue whose peer may well be reading: nobody has come to write yet. An
    /// error is left for the connection's task to find.
    pub(super) fn make_room(&self) {
        if self.write_queued().is_err() {
            lock(&self.writer).drop_stream();
            self.wake_driver();
        }
    }

    fn write_queued(&self) -> io::Result<Flushed> {
        let mut writer = lock(&self.writer);
        if writer.stream.is_none() {
            return Ok(Flushed::Nowhere);
        }
        // Before its first poll the connection's task could not be woken: it flushes then. The waker
        // is taken out, not cloned: counting references to a task is dear on a hot path.
        let Some(waker) = writer.waker.take() else {
            return Ok(Flushed::Nowhere);
        };
        let flushed = self.write_with(&mut writer, &waker);
        writer.waker = Some(waker);
        flushed
    }

    fn write_with(&self, writer: &mut Writer, waker: &Waker) -> io::Result<Flushed> {
        let mut cx = Context::from_waker(waker);
        let (mut written, mut came_further) = (0, false);
        loop {
            if writer.batch.is_empty() {
                let mut outgoing = lock(&self.outgoing);
                let more = outgoing.refill(written, &mut writer.batch);
                let said_all = outgoing.is_closed() && !more;
                if came_further && !more {
                    outgoing.note_written(self.registry.flusher.now());
                }
                drop(outgoing);
                written = 0;
                if !more {
                    // The connection's task says goodbye; not again and again, since it is the one
                    // who flushes then.
                    if said_all && came_further {
                        waker.wake_by_ref();
                    }
                    return Ok(Flushed::All);
                }
            }
            match writer.poll_write(&mut cx) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    written += writer.advance(count);
                    came_further = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    lock(&self.outgoing).count_written(written);
                    return Ok(Flushed::Blocked);
                }
            }
        }
    }

    /// Reads what has come.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut lock(&self.writer).stream {
            Some(stream) => Pin::new(stream).poll_read(cx, buffer),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Tells the peer that nothing more comes.
    pub(crate) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut lock(&self.writer).stream {
            Some(stream) => {
                ready!(Pin::new(&mut *stream).poll_flush(cx))?;
                Pin::new(stream).poll_shutdown(cx)
            }
            None => Poll::Ready(Ok(())),
        }
    }

    pub(crate) fn drop_stream(&self) {
        lock(&self.writer).drop_stream();
    }
}
