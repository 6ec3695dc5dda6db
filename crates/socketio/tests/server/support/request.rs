//! HTTP requests byte by byte, and their answers.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Lab, soon};

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Of what came up to the end of the connection.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let (head, body) = bytes.split_at(end.expect("an HTTP answer") + 4);
        let mut lines = str::from_utf8(head).unwrap().lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            });
        Self {
            status: status.parse().unwrap(),
            headers: headers.collect(),
            body: body.to_vec(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A request on its way. Dropped, it is aborted.
#[derive(Debug)]
pub(crate) struct Asked {
    stream: TcpStream,
}

impl Asked {
    pub(crate) async fn answer(mut self) -> Answer {
        let mut answer = Vec::new();
        soon(self.stream.read_to_end(&mut answer)).await.unwrap();
        Answer::parse(&answer)
    }

    /// Bytes that come up to the end of the connection, be it a good or a bad one.
    pub(crate) async fn length(mut self) -> usize {
        let mut answer = Vec::new();
        // What was read before an error is kept.
        let _ = soon(self.stream.read_to_end(&mut answer)).await;
        answer.len()
    }

    /// Sends more of the body.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }
}

impl Lab {
    /// Sends a request whose last header is followed by `body`, which may be less than it says.
    /// `target` is a query, or a path if it begins with a slash.
    pub(crate) async fn begin(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Asked {
        let target = match target.strip_prefix('/') {
            Some(_) => target.to_owned(),
            None => format!("/socket.io/?{target}"),
        };
        let mut request =
            format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        for (name, value) in headers {
            request.push_str(&[name, ": ", value, "\r\n"].concat());
        }
        let mut bytes = (request + "\r\n").into_bytes();
        bytes.extend_from_slice(body);
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        Asked { stream }
    }

    /// Sends a request like [`begin`](Self::begin), and goes away when it is being handled.
    pub(crate) async fn abort(&self, method: &str, target: &str, length: &str) {
        let headers = [("content-length", length)];
        let asked = self.begin(method, target, &headers, b"").await;
        // On one thread the earlier request comes first. One whose end comes with its head is
        // dropped by hyper before anybody saw it.
        assert_eq!(self.get("EIO=4").await.status, 400);
        drop(asked);
    }

    /// Posts the close packet and fetches the last words, for which the server would wait. The
    /// session may be gone already.
    pub(crate) async fn leave(&self, session: &str) {
        let close = if session.starts_with("EIO=3") {
            "1:1"
        } else {
            "1"
        };
        self.http("POST", session, close).await;
        self.get(session).await;
    }

    /// One request and its answer.
    pub(crate) async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let length = body.len().to_string();
        let mut all = vec![("content-length", length.as_str())];
        all.extend_from_slice(headers);
        self.begin(method, target, &all, body).await.answer().await
    }

    /// One request with a body of text; gives status and body of the answer.
    pub(crate) async fn http(&self, method: &str, query: &str, body: &str) -> (u16, String) {
        let headers = [("content-type", "text/plain;charset=UTF-8")];
        let answer = self.ask(method, query, &headers, body.as_bytes()).await;
        (answer.status, answer.text().to_owned())
    }

    pub(crate) async fn get(&self, query: &str) -> Answer {
        self.ask("GET", query, &[], b"").await
    }

    /// Opens a polling session; gives its query, with its secret at the end.
    pub(crate) async fn opened(&self, revision: u8) -> String {
        let query = format!("EIO={revision}&transport=polling");
        let answer = self.get(&query).await;
        assert_eq!(answer.status, 200);
        let text = answer.text();
        // In Engine.IO 3 a length comes first, and the CONNECT packet follows.
        let sid = text.split(r#""sid":""#).nth(1).unwrap();
        format!("{query}&sid={}", &sid[..20])
    }
}
