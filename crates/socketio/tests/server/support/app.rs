//! An application that does what clients tell it, and notes it.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use switchboard_socketio::{
    Application, DisconnectReason, Event, Handshake, Packet, Refusal, SendError, Socket, SocketId,
};
use tokio::sync::{Semaphore, mpsc};

/// What the application saw.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    Connecting(Value),
    Connected(SocketId),
    Event(String, Vec<Value>),
    Held,
    Joined(bool),
    Disconnected(SocketId, DisconnectReason),
}

pub(crate) struct App {
    pub(super) seen: mpsc::Sender<Seen>,
    /// Handlers that were told to wait take a permit from here.
    pub(crate) gate: Semaphore,
    /// How often those who passed their turn were polled at the gate.
    pub(crate) polls: AtomicUsize,
    /// What a test does when a client connects, before anything else.
    pub(crate) greet: OnceLock<Greet>,
}

type Greet = Box<dyn Fn(&Handshake, &Socket) + Send + Sync>;

impl App {
    fn note(&self, seen: Seen) {
        self.seen.try_send(seen).expect("test reads what happened");
    }

    async fn wait_at_gate(&self) {
        self.note(Seen::Held);
        self.gate
            .acquire()
            .await
            .expect("gate is open or not")
            .forget();
    }
}

impl Application for App {
    type Session = SocketId;

    /// A query `forbid=…` refuses itself, one with `dawdle` waits at the gate.
    async fn allow_request(&self, request: &http::request::Parts) -> Result<(), String> {
        let query = request.uri.query().unwrap_or_default();
        if query.contains("dawdle") {
            self.wait_at_gate().await;
        }
        match query.split_once("forbid=") {
            Some((_, message)) => Err(message.split('&').next().unwrap_or_default().to_owned()),
            None => Ok(()),
        }
    }

    async fn connect(&self, handshake: Handshake, socket: Socket) -> Result<SocketId, Refusal> {
        if let Some(greet) = self.greet.get() {
            greet(&handshake, &socket);
        }
        self.note(Seen::Connecting(json!({
            "namespace": handshake.namespace,
            "auth": handshake.auth,
            "query": handshake.query,
            "address": handshake.remote_addr,
            "transport": handshake.transport.as_str(),
            "headers": handshake.headers.iter().map(|(name, value)| {
                format!("{name}: {}", value.to_str().unwrap())
            }).collect::<Value>(),
        })));
        let told =
            |name: &str| handshake.auth.get(name).is_some() || handshake.query.contains(name);
        socket.join("early");
        let early = Packet::event(socket.namespace(), "early", &1).unwrap();
        let emitted = socket.emit(&early);
        assert!(matches!(emitted, Ok(()) | Err(SendError::Closed)));
        if told("refuse") {
            let data = handshake.auth.get("refuse").cloned().unwrap_or_default();
            return Err(Refusal {
                message: "FORBIDDEN".to_owned(),
                data,
            });
        }
        assert!(!told("panic"), "told to panic");
        if told("hold") {
            self.wait_at_gate().await;
            self.note(Seen::Joined(socket.join("late")));
        }
        Ok(socket.id())
    }

    async fn connected(&self, socket: Socket, session: Arc<SocketId>) {
        assert_eq!(socket.id(), *session);
        self.note(Seen::Connected(socket.id()));
    }

    async fn event(&self, socket: Socket, _: Arc<SocketId>, event: Event) {
        let Event {
            name,
            args,
            attachments,
            ack,
            turn,
        } = event;
        match name.as_str() {
            "echo" => ack
                .expect("echo is called with an ack")
                .send(&args[0])
                .unwrap(),
            "mirror" => ack
                .expect("mirror is called with an ack")
                .send_with_attachments(&args, &attachments)
                .unwrap(),
            "join" => {
                let joined = socket.join(args[0].as_str().unwrap());
                assert!(joined || !socket.is_connected());
            }
            "leave" => assert!(socket.leave(args[0].as_str().unwrap())),
            "panic" => panic!("told to panic"),
            "hold" => self.wait_at_gate().await,
            "overlap" => {
                turn.pass();
                let mut waiting = pin!(self.wait_at_gate());
                poll_fn(|cx| {
                    self.polls.fetch_add(1, Ordering::Relaxed);
                    waiting.as_mut().poll(cx)
                })
                .await;
            }
            "kick" => socket.disconnect(),
            "close" => socket.close(),
            "yield" => {
                for _ in 0..args[0].as_u64().unwrap() % 4 {
                    tokio::task::yield_now().await;
                }
            }
            _ => {}
        }
        self.note(Seen::Event(name, args));
    }

    fn may_overtake(&self, _: &Socket, event: &Event) -> bool {
        event.name == "overlap"
    }

    async fn disconnected(&self, id: SocketId, session: Arc<SocketId>, reason: DisconnectReason) {
        assert_eq!(id, *session);
        self.note(Seen::Disconnected(id, reason));
    }
}
