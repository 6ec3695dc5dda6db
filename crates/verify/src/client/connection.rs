//! One WebSocket with Engine.IO 4 on it, from its handshake to its end.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Sink as _, Stream as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::packet::{self, Frame, Packet};

/// How a connection ended, in the words of a stock client's `disconnect`.
pub(crate) type Reason = String;

/// What a server that is quiet before its handshake would otherwise keep waiting.
const NO_HANDSHAKE_YET: Duration = Duration::from_hours(1);

#[derive(Debug)]
pub(crate) struct Connection {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Frames that the stream has not taken yet. Its owner bounds how many calls are in flight.
    outbox: VecDeque<String>,
    /// How long the server may go without a ping.
    patience: Duration,
    heartbeat: Pin<Box<Sleep>>,
}

impl Connection {
    /// Opens a connection to `endpoint`, Engine.IO's handshake included, within `patience`.
    pub(crate) async fn open(endpoint: String, patience: Duration) -> Result<Self, Reason> {
        match timeout(patience, Self::shake_hands(&endpoint)).await {
            Ok(opened) => opened,
            Err(_) => Err("timeout".to_owned()),
        }
    }

    async fn shake_hands(endpoint: &str) -> Result<Self, Reason> {
        let (stream, _) = connect_async(endpoint).await.map_err(|error| match error {
            Error::Http(response) => format!("handshake answered {}", response.status().as_u16()),
            Error::Io(error) => error.kind().to_string(),
            error => error.to_string(),
        })?;
        let mut connection = Self {
            stream,
            outbox: VecDeque::new(),
            patience: NO_HANDSHAKE_YET,
            heartbeat: Box::pin(sleep(NO_HANDSHAKE_YET)),
        };
        match std::future::poll_fn(|cx| connection.poll_frame(cx)).await? {
            Frame::Open(handshake) => connection.patience = handshake.patience(),
            _ => return Err("no handshake".to_owned()),
        }
        connection.alive();
        Ok(connection)
    }

    /// Queues a frame; [`next`](Self::next) writes it.
    pub(crate) fn write(&mut self, frame: impl Into<String>) {
        self.outbox.push_back(frame.into());
    }

    /// The next packet, or how the connection ended. Pings are answered by the way. May be dropped
    /// and called again.
    pub(crate) async fn next(&mut self) -> Result<Packet, Reason> {
        loop {
            match std::future::poll_fn(|cx| self.poll_frame(cx)).await? {
                Frame::Packet(packet) => return Ok(packet),
                Frame::Ping => {
                    self.alive();
                    self.write(packet::PONG);
                }
                Frame::Close => return Err("transport close".to_owned()),
                Frame::Open(_) | Frame::Noop => {}
            }
        }
    }

    /// Writes what is queued and says goodbye, within `patience`.
    pub(crate) async fn close(mut self, patience: Duration) {
        self.write(packet::DISCONNECT);
        let written = std::future::poll_fn(|cx| match self.poll_write(cx) {
            Ok(false) => Poll::Pending,
            Ok(true) | Err(_) => Poll::Ready(()),
        });
        if timeout(patience, written).await.is_ok() {
            timeout(patience, self.stream.close(None)).await.ok();
        }
    }

    fn alive(&mut self) {
        let deadline = Instant::now() + self.patience;
        self.heartbeat.as_mut().reset(deadline);
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, Reason>> {
        self.poll_write(cx)?;
        if self.heartbeat.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err("ping timeout".to_owned()));
        }
        loop {
            match std::task::ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Ok(Message::Text(text))) => {
                    let frame = packet::decode(text.as_str()).map_err(|error| error.to_string());
                    return Poll::Ready(frame);
                }
                Some(Ok(Message::Binary(_))) => {
                    return Poll::Ready(Err("parse error: a binary frame".to_owned()));
                }
                // A connection that is cut is a `transport close` to a browser, too.
                Some(
                    Ok(Message::Close(_))
                    | Err(Error::ConnectionClosed | Error::Io(_) | Error::Protocol(_)),
                )
                | None => return Poll::Ready(Err("transport close".to_owned())),
                Some(Err(_)) => return Poll::Ready(Err("transport error".to_owned())),
                Some(Ok(_)) => {} // WebSocket's own pings are answered by the library
            }
        }
    }

    /// Whether all is written. Never waits: a server that does not read is found by its heartbeat.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<bool, Reason> {
        let lost = |_| "transport close".to_owned();
        let mut stream = Pin::new(&mut self.stream);
        while !self.outbox.is_empty() {
            match stream.as_mut().poll_ready(cx) {
                Poll::Ready(ready) => ready.map_err(lost)?,
                Poll::Pending => return Ok(false),
            }
            if let Some(frame) = self.outbox.pop_front() {
                stream
                    .as_mut()
                    .start_send(Message::text(frame))
                    .map_err(lost)?;
            }
        }
        match stream.poll_flush(cx) {
            Poll::Ready(flushed) => flushed.map_err(lost).map(|()| true),
            Poll::Pending => Ok(false),
        }
    }
}

/// `http://h:1/` is `ws://h:1/socket.io/?EIO=4&transport=websocket`.
pub(crate) fn endpoint(url: &str) -> String {
    let url = match url.strip_prefix("http") {
        Some(rest) => format!("ws{rest}"),
        None => url.to_owned(),
    };
    let base = url.trim_end_matches('/');
    format!("{base}/socket.io/?EIO=4&transport=websocket")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_found_from_the_address() {
        for (url, expected) in [
            ("http://127.0.0.1:80/", "ws://127.0.0.1:80/"),
            ("https://chat.example", "wss://chat.example/"),
            ("wss://chat.example/app", "wss://chat.example/app/"),
        ] {
            let expected = format!("{expected}socket.io/?EIO=4&transport=websocket");
            assert_eq!(endpoint(url), expected);
        }
    }
}
