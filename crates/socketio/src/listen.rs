//! Accepting connections so that a peer which stops reading is gone within a deadline.
//!
//! Without this a WebSocket whose peer never reads blocks its writer for as long as the peer
//! keeps the TCP connection up, which may be for ever.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{self, IncomingStream},
};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    time::Sleep,
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How long a peer may stand still.
#[derive(Debug, Clone)]
pub struct Options {
    /// A write that makes no progress for this long fails. 30 s.
    pub write_stall: Duration,
    /// `TCP_USER_TIMEOUT`: sent data that stays unacknowledged for this long breaks the
    /// connection. 30 s. Only where the system has it (Linux).
    pub user_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let time = Duration::from_secs(30);
        Self {
            write_stall: time,
            user_timeout: time,
        }
    }
}

/// A TCP listener for [`axum::serve()`]; its streams have `TCP_NODELAY` and the deadlines of
/// [`Options`].
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    options: Options,
}

impl Listener {
    /// Wraps a bound listener.
    pub fn new(tcp: TcpListener, options: Options) -> Self {
        Self { tcp, options }
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Nothing here is worth refusing a client for: a stream without an option still works.
    fn tune(&self, stream: &TcpStream) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY not set");
        }
        #[cfg(target_os = "linux")]
        if let Err(error) =
            SockRef::from(stream).set_tcp_user_timeout(Some(self.options.user_timeout))
        {
            tracing::debug!(%error, "TCP_USER_TIMEOUT not set");
        }
    }
}

impl serve::Listener for Listener {
    type Io = Stream;
    type Addr = Peer;

    async fn accept(&mut self) -> (Stream, Peer) {
        // axum's own accept retries what is transient and waits when descriptors run out.
        let (tcp, addr) = serve::Listener::accept(&mut self.tcp).await;
        self.tune(&tcp);
        let cut = CancellationToken::new();
        let stream = Stream {
            tcp,
            write_stall: self.options.write_stall,
            stalled: None,
            cut_reads: Box::pin(cut.clone().cancelled_owned()),
            cut_writes: Box::pin(cut.clone().cancelled_owned()),
        };
        (stream, Peer { addr, cut })
    }

    fn local_addr(&self) -> io::Result<Peer> {
        Ok(Peer {
            addr: self.tcp.local_addr()?,
            cut: CancellationToken::new(),
        })
    }
}

/// The other end of an accepted connection, found in handlers as `ConnectInfo<Peer>`.
#[derive(Debug, Clone)]
pub struct Peer {
    addr: SocketAddr,
    cut: CancellationToken,
}

impl Peer {
    /// Its address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Cancelling it makes every read and write of the stream fail.
    pub(crate) fn cut(&self) -> CancellationToken {
        self.cut.clone()
    }
}

impl Connected<IncomingStream<'_, Listener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        stream.remote_addr().clone()
    }
}

/// A TCP stream that fails once a write stands still for too long.
#[derive(Debug)]
pub struct Stream {
    tcp: TcpStream,
    write_stall: Duration,
    /// Runs from the moment at which a write could not go on.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Two, because reader and writer are two tasks and a future wakes the last that polled it.
    cut_reads: CutFuture,
    cut_writes: CutFuture,
}

type CutFuture = Pin<Box<WaitForCancellationFutureOwned>>;

fn poll_cut(cut: &mut CutFuture, cx: &mut Context<'_>) -> Poll<io::Error> {
    cut.as_mut()
        .poll(cx)
        .map(|()| io::Error::new(io::ErrorKind::ConnectionAborted, "connection was cut"))
}

impl Stream {
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
        if let Poll::Ready(error) = poll_cut(&mut self.cut_writes, cx) {
            return Poll::Ready(Err(error));
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
        match Pin::new(&mut self.tcp).poll_read(cx, buf) {
            Poll::Ready(read) => Poll::Ready(read),
            Poll::Pending => poll_cut(&mut self.cut_reads, cx).map(Err),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, buf);
        self.poll_progress(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
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
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// An accepted stream and the client's end of it.
    async fn pair(options: Options) -> (Stream, Peer, TcpStream) {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut listener = Listener::new(tcp, options);
        let addr = listener.local_addr().unwrap();
        let (client, (stream, peer)) = tokio::join!(
            TcpStream::connect(addr),
            serve::Listener::accept(&mut listener)
        );
        (stream, peer, client.unwrap())
    }

    async fn write_until_error(stream: &mut Stream) -> io::ErrorKind {
        let content = vec![0; 65_536];
        loop {
            if let Err(error) = stream.write_all(&content).await {
                return error.kind();
            }
        }
    }

    #[tokio::test]
    async fn tunes_what_it_accepts_and_names_the_peer() {
        let time = Duration::from_secs(7);
        let options = Options {
            user_timeout: time,
            ..Options::default()
        };
        let (stream, peer, client) = pair(options).await;
        assert_eq!(peer.addr(), client.local_addr().unwrap());
        assert!(stream.tcp.nodelay().unwrap());
        let set = SockRef::from(&stream.tcp).tcp_user_timeout().unwrap();
        assert_eq!(set, Some(time));
    }

    #[tokio::test]
    async fn fails_a_write_that_stands_still() {
        let options = Options {
            write_stall: Duration::from_millis(100),
            ..Options::default()
        };
        let (mut stream, _peer, _client) = pair(options).await;
        assert_eq!(
            write_until_error(&mut stream).await,
            io::ErrorKind::TimedOut
        );
    }

    #[tokio::test]
    async fn does_not_fail_a_slow_peer_that_goes_on_reading() {
        let options = Options {
            write_stall: Duration::from_millis(500),
            ..Options::default()
        };
        let (mut stream, _peer, mut client) = pair(options).await;
        let total = 16 * 1024 * 1024;
        let reader = async {
            let mut buffer = vec![0; 1024 * 1024];
            let mut left = total;
            while left > 0 {
                // Longer in all than the deadline, never that long without progress.
                tokio::time::sleep(Duration::from_millis(50)).await;
                let size = buffer.len().min(left);
                left -= client.read(&mut buffer[..size]).await.unwrap();
            }
        };
        let content = vec![0; total];
        let (written, ()) = tokio::join!(stream.write_all(&content), reader);
        written.unwrap();
    }

    #[tokio::test]
    async fn fails_reads_and_writes_once_it_is_cut() {
        let (stream, peer, _client) = pair(Options::default()).await;
        let (mut reads, mut writes) = tokio::io::split(stream);
        let cut = async {
            tokio::task::yield_now().await;
            peer.cut().cancel();
        };
        let read = async { reads.read_u8().await.unwrap_err().kind() };
        let content = vec![0; 65_536];
        let write = async {
            loop {
                if let Err(error) = writes.write_all(&content).await {
                    return error.kind();
                }
            }
        };
        let (read, write, ()) = tokio::join!(read, write, cut);
        assert_eq!([read, write], [io::ErrorKind::ConnectionAborted; 2]);
    }
}
