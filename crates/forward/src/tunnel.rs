//! WebSockets that are forwarded: bytes, both ways.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use http::Response;
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::headers::{keep_end_to_end, switch_to_websocket};

/// Bytes on their way, in each direction.
const BUFFER: usize = 4 * 1024;

/// After one end has closed its side, for the other to close its own.
const LINGER: Duration = Duration::from_secs(5);

/// The forwarded WebSockets of a node.
#[derive(Debug)]
pub(crate) struct Tunnels {
    open: TaskTracker,
    draining: CancellationToken,
    drain_spread: Duration,
    stop: CancellationToken,
    opened: AtomicU64,
}

impl Tunnels {
    pub(crate) fn new(drain_spread: Duration, stop: CancellationToken) -> Self {
        Self {
            open: TaskTracker::new(),
            draining: CancellationToken::new(),
            drain_spread,
            stop,
            opened: AtomicU64::new(0),
        }
    }

    /// Connects a client's WebSocket with that of its session's node, which has agreed to it with
    /// `answer`. Returns the answer for the client.
    pub(crate) fn open(&self, client: OnUpgrade, mut answer: Response<Incoming>) -> Response<Body> {
        let owner = hyper::upgrade::on(&mut answer);
        let (mut parts, _) = answer.into_parts();
        keep_end_to_end(&mut parts.headers);
        switch_to_websocket(&mut parts.headers);
        let ended = self.ended(self.opened.fetch_add(1, Ordering::Relaxed));
        self.open.spawn(async move {
            let connected = async {
                // The client may be gone before it has read the answer.
                if let Ok((client, owner)) = tokio::try_join!(client, owner) {
                    let _counted = Counted::new();
                    join(client, owner).await;
                }
            };
            tokio::select! {
                () = connected => {}
                () = ended => {}
            }
        });
        // Extensions belong to the connection that the answer came on.
        parts.extensions.clear();
        Response::from_parts(parts, Body::empty())
    }

    /// Ends every tunnel, each at a time of its own within the spread.
    pub(crate) async fn drain(&self) {
        self.draining.cancel();
        self.open.close();
        // New ones may come for as long as clients do.
        let _ = timeout(self.drain_spread, self.open.wait()).await;
    }

    /// When the tunnel of this number has to end.
    fn ended(&self, number: u64) -> impl Future<Output = ()> + Send + 'static {
        let (draining, stop) = (self.draining.clone(), self.stop.clone());
        let delay = self.drain_spread.mul_f64(fraction(number));
        async move {
            let drained = async {
                draining.cancelled().await;
                tokio::time::sleep(delay).await;
            };
            tokio::select! {
                () = drained => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

/// Numbers in a row spread evenly over 0 to 1 (multiples of the golden ratio).
fn fraction(number: u64) -> f64 {
    let spread = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (spread >> 32) as f64 / f64::from(u32::MAX)
}

/// Copies until both sides are closed, or one is and the other does not follow.
async fn join(client: Upgraded, owner: Upgraded) {
    let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
    let (from_owner, to_owner) = tokio::io::split(TokioIo::new(owner));
    let mut up = pin!(pump(from_client, to_owner));
    let mut down = pin!(pump(from_owner, to_client));
    // Whichever does not follow in time goes when both are dropped.
    let _ = tokio::select! {
        () = &mut up => timeout(LINGER, down).await,
        () = &mut down => timeout(LINGER, up).await,
    };
}

/// Copies until there is nothing more, and says so to who reads.
async fn pump(reader: impl AsyncRead + Unpin, mut writer: impl AsyncWrite + Unpin) {
    let mut reader = BufReader::with_capacity(BUFFER, reader);
    // An error is an end like any other here: whose it was, the two ends know themselves.
    let _ = tokio::io::copy_buf(&mut reader, &mut writer).await;
    let _ = writer.shutdown().await;
}

/// One in the gauge, for as long as it lives.
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!("switchboard_forwarded_websockets").increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("switchboard_forwarded_websockets").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnels_end_evenly_over_the_spread() {
        let mut times: Vec<_> = (0..100).map(fraction).collect();
        times.sort_by(f64::total_cmp);
        assert!(times.iter().all(|time| (0.0..=1.0).contains(time)));
        let steps = times.windows(2).map(|pair| pair[1] - pair[0]);
        let longest = steps.fold(0.0, f64::max);
        assert!(longest < 0.03, "{longest}");
    }
}
