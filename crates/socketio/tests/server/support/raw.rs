//! A WebSocket client that sends whatever it is told, frame by frame.

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use super::{Answer, Lab, soon};

/// A final frame of text.
const TEXT: u8 = 0x81;
/// A final frame of bytes.
const BINARY: u8 = 0x82;
/// A close frame.
const CLOSE: u8 = 0x88;

pub(crate) struct Raw<S = TcpStream> {
    pub(crate) stream: S,
    received: Vec<u8>,
    /// To the request for the WebSocket.
    pub(crate) answer: Answer,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    /// Asks for a WebSocket, with headers besides those that are needed.
    pub(crate) async fn open(mut stream: S, query: &str, headers: &[(&str, &str)]) -> Self {
        let mut request = format!(
            "GET /socket.io/?{query}&transport=websocket HTTP/1.1\r\nhost: localhost\r\n\
             connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        for (name, value) in headers {
            request.push_str(&[name, ": ", value, "\r\n"].concat());
        }
        request += "\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon(stream.read_u8()).await.unwrap());
        }
        Self {
            stream,
            received: Vec::new(),
            answer: Answer::parse(&head),
        }
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends a masked frame; `first` is its first byte.
    pub(crate) async fn send_frame(&mut self, first: u8, payload: &[u8]) {
        self.send(&frame(first, payload)).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.send_frame(TEXT, text.as_bytes()).await;
    }

    pub(crate) async fn send_binary(&mut self, bytes: &[u8]) {
        self.send_frame(BINARY, bytes).await;
    }

    /// The first byte and the payload of the next frame; `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((first, payload, size)) = parse(&self.received) {
                self.received.drain(..size);
                return Some((first, payload));
            }
            match self.stream.read_buf(&mut self.received).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next frame, which is text.
    pub(crate) async fn text(&mut self) -> String {
        let (first, payload) = soon(self.next()).await.expect("still connected");
        assert_eq!(first, TEXT, "{payload:?}");
        String::from_utf8(payload).unwrap()
    }

    /// The next frame, which is bytes.
    pub(crate) async fn binary(&mut self) -> Vec<u8> {
        let (first, payload) = soon(self.next()).await.expect("still connected");
        assert_eq!(first, BINARY, "{payload:?}");
        payload
    }

    /// Joins `/`; gives the answer and skips what was held back.
    pub(crate) async fn join(&mut self) -> String {
        self.send_text("40").await;
        let answer = self.text().await;
        assert!(answer.starts_with("40{"), "{answer}");
        assert_eq!(self.text().await, r#"42["early",1]"#);
        answer
    }

    /// Reads to the end of the connection; gives the code of the close frame before it, 1005 when
    /// it had none (RFC 6455 §7.1.5), or `None` when there was no close frame.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some((first, payload)) = soon(self.next()).await {
            if first == CLOSE {
                let bytes = payload.first_chunk().copied();
                code = Some(bytes.map_or(1005, u16::from_be_bytes));
                // The answer, which may come too late.
                let _ = self.stream.write_all(&frame(CLOSE, &payload)).await;
                let _ = self.stream.shutdown().await;
            }
        }
        code
    }
}

impl Raw {
    /// Closes so that the peer sees a reset.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream)
            .set_linger(Some(std::time::Duration::ZERO))
            .unwrap();
    }
}

impl Lab {
    /// A WebSocket of its own, after its open packet.
    pub(crate) async fn raw(&self, query: &str, headers: &[(&str, &str)]) -> Raw {
        let stream = TcpStream::connect(self.addr).await.unwrap();
        let mut raw = Raw::open(stream, query, headers).await;
        assert_eq!(raw.answer.status, 101);
        assert!(raw.text().await.starts_with("0{"));
        raw
    }

    /// A WebSocket for a polling session, not probed yet.
    pub(crate) async fn second(&self, session: &str) -> Raw {
        let stream = TcpStream::connect(self.addr).await.unwrap();
        let query = session.replace("transport=polling&", "");
        Raw::open(stream, &query, &[]).await
    }
}

/// A masked frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x1d, 0xe5, 0x70, 0x42];
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            bytes.push(0x80 | 0x7e);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 0x7f);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(b, m)| b ^ m));
    bytes
}

/// First byte, payload and size of the frame at the front, if all of it is here.
fn parse(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (head, length) = match *bytes.get(1)? {
        126 => (
            4,
            u64::from(u16::from_be_bytes(*bytes.get(2..4)?.first_chunk()?)),
        ),
        127 => (10, u64::from_be_bytes(*bytes.get(2..10)?.first_chunk()?)),
        short => {
            assert!(short < 126, "a server does not mask");
            (2, u64::from(short))
        }
    };
    let end = head + length as usize;
    let payload = bytes.get(head..end)?;
    Some((bytes[0], payload.to_vec(), end))
}
