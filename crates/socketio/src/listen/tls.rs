//! TLS on a listener: the handshake, which has its time like the head of a request, and the stream.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig, server::TlsStream};

use super::Stream;

/// How a listener speaks TLS.
#[derive(Debug, Clone)]
pub struct Tls {
    /// What new connections begin with; those that there are go on with what they began with.
    pub config: watch::Receiver<Arc<ServerConfig>>,
    /// Called with what became of each handshake.
    pub on_handshake: fn(Handshake),
}

/// What became of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// The connection is there.
    Ok,
    /// The peer did not want, or spoke something else.
    Error,
    /// It was not done in time.
    Timeout,
}

impl Handshake {
    /// Its name, in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Timeout => "timeout",
        }
    }
}

impl Tls {
    /// The connection after its handshake; nothing if that was not done within `time`.
    pub(super) fn shake(
        &self,
        stream: Stream,
        time: Duration,
        remote: SocketAddr,
    ) -> impl Future<Output = Option<Secured>> + Send + use<> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config.borrow()));
        let on_handshake = self.on_handshake;
        async move {
            let (stream, became) = match timeout(time, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => (Some(Secured::new(stream)), Handshake::Ok),
                Ok(Err(error)) => {
                    tracing::debug!(%error, %remote, "tls handshake failed");
                    (None, Handshake::Error)
                }
                Err(_) => (None, Handshake::Timeout),
            };
            on_handshake(became);
            stream
        }
    }
}

/// A TLS stream that, like TCP, has nothing left to do for what it took: a write is only done when
/// all of its records are with the kernel. TLS by itself keeps some when the kernel is full, until
/// the next write or flush; a fan-out does not flush, and may have nothing more to write.
///
/// Whoever was told [`Poll::Pending`] has to come back with the same bytes, or those and more.
#[derive(Debug)]
pub(super) struct Secured {
    tls: TlsStream<Stream>,
    /// Bytes that were taken while the kernel did not take their records.
    taken: Option<usize>,
}

impl Secured {
    fn new(tls: TlsStream<Stream>) -> Self {
        Self { tls, taken: None }
    }

    fn poll_through(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(Pin<&mut TlsStream<Stream>>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.taken.is_none() {
            self.taken = Some(ready!(take(Pin::new(&mut self.tls), cx))?);
        }
        ready!(Pin::new(&mut self.tls).poll_flush(cx))?;
        Poll::Ready(Ok(self.taken.take().unwrap_or_default()))
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_read(cx, buf)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_through(cx, |tls, cx| tls.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_through(cx, |tls, cx| tls.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.tls.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
