//! A socket that behaves like one of stock `socket.io-client` 4 with its default reconnection.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::{Map, Value, json};
use tokio::time::{Sleep, sleep};

use super::backoff::Backoff;
use super::connection::{Connection, Reason, endpoint};
use super::packet::{self, Packet};
use crate::options::Timing;

/// Gives a fresh token at every connect.
pub(crate) type Tokens = Arc<dyn Fn() -> String + Send + Sync>;

/// What a front end would hear of its socket.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Signal {
    /// `connect`.
    Connected(Joined),
    /// An event with its first argument.
    Event { name: String, payload: Value },
    /// The answer to the call that [`Socket::emit`] gave this id to.
    Ack { id: u64, answer: Value },
    /// `disconnect`; calls in flight get no answer any more.
    Disconnected(Reason),
    /// `connect_error`.
    Failed(Failure),
}

/// What the answer to CONNECT says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    /// `socket.recovered`
    pub(crate) recovered: bool,
    /// Whether this client had a `pid` to recover with.
    pub(crate) asked: bool,
}

/// Why a connect failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    /// No connection; the client tries again by itself.
    Transport(Reason),
    /// CONNECT_ERROR, with its message; the application tries again.
    Refused(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(text) | Self::Refused(text) => f.write_str(text),
        }
    }
}

type Opening = Pin<Box<dyn Future<Output = Result<Connection, Reason>> + Send>>;

enum State {
    Waiting(Pin<Box<Sleep>>),
    Opening(Opening),
    /// CONNECT is sent.
    Joining(Box<Connection>),
    Live(Box<Connection>),
}

pub(crate) struct Socket {
    /// Tried in turn, as clients behind a balancer get there.
    endpoints: Vec<String>,
    turn: usize,
    tokens: Tokens,
    timing: Timing,
    rng: StdRng,
    /// The manager's delays between attempts to open a connection.
    backoff: Backoff,
    /// The application's delays after refusals.
    patience: Backoff,
    state: State,
    pid: Option<String>,
    last_offset: Option<String>,
    /// Events that came before the answer to CONNECT.
    early: Vec<(String, Vec<Value>)>,
    signals: VecDeque<Signal>,
    next_id: u64,
}

impl Socket {
    /// A socket that connects at once; nothing happens before [`next`](Self::next) is called.
    pub(crate) fn new(urls: &[String], tokens: Tokens, timing: Timing, mut rng: StdRng) -> Self {
        let delays = (timing.reconnect_delay, timing.reconnect_delay_max);
        let backoff = Backoff::new(delays, timing.randomization);
        let turn = rng.random_range(0..urls.len().max(1));
        Self {
            endpoints: urls.iter().map(|url| endpoint(url)).collect(),
            turn,
            tokens,
            timing,
            rng,
            patience: backoff.clone(),
            backoff,
            state: State::Waiting(Box::pin(sleep(Duration::ZERO))),
            pid: None,
            last_offset: None,
            early: Vec::new(),
            signals: VecDeque::new(),
            next_id: 0,
        }
    }

    /// `socket.connected`
    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.state, State::Live(_))
    }

    /// Sends an event and says with which id its answer comes; `None` while not connected.
    pub(crate) fn emit(&mut self, name: &str, payload: &Value) -> Option<u64> {
        let State::Live(connection) = &mut self.state else {
            return None;
        };
        let id = self.next_id;
        self.next_id += 1;
        connection.write(packet::event(name, payload, id));
        Some(id)
    }

    /// What happens next. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Signal {
        loop {
            if let Some(signal) = self.signals.pop_front() {
                return signal;
            }
            match &mut self.state {
                State::Waiting(pause) => {
                    pause.as_mut().await;
                    self.open();
                }
                State::Opening(opening) => match opening.as_mut().await {
                    Ok(connection) => self.join(connection),
                    Err(reason) => {
                        self.retry();
                        return Signal::Failed(Failure::Transport(reason));
                    }
                },
                State::Joining(connection) | State::Live(connection) => {
                    match connection.next().await {
                        Ok(packet) => self.take(packet),
                        Err(reason) => self.ended(reason),
                    }
                }
            }
        }
    }

    /// Leaves as `socket.disconnect()` does.
    pub(crate) async fn leave(self) {
        if let State::Live(connection) = self.state {
            connection.close(Duration::from_secs(2)).await;
        }
    }

    fn open(&mut self) {
        let endpoint = self.endpoints[self.turn % self.endpoints.len()].clone();
        self.turn = self.turn.wrapping_add(1);
        let patience = self.timing.connect_timeout;
        self.state = State::Opening(Box::pin(Connection::open(endpoint, patience)));
    }

    fn retry(&mut self) {
        let delay = self.backoff.next(&mut self.rng);
        self.pause(delay);
    }

    fn pause(&mut self, delay: Duration) {
        self.state = State::Waiting(Box::pin(sleep(delay)));
    }

    /// The engine is open: sends CONNECT. What `auth` holds wins over `pid` and `offset`.
    fn join(&mut self, mut connection: Connection) {
        self.backoff.reset();
        let mut auth = Map::new();
        if let Some(pid) = &self.pid {
            auth.insert("pid".to_owned(), json!(pid));
            if let Some(offset) = &self.last_offset {
                auth.insert("offset".to_owned(), json!(offset));
            }
        }
        auth.insert("token".to_owned(), json!((self.tokens)()));
        connection.write(packet::connect(&Value::Object(auth)));
        self.state = State::Joining(Box::new(connection));
    }

    fn take(&mut self, packet: Packet) {
        match packet {
            Packet::Connect { sid: Some(_), pid } => self.joined(pid),
            Packet::Connect { sid: None, .. } => {
                let text = "a CONNECT of Socket.IO 2".to_owned();
                self.signals
                    .push_back(Signal::Failed(Failure::Transport(text)));
            }
            Packet::ConnectError { message, data } => self.refused(message, &data),
            Packet::Disconnect => self.dismissed(),
            Packet::Event { name, args } if self.is_connected() => self.event(name, args),
            Packet::Event { name, args } => self.early.push((name, args)),
            Packet::Ack { id, args } => {
                let answer = args.into_iter().next().unwrap_or_default();
                self.signals.push_back(Signal::Ack { id, answer });
            }
        }
    }

    fn joined(&mut self, pid: Option<String>) {
        let joined = Joined {
            recovered: pid.is_some() && pid == self.pid,
            asked: self.pid.is_some(),
        };
        self.pid = pid;
        self.patience.reset();
        if let State::Joining(connection) = mem::replace(&mut self.state, idle()) {
            self.state = State::Live(connection);
        }
        self.signals.push_back(Signal::Connected(joined));
        for (name, args) in mem::take(&mut self.early) {
            self.event(name, args);
        }
    }

    /// The last argument, if it is a string, is where a recovery goes on.
    fn event(&mut self, name: String, args: Vec<Value>) {
        if let (Some(_), Some(Value::String(offset))) = (&self.pid, args.last()) {
            self.last_offset = Some(offset.clone());
        }
        let payload = args.into_iter().next().unwrap_or_default();
        self.signals.push_back(Signal::Event { name, payload });
    }

    /// A stock client stops here; its application connects again.
    fn refused(&mut self, message: String, data: &Value) {
        let own = self.patience.next(&mut self.rng);
        let asked = data["retryAfterMs"].as_u64().map(Duration::from_millis);
        self.pause(asked.unwrap_or(own).min(self.timing.longest_wait()));
        self.early.clear();
        self.signals
            .push_back(Signal::Failed(Failure::Refused(message)));
    }

    /// A stock client stops here, too.
    fn dismissed(&mut self) {
        let delay = self.patience.next(&mut self.rng);
        self.pause(delay);
        let reason = "io server disconnect".to_owned();
        self.signals.push_back(Signal::Disconnected(reason));
    }

    fn ended(&mut self, reason: Reason) {
        let signal = if self.is_connected() {
            Signal::Disconnected(reason)
        } else {
            Signal::Failed(Failure::Transport(reason))
        };
        self.early.clear();
        self.backoff.reset();
        self.retry();
        self.signals.push_back(signal);
    }
}

fn idle() -> State {
    State::Waiting(Box::pin(sleep(Duration::ZERO)))
}
