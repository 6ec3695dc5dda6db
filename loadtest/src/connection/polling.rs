//! Engine.IO by HTTP long-polling: a `GET` that waits for packets, again and again, and a `POST` for what
//! is sent, one after the other, each on a connection that is kept.
//!
//! <https://github.com/socketio/engine.io-protocol#http-long-polling>

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{Reason, Way};
use crate::packet::Handshake;

/// Between the packets of one body: the record separator.
const SEPARATOR: char = '\x1e';

type Sender = SendRequest<Full<Bytes>>;

/// The connection, and the body of the answer that came on it.
type Answered = Result<(Sender, Bytes), Reason>;

/// A request that is under way, or the connection for the next one.
enum Exchange {
    Idle(Sender),
    Running(Pin<Box<dyn Future<Output = Answered> + Send>>),
    Lost,
}

pub(super) struct Polling {
    /// Host and port.
    authority: String,
    /// Path and query, with the session's id as soon as it has one.
    uri: String,
    get: Exchange,
    post: Exchange,
    /// Bytes that one `POST` may have.
    max_payload: usize,
    inbox: VecDeque<Utf8Bytes>,
    /// What drives the two connections. They end with it.
    _drivers: JoinSet<()>,
}

impl Polling {
    pub(super) async fn open(way: Way<'_>) -> Result<Self, Reason> {
        let mut drivers = JoinSet::new();
        let get = connect(way, &mut drivers).await?;
        let post = connect(way, &mut drivers).await?;
        Ok(Self {
            authority: way.target.authority.clone(),
            uri: format!("{}?EIO=4&transport=polling", way.target.path),
            get: Exchange::Idle(get),
            post: Exchange::Idle(post),
            max_payload: 0,
            inbox: VecDeque::new(),
            _drivers: drivers,
        })
    }

    pub(super) fn is_named(&mut self, handshake: &Handshake) {
        self.uri = format!("{}&sid={}", self.uri, handshake.sid);
        self.max_payload = handshake.max_payload;
    }

    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Utf8Bytes, Reason>> {
        loop {
            if let Some(frame) = self.inbox.pop_front() {
                return Poll::Ready(Ok(frame));
            }
            if let Exchange::Idle(_) = self.get {
                let request = self.request(Method::GET, Bytes::new())?;
                self.get.start(request);
            }
            let body = std::task::ready!(self.get.poll(cx))?;
            let text = Utf8Bytes::try_from(body).map_err(|error| error.to_string())?;
            let packets = text.split(SEPARATOR).map(Utf8Bytes::from);
            self.inbox.extend(packets);
        }
    }

    /// Whether all is written and answered.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        outbox: &mut VecDeque<Utf8Bytes>,
    ) -> Result<bool, Reason> {
        loop {
            if let Exchange::Idle(_) = self.post {
                let Some(body) = batch(outbox, self.max_payload) else {
                    return Ok(true);
                };
                let request = self.request(Method::POST, Bytes::from(body))?;
                self.post.start(request);
            }
            match self.post.poll(cx) {
                Poll::Ready(answered) => answered?,
                Poll::Pending => return Ok(false),
            };
        }
    }

    fn request(&self, method: Method, body: Bytes) -> Result<Request<Full<Bytes>>, Reason> {
        Request::builder()
            .method(method)
            .uri(&self.uri)
            .header("host", &self.authority)
            .header("content-type", "text/plain;charset=UTF-8")
            .body(Full::new(body))
            .map_err(|error| error.to_string())
    }
}

/// As many packets as one body may have, but at least one if there is any.
fn batch(outbox: &mut VecDeque<Utf8Bytes>, most: usize) -> Option<String> {
    let mut body = outbox.pop_front()?.to_string();
    while let Some(next) = outbox.front()
        && body.len() + 1 + next.len() <= most
    {
        body.push(SEPARATOR);
        body.push_str(next);
        outbox.pop_front();
    }
    Some(body)
}

async fn connect(way: Way<'_>, drivers: &mut JoinSet<()>) -> Result<Sender, Reason> {
    let stream = TokioIo::new(way.connect().await?);
    let (sender, connection) = http1::handshake(stream)
        .await
        .map_err(|error| error.to_string())?;
    drivers.spawn(async move {
        // Whoever waits for an answer is told, too.
        connection.await.ok();
    });
    Ok(sender)
}

impl Exchange {
    fn start(&mut self, request: Request<Full<Bytes>>) {
        if let Self::Idle(sender) = std::mem::replace(self, Self::Lost) {
            *self = Self::Running(Box::pin(exchange(sender, request)));
        }
    }

    /// The body of the answer.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Reason>> {
        let Self::Running(running) = self else {
            return Poll::Ready(Err("transport close".to_owned()));
        };
        let ended = std::task::ready!(running.as_mut().poll(cx));
        *self = Self::Lost;
        let (sender, body) = ended?;
        *self = Self::Idle(sender);
        Poll::Ready(Ok(body))
    }
}

async fn exchange(
    mut sender: Sender,
    request: Request<Full<Bytes>>,
) -> Result<(Sender, Bytes), Reason> {
    let lost = |_| "transport close".to_owned();
    sender.ready().await.map_err(lost)?;
    let answer = sender.send_request(request).await.map_err(lost)?;
    if !answer.status().is_success() {
        return Err(format!("HTTP {}", answer.status().as_u16()));
    }
    let body = answer.into_body().collect().await.map_err(lost)?;
    Ok((sender, body.to_bytes()))
}

impl fmt::Debug for Polling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polling")
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_holds_as_many_packets_as_it_may() {
        let mut outbox: VecDeque<Utf8Bytes> = ["4aa", "4bb", "4cc", "4a-long-one"]
            .map(Utf8Bytes::from_static)
            .into();
        assert_eq!(batch(&mut outbox, 7).as_deref(), Some("4aa\x1e4bb"));
        assert_eq!(batch(&mut outbox, 6).as_deref(), Some("4cc"));
        assert_eq!(batch(&mut outbox, 6).as_deref(), Some("4a-long-one"));
        assert_eq!(batch(&mut outbox, 6), None);
    }
}
