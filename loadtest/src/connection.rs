//! One WebSocket with Engine.IO 4 on it. It does not come back when it is lost.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Sink as _, Stream as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::packet::{self, Frame};

/// How a connection ended, or why there was none.
pub(crate) type Reason = String;

/// Per connection. The library's own 128 KiB would be the memory of a run with many connections.
const READ_BUFFER: usize = 4 * 1024;

/// What a server that is quiet before its handshake would otherwise keep waiting.
const NO_HANDSHAKE_YET: Duration = Duration::from_hours(1);

#[derive(Debug)]
pub(crate) struct Connection {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Frames that the stream has not taken yet. Its owner bounds how many calls are in flight.
    outbox: VecDeque<Utf8Bytes>,
    /// How long the server may go without a ping.
    patience: Duration,
    heartbeat: Pin<Box<Sleep>>,
    pings: u64,
}

impl Connection {
    /// Opens a connection, joins the namespace with a token and waits for the event `ready`, all
    /// within `patience`.
    pub(crate) async fn open(
        endpoint: &str,
        token: &str,
        ready: &str,
        patience: Duration,
    ) -> Result<Self, Reason> {
        let opening = async {
            let mut connection = Self::shake_hands(endpoint).await?;
            connection.write(packet::connect(token));
            connection.until(ready).await?;
            Ok(connection)
        };
        match timeout(patience, opening).await {
            Ok(opened) => opened,
            Err(_) => Err("timeout".to_owned()),
        }
    }

    async fn shake_hands(endpoint: &str) -> Result<Self, Reason> {
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
        let (stream, _) = connect_async_with_config(endpoint, Some(config), true)
            .await
            .map_err(|error| match error {
                Error::Http(response) => format!("HTTP {}", response.status().as_u16()),
                Error::Io(error) => error.kind().to_string(),
                error => error.to_string(),
            })?;
        let mut connection = Self {
            stream,
            outbox: VecDeque::new(),
            patience: NO_HANDSHAKE_YET,
            heartbeat: Box::pin(sleep(NO_HANDSHAKE_YET)),
            pings: 0,
        };
        let text = connection.next().await?;
        match packet::decode(&text) {
            Ok(Frame::Open(handshake)) => connection.patience = handshake.patience(),
            _ => return Err("no handshake".to_owned()),
        }
        connection.alive();
        Ok(connection)
    }

    /// Reads until an event of this name; what comes before it is of no interest.
    async fn until(&mut self, name: &str) -> Result<(), Reason> {
        loop {
            let text = self.next().await?;
            match packet::decode(&text).map_err(|error| error.to_string())? {
                Frame::Event(event) if event.name == name => return Ok(()),
                Frame::Refused(message) => return Err(message),
                Frame::Disconnected => return Err("io server disconnect".to_owned()),
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

    /// Writes what is queued and says goodbye, within `patience`.
    pub(crate) async fn close(mut self, patience: Duration) {
        self.write(Utf8Bytes::from_static(packet::DISCONNECT));
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

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Utf8Bytes, Reason>> {
        self.poll_write(cx)?;
        if self.heartbeat.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err("ping timeout".to_owned()));
        }
        loop {
            match std::task::ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Ok(Message::Text(text))) => return Poll::Ready(Ok(text)),
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    return Poll::Ready(Err("transport close".to_owned()));
                }
                Some(Ok(_)) => {} // attachments; WebSocket's own pings are answered by the library
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
                    .start_send(Message::Text(frame))
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
