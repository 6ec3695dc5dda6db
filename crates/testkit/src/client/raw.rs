//! The WebSocket under the client, frame by frame: for handshakes, and for tests that send garbage.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{HeaderName, HeaderValue};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::PATIENCE;
use super::packet::{Packet, PacketType};

/// One WebSocket frame that matters to Engine.IO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Everything but attachments.
    Text(String),
    /// A binary attachment.
    Binary(Vec<u8>),
    /// The end, in order or not.
    Close,
}

/// How a server said no.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refused {
    /// Nobody listens, or not to WebSockets.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// The handshake request got another status than 101.
    #[error("the handshake was answered with status {0}")]
    Http(u16),
    /// A CONNECT_ERROR packet: `message` is an error code, `data` the error object.
    #[error("connect_error {message}: {data}")]
    ConnectError {
        /// `UNAUTHENTICATED`
        message: String,
        /// `{code, message, …}`
        data: Value,
    },
    /// The connection ended, or nothing or something else came, where an answer was due.
    #[error("expected {expected}, got {got:?}")]
    Unexpected {
        /// What was due.
        expected: &'static str,
        /// What came; `None` when nothing did in time.
        got: Option<Frame>,
    },
}

/// A WebSocket to a Socket.IO server, on which nothing has been said yet.
#[derive(Debug)]
pub struct RawSocket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl RawSocket {
    /// Opens a WebSocket to the server at `url` (`http://127.0.0.1:8080`).
    ///
    /// # Errors
    /// [`Refused::Unreachable`], [`Refused::Http`].
    pub async fn open(url: &str) -> Result<Self, Refused> {
        Self::open_with(url, &[]).await
    }

    /// [`open`](Self::open) with headers.
    ///
    /// # Errors
    /// [`Refused::Unreachable`], [`Refused::Http`].
    ///
    /// # Panics
    /// When a header or the URL is malformed.
    pub async fn open_with(url: &str, headers: &[(String, String)]) -> Result<Self, Refused> {
        let url = endpoint(url);
        let mut request = url
            .as_str()
            .into_client_request()
            .unwrap_or_else(|error| panic!("{url} is no URL: {error}"));
        for (name, value) in headers {
            let name: Result<HeaderName, _> = name.parse();
            let value: Result<HeaderValue, _> = value.parse();
            let (Ok(name), Ok(value)) = (name, value) else {
                panic!("a malformed header")
            };
            request.headers_mut().insert(name, value);
        }
        match timeout(PATIENCE, connect_async(request)).await {
            Ok(Ok((stream, _))) => Ok(Self { stream }),
            Ok(Err(Error::Http(response))) => Err(Refused::Http(response.status().as_u16())),
            Ok(Err(error)) => Err(Refused::Unreachable(error.to_string())),
            Err(_) => Err(Refused::Unreachable(format!(
                "no answer within {PATIENCE:?}"
            ))),
        }
    }

    /// Sends one text frame as it is. Does nothing on an ended connection.
    pub async fn send(&mut self, text: impl Into<String>) {
        self.send_frame(Frame::Text(text.into())).await;
    }

    /// Sends one frame as it is. Does nothing on an ended connection.
    pub async fn send_frame(&mut self, frame: Frame) {
        let message = match frame {
            Frame::Text(text) => Message::text(text),
            Frame::Binary(bytes) => Message::binary(bytes),
            Frame::Close => Message::Close(None),
        };
        self.stream.send(message).await.ok(); // whoever reads next finds out
    }

    /// The next frame, pings of Engine.IO included.
    pub async fn next_frame(&mut self) -> Frame {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Frame::Text(text.as_str().to_owned()),
                Some(Ok(Message::Binary(bytes))) => return Frame::Binary(bytes.to_vec()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Frame::Close,
                Some(Ok(_)) => {} // WebSocket's own pings are answered by the library
            }
        }
    }

    /// [`next_frame`](Self::next_frame), or `None` when none comes within `patience`.
    pub async fn next_frame_within(&mut self, patience: Duration) -> Option<Frame> {
        timeout(patience, self.next_frame()).await.ok()
    }

    /// Waits for Engine.IO's OPEN packet: `{sid, upgrades, pingInterval, pingTimeout, maxPayload}`.
    ///
    /// # Errors
    /// [`Refused::Unexpected`]
    pub async fn handshake(&mut self) -> Result<Value, Refused> {
        let got = self.next_frame_within(PATIENCE).await;
        if let Some(Frame::Text(text)) = &got
            && let Some(open) = text
                .strip_prefix('0')
                .and_then(|json| serde_json::from_str(json).ok())
        {
            return Ok(open);
        }
        Err(Refused::Unexpected {
            expected: "the OPEN packet",
            got,
        })
    }

    /// Waits for the answer to a CONNECT packet: `{sid, pid?}`.
    pub(super) async fn await_connect(&mut self, namespace: &str) -> Result<Value, Refused> {
        loop {
            let got = self.next_frame_within(PATIENCE).await;
            let Some(Frame::Text(text)) = &got else {
                return Err(Refused::Unexpected {
                    expected: "the answer to CONNECT",
                    got,
                });
            };
            if text == "2" {
                self.send("3").await;
                continue;
            }
            let packet = text
                .strip_prefix('4')
                .and_then(|packet| Packet::decode(packet).ok());
            let packet = packet.filter(|packet| packet.namespace == namespace);
            let kind = packet.as_ref().map(|packet| packet.kind);
            let data = packet.and_then(|packet| packet.data).unwrap_or_default();
            return match kind {
                Some(PacketType::Connect) => Ok(data),
                Some(PacketType::ConnectError) => Err(Refused::ConnectError {
                    message: data["message"].as_str().unwrap_or_default().to_owned(),
                    data: data["data"].clone(),
                }),
                _ => Err(Refused::Unexpected {
                    expected: "the answer to CONNECT",
                    got,
                }),
            };
        }
    }
}

/// `http://h:1?token=t` is `ws://h:1/socket.io/?EIO=4&transport=websocket&token=t`.
fn endpoint(url: &str) -> String {
    let url = url.replacen("http", "ws", usize::from(url.starts_with("http")));
    let (base, query) = url.split_once('?').unwrap_or((&url, ""));
    let joint = if query.is_empty() { "" } else { "&" };
    format!(
        "{}/socket.io/?EIO=4&transport=websocket{joint}{query}",
        base.trim_end_matches('/')
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_found_from_the_address() {
        assert_eq!(
            endpoint("http://127.0.0.1:80/"),
            "ws://127.0.0.1:80/socket.io/?EIO=4&transport=websocket"
        );
        assert_eq!(
            endpoint("https://chat.example?token=t"),
            "wss://chat.example/socket.io/?EIO=4&transport=websocket&token=t"
        );
    }
}
