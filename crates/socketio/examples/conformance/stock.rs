//! What the end-to-end tests with stock clients (`e2e/runtime`) ask of a server: clients tell it by
//! events what to do.
//!
//! In the query of a connection, `recover=1` makes its sockets recoverable, `refuse=CODE` refuses
//! them, and `burst=N&spread=MS` sends them N numbered events, over so many milliseconds, as soon as
//! they are connected.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use switchboard_socketio::{
    Ack, Application, ClientBundle, DisconnectReason, Event, Handshake, Io, Options, Pace, Packet,
    Refusal, Server, Socket, SocketId,
};

use crate::stock_history::{History, Left};

/// For the answer to a question.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Numbered events that are sent at once when a burst is spread.
const HANDFUL: u64 = 10;

pub(crate) fn options() -> Options {
    Options {
        namespaces: vec!["/".to_owned(), "/chat".to_owned()],
        ..Options::default()
    }
}

/// The files of a folder such as `client-dist` of the npm package `socket.io`.
pub(crate) fn bundle(folder: &str) -> std::io::Result<Arc<ClientBundle>> {
    let mut bundle = ClientBundle::new("stock");
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            bundle = bundle.file(name, std::fs::read(&path)?);
        }
    }
    Ok(Arc::new(bundle))
}

pub(crate) fn server(options: Options) -> Server<Stock> {
    let app = Arc::new(Stock::default());
    let server = Server::new_shared(options, app.clone());
    app.io.get_or_init(|| server.handle());
    server
}

#[derive(Default)]
pub(crate) struct Stock {
    io: OnceLock<Io>,
    history: History,
}

pub(crate) struct Session {
    namespace: String,
    query: HashMap<String, String>,
    /// Of a socket that may be recovered.
    pid: Option<String>,
    rooms: Mutex<BTreeSet<String>>,
    notes: Mutex<Vec<Value>>,
    tries: Mutex<u64>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Application for Stock {
    type Session = Session;

    async fn connect(&self, handshake: Handshake, socket: Socket) -> Result<Session, Refusal> {
        let query: HashMap<String, String> = form_urlencoded::parse(handshake.query.as_bytes())
            .into_owned()
            .collect();
        if let Some(code) = query.get("refuse") {
            return Err(Refusal {
                message: "refused".to_owned(),
                data: json!({ "code": code, "details": ["one", 2, null] }),
            });
        }
        let mut rooms = BTreeSet::new();
        let mut pid = None;
        if query.contains_key("recover") {
            let recovered = self.history.recover(&socket, &handshake.auth).await;
            let (secret, left) = recovered.unwrap_or_else(|| {
                let secret = SocketId::random().to_string();
                // It connects right now: that cannot fail.
                let _ = socket.set_pid(&secret);
                (secret, BTreeSet::new())
            });
            (pid, rooms) = (Some(secret), left);
        }
        Ok(Session {
            namespace: handshake.namespace,
            query,
            pid,
            rooms: Mutex::new(rooms),
            notes: Mutex::default(),
            tries: Mutex::default(),
        })
    }

    async fn connected(&self, socket: Socket, session: Arc<Session>) {
        let number = |name| {
            session
                .query
                .get(name)
                .and_then(|n: &String| n.parse().ok())
        };
        if let Some(count) = number("burst") {
            let spread = Duration::from_millis(number("spread").unwrap_or_default());
            burst(socket, count, spread);
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
        match (name.as_str(), args.as_slice()) {
            ("echo", _) => echo(&socket, &args, attachments, ack),
            ("ask me", _) => ask(socket, args, attachments),
            ("note", [note]) => lock(&session.notes).push(note.clone()),
            ("noted", _) => answer(ack, &*lock(&session.notes)),
            ("count", [count]) => burst(socket, count.as_u64().unwrap_or(0), Duration::ZERO),
            ("answer every", [nth]) => try_again(&session, nth, ack),
            ("join", [Value::String(room)]) => answer(ack, &join(&socket, &session, room)),
            ("leave", [Value::String(room)]) => answer(ack, &leave(&socket, &session, room)),
            ("say", [Value::String(room), rest @ ..]) => {
                let reached = self.say(&socket, room, rest, attachments).await;
                answer(ack, &reached);
            }
            ("say volatile", [Value::String(room), rest @ ..]) => {
                let reached = self.say_volatile(&socket, room, rest).await;
                answer(ack, &reached);
            }
            ("has left", [Value::String(id)]) => answer(ack, &self.history.has_left(id).await),
            ("throw me out", _) => {
                emit(&socket, "bye", &json!([]), Vec::new());
                socket.disconnect();
            }
            ("close me", _) => {
                emit(&socket, "bye", &json!([]), Vec::new());
                socket.close();
            }
            ("drain", _) => self.drain(),
            _ => {}
        }
    }

    async fn disconnected(&self, id: SocketId, session: Arc<Session>, reason: DisconnectReason) {
        let Some(pid) = session.pid.as_ref().filter(|_| reason.is_recoverable()) else {
            return;
        };
        let left = Left {
            id,
            namespace: session.namespace.clone(),
            rooms: lock(&session.rooms).clone(),
        };
        self.history.leave(pid, left).await;
    }
}

impl Stock {
    /// Sends `said` to everybody in the room but the sender; returns to how many.
    async fn say(
        &self,
        socket: &Socket,
        room: &str,
        args: &[Value],
        attachments: Vec<Bytes>,
    ) -> usize {
        let packet = Packet::event_with_attachments(socket.namespace(), "said", &args, attachments);
        let (Some(io), Ok(packet)) = (self.io.get(), packet) else {
            return 0;
        };
        self.history.say(io, room, &packet, socket.id()).await
    }

    async fn say_volatile(&self, socket: &Socket, room: &str, args: &[Value]) -> usize {
        let packet = Packet::event_args(socket.namespace(), "said", &args);
        let (Some(io), Ok(packet)) = (self.io.get(), packet) else {
            return 0;
        };
        io.broadcast_volatile(socket.namespace(), room, &packet, Some(&socket.id()))
            .await
    }

    #[expect(clippy::disallowed_methods, reason = "ends with its patience")]
    fn drain(&self) {
        let Some(io) = self.io.get().cloned() else {
            return;
        };
        tokio::spawn(async move {
            let pace = Pace::Over(Duration::from_millis(200));
            let patience = Duration::from_secs(1);
            io.drain(pace, patience, |socket, time| {
                let time = json!([time.as_millis() as u64]);
                emit(socket, "draining", &time, Vec::new());
            })
            .await;
        });
    }
}

fn emit(socket: &Socket, name: &str, args: &impl Serialize, attachments: Vec<Bytes>) {
    let packet = Packet::event_with_attachments(socket.namespace(), name, args, attachments);
    if let Ok(packet) = packet {
        // A socket that is gone is told elsewhere.
        let _ = socket.emit(&packet);
    }
}

fn answer(ack: Option<Ack>, value: &impl Serialize) {
    if let Some(ack) = ack {
        let _ = ack.send(value);
    }
}

fn echo(socket: &Socket, args: &[Value], attachments: Vec<Bytes>, ack: Option<Ack>) {
    match ack {
        Some(ack) => drop(ack.send_with_attachments(&args, &attachments)),
        None => emit(socket, "echo", &args, attachments),
    }
}

/// Asks the client with the same arguments and sends it what it answered. Handlers run one after
/// the other, so this one must not wait.
#[expect(clippy::disallowed_methods, reason = "ends with its timeout")]
fn ask(socket: Socket, args: Vec<Value>, attachments: Vec<Bytes>) {
    tokio::spawn(async move {
        let question =
            Packet::event_with_attachments(socket.namespace(), "question", &args, attachments);
        let Ok(question) = question else { return };
        match socket.emit_with_ack(&question, ANSWER_WITHIN).await {
            Ok(answer) => emit(&socket, "answered", &answer.args, answer.attachments),
            Err(error) => emit(&socket, "unanswered", &[error.to_string()], Vec::new()),
        }
    });
}

/// Sends `tick` with 0, 1, … to `count - 1`.
#[expect(clippy::disallowed_methods, reason = "ends with its last event")]
fn burst(socket: Socket, count: u64, spread: Duration) {
    let tick = move |n| emit(&socket, "tick", &[n], Vec::new());
    if spread.is_zero() {
        return (0..count).for_each(tick);
    }
    let step = spread * HANDFUL as u32 / count.max(1) as u32;
    tokio::spawn(async move {
        for n in 0..count {
            tick(n);
            if n % HANDFUL == HANDFUL - 1 {
                tokio::time::sleep(step).await;
            }
        }
    });
}

/// Answers only each `nth` time, with the number of the try.
fn try_again(session: &Session, nth: &Value, ack: Option<Ack>) {
    let mut tries = lock(&session.tries);
    *tries += 1;
    if tries.is_multiple_of(nth.as_u64().unwrap_or(1).max(1)) {
        answer(ack, &*tries);
    }
}

fn join(socket: &Socket, session: &Session, room: &str) -> bool {
    lock(&session.rooms).insert(room.to_owned());
    socket.join(room)
}

fn leave(socket: &Socket, session: &Session, room: &str) -> bool {
    lock(&session.rooms).remove(room);
    socket.leave(room)
}
