//! A Socket.IO 5 client over WebSocket, for tests. It is written from the protocol's text and shares
//! no code with the server, so that a mistake of one is not repeated by the other.
//!
//! <https://github.com/socketio/socket.io-protocol>, <https://github.com/socketio/engine.io-protocol>

mod connection;
mod packet;
mod raw;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::connection::{Acks, Connection, Incoming};
use self::packet::{Packet, PacketType};
pub use self::raw::{Frame, RawSocket, Refused};

/// How long anything that must come may take. Generous: a machine with busy cores is no defect.
const PATIENCE: Duration = Duration::from_secs(15);

/// More than any test leaves unread. A client whose inbox is full stops reading, as a slow consumer
/// does.
const INBOX: usize = 65_536;

/// An event from the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// `message:new`
    pub name: String,
    /// What came after the name. With connection state recovery the last one is the offset.
    pub args: Vec<Value>,
    /// Set when the server wants an ack: see [`SocketClient::answer`].
    pub ack_id: Option<u64>,
}

impl Event {
    /// The first argument, `null` without one.
    pub fn payload(&self) -> &Value {
        self.args.first().unwrap_or(&Value::Null)
    }
}

/// How to connect, where the token in `auth` on the main namespace will not do.
#[derive(Clone, Debug)]
pub struct Connector {
    url: String,
    namespace: String,
    auth: Option<Value>,
    headers: Vec<(String, String)>,
}

impl Connector {
    /// To the server at `url` (`http://127.0.0.1:8080`, with a query if wanted).
    pub fn to(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            namespace: "/".to_owned(),
            auth: None,
            headers: Vec::new(),
        }
    }

    /// Another namespace than `/`.
    #[must_use]
    pub fn namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// The payload of the CONNECT packet: `{token}`, or `{token, pid, offset}` to recover.
    #[must_use]
    pub fn auth(mut self, auth: Value) -> Self {
        self.auth = Some(auth);
        self
    }

    /// A header of the handshake request, such as `Origin` or `Cookie`.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// [`Refused`] when the server says no, and how.
    pub async fn connect(self) -> Result<SocketClient, Refused> {
        let mut raw = RawSocket::open_with(&self.url, &self.headers).await?;
        raw.handshake().await?;
        let connect = Packet {
            kind: PacketType::Connect,
            namespace: self.namespace,
            ack_id: None,
            data: self.auth,
        };
        raw.send(connect.encode()).await;
        let granted = raw.await_connect(&connect.namespace).await?;
        Ok(SocketClient::begin(raw, connect.namespace, &granted))
    }
}

/// A connected socket. It answers pings by itself, and the connection breaks when it is dropped.
#[derive(Debug)]
pub struct SocketClient {
    namespace: String,
    sid: String,
    pid: Option<String>,
    next_ack: AtomicU64,
    acks: Acks,
    outbox: mpsc::Sender<Frame>,
    inbox: mpsc::Receiver<Incoming>,
    /// Events that somebody waiting for another one has seen, oldest first.
    passed_over: VecDeque<Event>,
    offset: Option<String>,
    end: Option<String>,
    stop: CancellationToken,
}

impl SocketClient {
    /// Connects to the main namespace of the server at `url` with `auth` as its CONNECT payload.
    ///
    /// # Errors
    /// [`Refused`] when the server says no, and how.
    pub async fn connect(url: &str, auth: Value) -> Result<Self, Refused> {
        Connector::to(url).auth(auth).connect().await
    }

    fn begin(raw: RawSocket, namespace: String, granted: &Value) -> Self {
        let text = |name: &str| granted[name].as_str().map(str::to_owned);
        let (outbox, to_send) = mpsc::channel(1024);
        let (received, inbox) = mpsc::channel(INBOX);
        let (acks, stop) = (Acks::default(), CancellationToken::new());
        let connection = Connection {
            raw,
            to_send,
            received,
            acks: acks.clone(),
        };
        // The tracker's use ends here: the token stops the task, and a test's runtime awaits nobody.
        TaskTracker::new().spawn(stop.clone().run_until_cancelled_owned(connection.run()));
        Self {
            namespace,
            sid: text("sid").unwrap_or_default(),
            pid: text("pid"),
            next_ack: AtomicU64::new(0),
            acks,
            outbox,
            inbox,
            passed_over: VecDeque::new(),
            offset: None,
            end: None,
            stop,
        }
    }

    /// The socket's id, as the server gave it.
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// The private id with which the session can be recovered, if the server offers that.
    pub fn pid(&self) -> Option<&str> {
        self.pid.as_deref()
    }

    /// The offset of the last event that was taken from the inbox: what stock clients send along with
    /// the [`pid`](Self::pid) to recover.
    pub fn offset(&self) -> Option<&str> {
        self.offset.as_deref()
    }

    /// Emits `event` and waits for its ack.
    ///
    /// # Panics
    /// When no ack comes.
    pub async fn call(&self, event: &str, payload: Value) -> Value {
        let (answer, answered) = oneshot::channel();
        let ack_id = self.next_ack.fetch_add(1, Ordering::Relaxed);
        self.acks.expect(ack_id, answer);
        self.send_packet(
            PacketType::Event,
            Some(ack_id),
            Some(json!([event, payload])),
        )
        .await;
        match timeout(PATIENCE, answered).await {
            Ok(Ok(args)) => args.get(0).cloned().unwrap_or_default(),
            Ok(Err(_)) => panic!("the connection ended before the ack of {event}"),
            Err(elapsed) => panic!("no ack of {event} within {PATIENCE:?}: {elapsed}"),
        }
    }

    /// Emits `event` without asking for an ack.
    pub async fn emit(&self, event: &str, payload: Value) {
        self.send_packet(PacketType::Event, None, Some(json!([event, payload])))
            .await;
    }

    /// Acks an event of the server.
    ///
    /// # Panics
    /// When the server did not ask for it.
    pub async fn answer(&self, event: &Event, answer: Value) {
        let ack_id = event
            .ack_id
            .unwrap_or_else(|| panic!("{} wants no ack", event.name));
        self.send_packet(PacketType::Ack, Some(ack_id), Some(json!([answer])))
            .await;
    }

    /// Sends one text frame as it is, well-formed or not. Does nothing on an ended connection.
    pub async fn send_raw(&self, frame: impl Into<String>) {
        self.outbox.send(Frame::Text(frame.into())).await.ok();
    }

    /// Sends one binary frame as it is. Does nothing on an ended connection.
    pub async fn send_raw_bytes(&self, frame: Vec<u8>) {
        self.outbox.send(Frame::Binary(frame)).await.ok();
    }

    /// The oldest event that nobody has taken yet; `None` when none comes within `patience` or the
    /// connection has ended.
    pub async fn next_event(&mut self, patience: Duration) -> Option<Event> {
        match self.passed_over.pop_front() {
            Some(event) => Some(event),
            None => self.receive(Instant::now() + patience).await,
        }
    }

    /// The oldest event called `name`. Others stay to be asked for.
    ///
    /// # Panics
    /// When it does not come; the message has the events that did.
    pub async fn wait_for(&mut self, name: &str) -> Event {
        if let Some(at) = self.passed_over.iter().position(|event| event.name == name) {
            return self
                .passed_over
                .remove(at)
                .unwrap_or_else(|| unreachable!());
        }
        let deadline = Instant::now() + PATIENCE;
        while let Some(event) = self.receive(deadline).await {
            if event.name == name {
                return event;
            }
            self.passed_over.push_back(event);
        }
        let names: Vec<&str> = self
            .passed_over
            .iter()
            .map(|event| event.name.as_str())
            .collect();
        panic!("no {name} came; end: {:?}, instead: {names:?}", self.end)
    }

    /// Waits until the server ends the connection and says how: `"io server disconnect"` for a
    /// DISCONNECT packet, `"transport close"` for anything else. Events stay to be asked for.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn wait_for_end(&mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        while let Some(event) = self.receive(deadline).await {
            self.passed_over.push_back(event);
        }
        self.end
            .clone()
            .unwrap_or_else(|| panic!("the connection did not end"))
    }

    /// Leaves as `socket.disconnect()` does. Dropping the client instead is a broken connection.
    pub async fn disconnect(self) {
        self.send_packet(PacketType::Disconnect, None, None).await;
        self.outbox.send(Frame::Close).await.ok();
        self.outbox.closed().await;
    }

    async fn receive(&mut self, deadline: Instant) -> Option<Event> {
        if self.end.is_some() {
            return None;
        }
        match timeout_at(deadline, self.inbox.recv()).await.ok()? {
            Some(Incoming::Event(event)) => {
                self.note_offset(&event);
                Some(event)
            }
            Some(Incoming::End(reason)) => {
                self.end = Some(reason);
                None
            }
            None => {
                self.end = Some("transport close".to_owned());
                None
            }
        }
    }

    /// As socket.io-client does: the last argument is the offset, if the server gave a `pid` and it
    /// is a string.
    fn note_offset(&mut self, event: &Event) {
        if let (Some(_), Some(Value::String(offset))) = (&self.pid, event.args.last()) {
            self.offset = Some(offset.clone());
        }
    }

    async fn send_packet(&self, kind: PacketType, ack_id: Option<u64>, data: Option<Value>) {
        let packet = Packet {
            kind,
            namespace: self.namespace.clone(),
            ack_id,
            data,
        };
        self.send_raw(packet.encode()).await;
    }
}

impl Drop for SocketClient {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
