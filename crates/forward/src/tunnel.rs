//! WebSockets that are forwarded: bytes, both ways.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use http::Response;
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use switchboard_messaging::draining::DrainWindow;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
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
    /// When they end, once the node drains.
    ends: watch::Sender<Option<Ends>>,
    stop: CancellationToken,
    opened: AtomicU64,
}

impl Tunnels {
    pub(crate) fn new(stop: CancellationToken) -> Self {
        Self {
            open: TaskTracker::new(),
            ends: watch::Sender::new(None),
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

    /// Ends every tunnel, each at a time of its own within the window.
    pub(crate) async fn drain(&self, window: &DrainWindow) {
        let begun = Instant::now();
        let mut ends = Ends::over(begun, window.alone);
        self.ends.send_replace(Some(ends));
        self.open.close();
        tokio::select! {
            // New ones may come for as long as clients do.
            _ = timeout_at(ends.last, self.open.wait()) => return,
            () = window.company() => {}
        }
        ends = ends.later(Instant::now(), begun + window.in_company);
        self.ends.send_replace(Some(ends));
        let _ = timeout_at(ends.last, self.open.wait()).await;
    }

    /// When the tunnel of this number has to end.
    fn ended(&self, number: u64) -> impl Future<Output = ()> + Send + 'static {
        let (ends, stop) = (self.ends.subscribe(), self.stop.clone());
        async move {
            tokio::select! {
                () = drained(ends, fraction(number)) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

/// When tunnels end. Each has a number from 0 to 1, by which they go.
#[derive(Clone, Copy, Debug)]
struct Ends {
    /// Those up to this number had ended at this time.
    gone: f64,
    at: Instant,
    /// When the last one ends.
    last: Instant,
}

impl Ends {
    fn over(begin: Instant, spread: Duration) -> Self {
        Self {
            gone: 0.0,
            at: begin,
            last: begin + spread,
        }
    }

    /// The same from `now` on, with more time.
    fn later(self, now: Instant, last: Instant) -> Self {
        let spread = self.last.duration_since(self.at).as_secs_f64();
        let passed = now.duration_since(self.at).as_secs_f64();
        let gone = if passed < spread {
            passed / spread
        } else {
            1.0
        };
        Self {
            gone,
            at: now,
            last: last.max(now),
        }
    }

    /// When the tunnel of this number ends.
    fn of(self, number: f64) -> Instant {
        if number <= self.gone {
            return self.at;
        }
        let part = (number - self.gone) / (1.0 - self.gone);
        self.at + self.last.duration_since(self.at).mul_f64(part)
    }
}

/// Returns when the tunnel of this number has to end, which may become later.
async fn drained(mut ends: watch::Receiver<Option<Ends>>, number: f64) {
    loop {
        let end = ends.borrow_and_update().map(|ends| ends.of(number));
        let due = async {
            match end {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => return,
            changed = ends.changed() => if changed.is_err() {
                // Nobody drains any more.
                return std::future::pending().await;
            },
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

    #[test]
    fn with_more_time_those_that_are_left_end_evenly_over_what_is_left_of_it() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let ends = Ends::over(begin, Duration::from_secs(20));
        assert_eq!([0.0, 0.5, 1.0].map(|n| ends.of(n)), [at(0), at(10), at(20)]);
        let ends = ends.later(at(10), at(30));
        assert_eq!(
            [0.5, 0.75, 1.0].map(|n| ends.of(n)),
            [at(10), at(20), at(30)]
        );
        assert_eq!(ends.of(0.25), at(10), "it should have ended before");
        // Too late for anybody.
        assert_eq!(ends.later(at(40), at(35)).of(1.0), at(40));
    }
}
