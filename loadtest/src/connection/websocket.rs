//! Engine.IO over one WebSocket: a frame is a packet.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink as _, Stream as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::{Reason, Target, Way};

/// Per connection. The library's own 128 KiB would be the memory of a run with many connections.
const READ_BUFFER: usize = 4 * 1024;

#[derive(Debug)]
pub(super) struct WebSocket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl WebSocket {
    pub(super) async fn open(way: Way<'_>) -> Result<Self, Reason> {
        let stream = way.connect().await?;
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
        let url = endpoint(way.target);
        let (stream, _) = client_async_tls_with_config(url, stream, Some(config), None)
            .await
            .map_err(|error| match error {
                Error::Http(response) => format!("HTTP {}", response.status().as_u16()),
                Error::Io(error) => error.kind().to_string(),
                error => error.to_string(),
            })?;
        Ok(Self(stream))
    }

    pub(super) async fn close(&mut self) {
        self.0.close(None).await.ok();
    }

    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Utf8Bytes, Reason>> {
        loop {
            match ready!(Pin::new(&mut self.0).poll_next(cx)) {
                Some(Ok(Message::Text(text))) => return Poll::Ready(Ok(text)),
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    return Poll::Ready(Err("transport close".to_owned()));
                }
                Some(Ok(_)) => {} // attachments; WebSocket's own pings are answered by the library
            }
        }
    }

    /// Whether all is written.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        outbox: &mut VecDeque<Utf8Bytes>,
    ) -> Result<bool, Reason> {
        let lost = |_| "transport close".to_owned();
        let mut stream = Pin::new(&mut self.0);
        while !outbox.is_empty() {
            match stream.as_mut().poll_ready(cx) {
                Poll::Ready(ready) => ready.map_err(lost)?,
                Poll::Pending => return Ok(false),
            }
            if let Some(frame) = outbox.pop_front() {
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

fn endpoint(target: &Target) -> String {
    let scheme = if target.is_secure { "wss" } else { "ws" };
    let Target {
        authority, path, ..
    } = target;
    format!("{scheme}://{authority}{path}?EIO=4&transport=websocket")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_found_from_the_address() {
        for (url, expected) in [
            ("http://127.0.0.1:80/", "ws://127.0.0.1:80/"),
            ("https://chat.example", "wss://chat.example:443/"),
            ("wss://chat.example/app", "wss://chat.example:443/app/"),
        ] {
            let expected = format!("{expected}socket.io/?EIO=4&transport=websocket");
            assert_eq!(endpoint(&Target::of(url)), expected);
        }
    }
}
