//! One connection with Engine.IO 4 on it. It does not come back by itself when it is lost.

mod polling;
mod reach;
mod websocket;

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use self::polling::Polling;
pub(crate) use self::reach::{Target, Way, loopback_sources};
use self::websocket::WebSocket;
use crate::packet::{self, Frame};
use crate::scenario::Transport;

/// How a connection ended, or why there was none.
pub(crate) type Reason = String;

/// What a server that is quiet before its handshake would otherwise keep waiting.
const NO_HANDSHAKE_YET: Duration = Duration::from_hours(1);

/// The event that says that a socket is in.
const READY: &str = "session:ready";

/// What a socket brings along that wants to be the one that it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    pub(crate) pid: Option<String>,
    /// Behind the last event that it heard.
    pub(crate) offset: Option<String>,
}

/// A connection that is in.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    /// The secret to come back with.
    pub(crate) pid: Option<String>,
    /// Why it is not the session of before, in the server's words.
    pub(crate) failure: Option<String>,
    /// The rooms that it is in by itself, if the server says so.
    pub(crate) rooms: Vec<String>,
    /// What came before it was in.
    pub(crate) early: Vec<Utf8Bytes>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) struct TurnedAway {
    pub(crate) reason: Reason,
    /// When to try again, if that was said.
    pub(crate) retry_after: Option<Duration>,
}

impl From<Reason> for TurnedAway {
    fn from(reason: Reason) -> Self {
        let retry_after = None;
        Self {
            reason,
            retry_after,
        }
    }
}

#[derive(Debug)]
enum Wire {
    WebSocket(Box<WebSocket>),
    Polling(Box<Polling>),
    /// There was one.
    Cut,
}

#[derive(Debug)]
pub(crate) struct Connection {
    wire: Wire,
    /// Frames that the wire has not taken yet. Its owner bounds how many calls are in flight.
    outbox: VecDeque<Utf8Bytes>,
    /// How long the server may go without a ping.
    patience: Duration,
    heartbeat: Pin<Box<Sleep>>,
    pings: u64,
}

impl Connection {
    /// Opens a connection, joins the namespace with a token and waits for `session:ready`, all within
    /// `patience`.
    pub(crate) async fn open(
        way: Way<'_>,
        token: &str,
        past: &Past,
        patience: Duration,
    ) -> Result<Opened, TurnedAway> {
        let opening = async {
            let mut connection = Self::shake_hands(way).await?;
            connection.write(match (&past.pid, &past.offset) {
                (Some(pid), Some(offset)) => packet::reconnect(token, pid, offset),
                _ => packet::connect(token),
            });
            connection.join().await
        };
        match timeout(patience, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(TurnedAway::from("timeout".to_owned())),
        }
    }

    async fn shake_hands(way: Way<'_>) -> Result<Self, Reason> {
        let wire = match way.transport {
            Transport::WebSocket => Wire::WebSocket(Box::new(WebSocket::open(way).await?)),
            Transport::Polling => Wire::Polling(Box::new(Polling::open(way).await?)),
        };
        let mut connection = Self {
            wire,
            outbox: VecDeque::new(),
            patience: NO_HANDSHAKE_YET,
            heartbeat: Box::pin(sleep(NO_HANDSHAKE_YET)),
            pings: 0,
        };
        let text = connection.next().await?;
        match packet::decode(&text) {
            Ok(Frame::Open(handshake)) => {
                connection.patience = handshake.patience();
                if let Wire::Polling(polling) = &mut connection.wire {
                    polling.is_named(&handshake);
                }
            }
            _ => return Err("no handshake".to_owned()),
        }
        connection.alive();
        Ok(connection)
    }

    /// Reads until the socket is in.
    async fn join(mut self) -> Result<Opened, TurnedAway> {
        let (mut pid, mut early) = (None, Vec::new());
        loop {
            let text = self.next().await?;
            match packet::decode(&text).map_err(|error| error.to_string())? {
                Frame::Event(event) if event.name == READY => {
                    let session: Session = event.payload().unwrap_or_default();
                    // It may carry an offset, as any event.
                    early.push(text.clone());
                    return Ok(Opened {
                        connection: self,
                        pid,
                        failure: session.recovery_failure,
                        rooms: session.rooms,
                        early,
                    });
                }
                Frame::Event(_) => early.push(text),
                Frame::Connected(joined) => pid = joined.pid,
                Frame::Refused(refusal) => {
                    return Err(TurnedAway {
                        reason: refusal.message,
                        retry_after: refusal.retry_after,
                    });
                }
                Frame::Disconnected => return Err("io server disconnect".to_owned().into()),
                _ => {}
            }
        }
    }

    /// Queues a frame; [`next`](Self::next) writes it.
    pub(crate) fn write(&mut self, frame: impl Into<Utf8Bytes>) {
        self.outbox.push_back(frame.into());
    }

    /// How many pings were answered.
    pub(crate) fn pings(&self) -> u64 {
        self.pings
    }

    /// The next frame, or how the connection ended. Pings are answered by the way. May be dropped
    /// and called again.
    pub(crate) async fn next(&mut self) -> Result<Utf8Bytes, Reason> {
        loop {
            let text = std::future::poll_fn(|cx| self.poll_frame(cx)).await?;
            match text.as_str() {
                "2" => {
                    self.alive();
                    self.pings += 1;
                    self.write(Utf8Bytes::from_static(packet::PONG));
                }
                "1" => return Err("transport close".to_owned()),
                _ => return Ok(text),
            }
        }
    }

    /// Ends without a word.
    pub(crate) fn cut(&mut self) {
        self.wire = Wire::Cut;
        self.outbox.clear();
    }

    /// Writes what is queued and says goodbye, within `patience`.
    pub(crate) async fn close(mut self, patience: Duration) {
        self.write(Utf8Bytes::from_static(packet::DISCONNECT));
        if let Wire::Polling(_) = self.wire {
            self.write(Utf8Bytes::from_static(packet::CLOSE));
        }
        let written = std::future::poll_fn(|cx| match self.poll_write(cx) {
            Ok(false) => Poll::Pending,
            Ok(true) | Err(_) => Poll::Ready(()),
        });
        if timeout(patience, written).await.is_ok()
            && let Wire::WebSocket(wire) = &mut self.wire
        {
            timeout(patience, wire.close()).await.ok();
        }
    }

    fn alive(&mut self) {
        let deadline = Instant::now() + self.patience;
        self.heartbeat.as_mut().reset(deadline);
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Utf8Bytes, Reason>> {
        self.poll_write(cx)?;
        if self.heartbeat.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err("ping timeout".to_owned()));
        }
        Poll::Ready(ready!(match &mut self.wire {
            Wire::WebSocket(wire) => wire.poll_frame(cx),
            Wire::Polling(wire) => wire.poll_frame(cx),
            Wire::Cut => Poll::Ready(Err("cut".to_owned())),
        }))
    }

    /// Whether all is written. Never waits: a server that does not read is found by its heartbeat.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<bool, Reason> {
        match &mut self.wire {
            Wire::WebSocket(wire) => wire.poll_write(cx, &mut self.outbox),
            Wire::Polling(wire) => wire.poll_write(cx, &mut self.outbox),
            Wire::Cut => Ok(true),
        }
    }
}

/// What a socket is told when it is in, as far as a load needs to know.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    #[serde(default)]
    recovery_failure: Option<String>,
    #[serde(default)]
    rooms: Vec<String>,
}
