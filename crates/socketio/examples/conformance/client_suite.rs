//! What the tests of the npm package `socket.io-client` ask of a server.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use switchboard_socketio::{
    Application, DisconnectReason, Event, Handshake, Options, Packet, Recovery, Refusal, Server,
    Socket, SocketId, attachment,
};

/// Those that the tests join.
const NAMESPACES: [&str; 7] = [
    "/",
    "/foo",
    "/timeout_socket",
    "/valid",
    "/asd",
    "/abc",
    "/no",
];

pub(crate) fn options() -> Options {
    Options {
        namespaces: NAMESPACES.map(str::to_owned).into(),
        ping_interval: Duration::from_secs(2),
        max_packet: 1_000_000,
        ..Options::default()
    }
}

pub(crate) fn server(options: Options) -> Server<ClientSuite> {
    Server::new(options, ClientSuite::default())
}

#[derive(Default)]
pub(crate) struct ClientSuite {
    offsets: AtomicU64,
    /// By `pid`: who may be recovered. Nothing is missed in these tests, so nothing is replayed.
    left: Arc<Mutex<HashMap<String, SocketId>>>,
}

pub(crate) struct Session {
    pid: String,
    handshake: Value,
}

impl ClientSuite {
    fn left(&self) -> std::sync::MutexGuard<'_, HashMap<String, SocketId>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn emit(&self, socket: &Socket, name: &str, args: &Value) {
        self.emit_with(socket, name, args, Vec::new());
    }

    fn emit_with(&self, socket: &Socket, name: &str, args: &Value, attachments: Vec<Bytes>) {
        let packet = Packet::event_with_attachments(socket.namespace(), name, args, attachments);
        if let Ok(packet) = packet {
            let offset = self.offsets.fetch_add(1, Ordering::Relaxed);
            // A socket that is gone is told elsewhere.
            let _ = socket.emit(&packet.with_offset(&format!("o{offset}")));
        }
    }
}

impl Application for ClientSuite {
    type Session = Session;

    async fn allow_request(&self, _: &http::request::Parts) -> Result<(), String> {
        // The tests of connection timeouts count on a server that takes its time.
        tokio::time::sleep(Duration::from_millis(10)).await;
        Ok(())
    }

    async fn connect(&self, handshake: Handshake, socket: Socket) -> Result<Session, Refusal> {
        let query = query_of(&handshake.query);
        let refused = match socket.namespace() {
            "/" if query.get("fail").is_some() => Some("Auth failed (main namespace)"),
            "/no" => Some("Auth failed (custom namespace)"),
            _ => None,
        };
        if let Some(message) = refused {
            return Err(Refusal {
                message: message.to_owned(),
                data: Value::Null,
            });
        }
        let asked = handshake.auth.get("pid").and_then(Value::as_str);
        let known = asked.and_then(|pid| Some((pid, self.left().remove(pid)?)));
        // It connects right now and nobody has asked for its id: neither can fail.
        let pid = if let Some((pid, id)) = known {
            let recovery = Recovery {
                id,
                pid: pid.to_owned(),
                rooms: Vec::new(),
                replay: Vec::new(),
            };
            let _ = socket.restore(recovery);
            pid.to_owned()
        } else {
            let pid = SocketId::random().to_string();
            let _ = socket.set_pid(&pid);
            pid
        };
        let auth = match handshake.auth {
            Value::Null => json!({}),
            auth => auth,
        };
        Ok(Session {
            pid,
            handshake: json!({ "query": query, "auth": auth, "headers": {} }),
        })
    }

    async fn connected(&self, socket: Socket, session: Arc<Session>) {
        if socket.namespace() == "/abc" {
            self.emit(&socket, "handshake", &json!([session.handshake]));
        }
    }

    async fn event(&self, socket: Socket, session: Arc<Session>, event: Event) {
        let Event {
            name,
            args,
            attachments,
            ack,
            ..
        } = event;
        let first = args.first().unwrap_or(&Value::Null);
        let is_binary = |value: &Value| *value == attachment(0) && !attachments.is_empty();
        let mixed = || {
            first["hello"] == "lol" && is_binary(&first["message"]) && first["goodbye"] == "gotcha"
        };
        let asdfasdf = || vec![Bytes::from_static(b"asdfasdf")];
        match name.as_str() {
            "hi" => self.emit(&socket, "hi", &json!([])),
            "echo" => drop(ack.map(|ack| ack.send(first))),
            "ack" => ask(socket),
            "getAckDate" => drop(ack.map(|ack| ack.send(&DATE))),
            "getDate" => self.emit(&socket, "takeDate", &json!([DATE])),
            "getDateObj" => self.emit(&socket, "takeDateObj", &json!([{ "date": DATE }])),
            "getUtf8" => {
                for text in UTF8 {
                    self.emit(&socket, "takeUtf8", &json!([text]));
                }
            }
            "false" => self.emit(&socket, "false", &json!([false])),
            "doge" => self.emit_with(&socket, "doge", &json!([attachment(0)]), asdfasdf()),
            "getbin" => self.emit_with(&socket, "takebin", &json!([attachment(0)]), asdfasdf()),
            "buffa" if is_binary(first) => self.emit(&socket, "buffack", &json!([])),
            "blob" if is_binary(first) => self.emit(&socket, "back", &json!([])),
            "jsonbuff" if mixed() => self.emit(&socket, "jsonbuff-ack", &json!([])),
            "jsonblob" if mixed() => self.emit(&socket, "jsonblob-ack", &json!([])),
            "abuff2" => self.emit(&socket, "abuff2-ack", &json!([])),
            "blob3" => self.emit(&socket, "blob3-ack", &json!([])),
            "getHandshake" => drop(ack.map(|ack| ack.send(&session.handshake))),
            "getId" => drop(ack.map(|ack| ack.send(&socket.id().as_str()))),
            _ => {}
        }
    }

    async fn disconnected(&self, id: SocketId, session: Arc<Session>, reason: DisconnectReason) {
        if reason.is_recoverable() {
            self.left().insert(session.pid.clone(), id);
        }
    }
}

/// Stands for the current time, which the tests do not check.
const DATE: &str = "2026-01-01T00:00:00.000Z";

const UTF8: [&str; 5] = [
    "てすと",
    "Я Б Г Д Ж Й",
    "Ä ä Ü ü ß",
    "utf8 — string",
    "utf8 — string",
];

/// Asks the client for an answer. Handlers run one after the other, so this one must not wait.
#[expect(clippy::disallowed_methods, reason = "ends with its timeout")]
fn ask(socket: Socket) {
    tokio::spawn(async move {
        let none: [u8; 0] = [];
        let Ok(question) = Packet::event_args(socket.namespace(), "ack", &none) else {
            return;
        };
        let answer = socket
            .emit_with_ack(&question, Duration::from_secs(5))
            .await;
        let is_right = |args: &[Value]| {
            args.first() == Some(&json!(5)) && args.get(1).is_some_and(|b| b["test"] == true)
        };
        if answer.is_ok_and(|answer| is_right(&answer.args))
            && let Ok(packet) = Packet::event_args(socket.namespace(), "got it", &none)
        {
            let _ = socket.emit(&packet);
        }
    });
}

fn query_of(query: &str) -> Value {
    let pairs = form_urlencoded::parse(query.as_bytes());
    pairs
        .map(|(name, value)| (name.into_owned(), Value::from(value)))
        .collect()
}
