//! Accepting connections so that a peer which stops reading is gone within a deadline.
//!
//! Without this a WebSocket whose peer never reads blocks its writer for as long as the peer
//! keeps the TCP connection up, which may be for ever.

mod places;
mod tls;

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::Request;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::{TcpListener, TcpStream},
    time::Sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

use places::{Place, Places};
pub use tls::{Handshake, Tls};

/// Bytes of a request's head, and of what is buffered of its body.
const MAX_HEAD: usize = 64 * 1024;

/// How long a peer may stand still.
#[derive(Debug, Clone)]
pub struct Options {
    /// A write that makes no progress for this long fails. 30 s.
    pub write_stall: Duration,
    /// `TCP_USER_TIMEOUT`: sent data that stays unacknowledged for this long breaks the
    /// connection. 30 s. Only where the system has it (Linux).
    pub user_timeout: Duration,
    /// For the head of a request: a connection that sends none for this long is closed, a new one
    /// and one that was kept open. A handshake of TLS has as long, before it. 10 s.
    pub header_read: Duration,
    /// Most connections at a time, those in their handshake included: one more is answered 503 and
    /// closed, or, with TLS, closed without a word. 0 is no limit, and the default.
    pub max_connections: usize,
    /// Called for each connection that is refused for it.
    pub on_refused: fn(),
    /// With it the listener speaks TLS, and nothing else. None by default.
    pub tls: Option<Tls>,
}

impl Default for Options {
    fn default() -> Self {
        let time = Duration::from_secs(30);
        Self {
            write_stall: time,
            user_timeout: time,
            header_read: Duration::from_secs(10),
            max_connections: 0,
            on_refused: || {},
            tls: None,
        }
    }
}

/// Serves `router` on every connection of `listener` until `stop`; then connections finish the
/// request that is under way. Requests carry `ConnectInfo<`[`Peer`]`>`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: Options,
    stop: CancellationToken,
) {
    let connections = TaskTracker::new();
    let places = Places::new(options.max_connections, options.tls.is_some());
    while let Some((tcp, addr)) = stop.run_until_cancelled(accept(&listener)).await {
        tune(&tcp, &options);
        let (tcp, place) = match places.take(tcp) {
            Ok(taken) => taken,
            Err(parting) => {
                (options.on_refused)();
                connections.spawn(parting.run());
                continue;
            }
        };
        let more = MoreFollows::default();
        let stream = Stream {
            tcp,
            more: Some(more.clone()),
            write_stall: options.write_stall,
            stalled: None,
            _place: place,
        };
        let (router, stop) = (router.clone(), stop.clone());
        let (peer, header_read) = ((Peer { addr }, more), options.header_read);
        if let Some(tls) = &options.tls {
            let secured = tls.shake(stream, header_read, addr);
            connections.spawn(serve_secured(secured, peer, router, header_read, stop));
        } else {
            connections.spawn(serve_one(stream, peer, router, header_read, stop));
        }
    }
    // The kernel must not take connections that nobody will serve.
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Serves a connection when its handshake is done.
async fn serve_secured(
    secured: impl Future<Output = Option<impl AsyncRead + AsyncWrite + Unpin + Send + 'static>> + Send,
    peer: (Peer, MoreFollows),
    router: Router,
    header_read: Duration,
    stop: CancellationToken,
) {
    // On the heap, and so gone once it is done.
    let secured = stop.run_until_cancelled(Box::pin(secured)).await;
    if let Some(stream) = secured.flatten() {
        serve_one(stream, peer, router, header_read, stop).await;
    }
}

/// Not an `async fn`: its future would hold the connection twice, and the arguments too.
fn serve_one(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    (peer, more): (Peer, MoreFollows),
    router: Router,
    header_read: Duration,
    stop: CancellationToken,
) -> impl Future<Output = ()> + Send {
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(more.clone());
        // A router is always ready.
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_read)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = Box::pin(connection);
    async move {
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.as_mut().await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, remote = %peer.addr, "connection failed");
        }
    }
}

/// The next connection. What is wrong with a single one does not matter; when descriptors or memory
/// run out it waits for better times.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// Nothing here is worth refusing a client for: a stream without an option still works.
fn tune(stream: &TcpStream, options: &Options) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY not set");
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(stream).set_tcp_user_timeout(Some(options.user_timeout)) {
        tracing::debug!(%error, "TCP_USER_TIMEOUT not set");
    }
}

/// The other end of an accepted connection, found in handlers as `ConnectInfo<Peer>`.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    addr: SocketAddr,
}

impl Peer {
    /// Its address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// Says, once for a connection, of what is written to it next that more follows at once. The system
/// may keep it back until then (`MSG_MORE`), for 200 ms at most: both are one packet, which wakes the
/// peer once.
#[derive(Debug, Clone, Default)]
pub(crate) struct MoreFollows(Arc<AtomicBool>);

impl MoreFollows {
    pub(crate) fn say(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn was_said(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A TCP stream that fails once a write stands still for too long.
#[derive(Debug)]
struct Stream {
    tcp: TcpStream,
    /// Until it was said: after an upgrade it would only take memory.
    more: Option<MoreFollows>,
    write_stall: Duration,
    /// Runs from the moment at which a write could not go on.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Given back with the stream, which an upgrade takes along.
    _place: Place,
}

impl Stream {
    /// Writes what more follows upon, where the system knows of that. When nothing comes of it, it is
    /// written like anything else.
    #[cfg(target_os = "linux")]
    fn write_ahead(&mut self, buf: &[u8]) -> Option<usize> {
        const MSG_MORE: i32 = 0x8000;
        self.more.take_if(|more| more.was_said())?;
        let send = || SockRef::from(&self.tcp).send_with_flags(buf, MSG_MORE);
        self.tcp.try_io(Interest::WRITABLE, send).ok()
    }

    #[cfg(not(target_os = "linux"))]
    fn write_ahead(&mut self, _: &[u8]) -> Option<usize> {
        None
    }

    /// What a write comes to, given what the socket said.
    fn poll_progress<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let time = self.write_stall;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "peer stopped reading",
        )))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(written) = self.write_ahead(buf) {
            return Poll::Ready(Ok(written));
        }
        let written = Pin::new(&mut self.tcp).poll_write(cx, buf);
        self.poll_progress(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [buf] = bufs
            && let Some(written) = self.write_ahead(buf)
        {
            return Poll::Ready(Ok(written));
        }
        let written = Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs);
        self.poll_progress(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[path = "listen_tests.rs"]
mod tests;
