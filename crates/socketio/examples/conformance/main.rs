//! A server for the official test suites of Socket.IO and Engine.IO.
//!
//! `cargo run -p switchboard-socketio --example conformance -- --port 3000 --suite sio5`
//!
//! `sio5`: Socket.IO protocol v5. `eio4`, `eio3`: Engine.IO protocols, an echo at `/engine.io/`.
//! `client`: the tests of the npm package `socket.io-client`, with connection state recovery.
//! `stock`: what `e2e/runtime` tests with stock clients. It also takes `--ping-interval MS`,
//! `--ping-timeout MS`, `--client-dist FOLDER` and `--compression`.
//! `scripts/conformance.sh` fetches the suites and runs them.
//!
//! With `--port 0` the system chooses the port. The line that is printed tells which it is.

#![expect(clippy::print_stderr, reason = "a person starts it")]

mod client_suite;
mod stock;
mod stock_history;

use std::{error::Error, sync::Arc, time::Duration};

use serde_json::{Value, json};
use switchboard_socketio::{
    Application, DisconnectReason, EngineConnection, EngineMessage, Event, Handshake, Options,
    Packet, Refusal, Server, Socket, SocketId, listen,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Sends every message back.
struct EngineEcho;

impl Application for EngineEcho {
    type Session = ();

    fn message(&self, connection: &EngineConnection, message: EngineMessage<'_>) {
        // One that is gone needs no echo.
        let _ = connection.send(message);
    }

    async fn connect(&self, _: Handshake, _: Socket) -> Result<(), Refusal> {
        Ok(())
    }

    async fn connected(&self, _: Socket, _: Arc<()>) {}

    async fn event(&self, _: Socket, _: Arc<()>, _: Event) {}

    async fn disconnected(&self, _: SocketId, _: Arc<()>, _: DisconnectReason) {}
}

/// What the suite of Socket.IO protocol v5 asks for.
struct SocketIo5;

impl Application for SocketIo5 {
    type Session = Value;

    async fn connect(&self, handshake: Handshake, _: Socket) -> Result<Value, Refusal> {
        Ok(match handshake.auth {
            Value::Null => json!({}),
            auth => auth,
        })
    }

    async fn connected(&self, socket: Socket, auth: Arc<Value>) {
        emit(&socket, "auth", &[&*auth], &[]);
    }

    async fn event(&self, socket: Socket, _: Arc<Value>, event: Event) {
        if socket.namespace() != "/" {
            return;
        }
        match (event.name.as_str(), event.ack) {
            ("message", _) => emit(&socket, "message-back", &event.args, &event.attachments),
            ("message-with-ack", Some(ack)) => {
                let _ = ack.send_with_attachments(&event.args, &event.attachments);
            }
            _ => {}
        }
    }

    async fn disconnected(&self, _: SocketId, _: Arc<Value>, _: DisconnectReason) {}
}

fn emit(socket: &Socket, name: &str, args: &impl serde::Serialize, attachments: &[bytes::Bytes]) {
    let attachments = attachments.to_vec();
    let packet = Packet::event_with_attachments(socket.namespace(), name, args, attachments);
    if let Ok(packet) = packet {
        // A socket that is gone is told elsewhere.
        let _ = socket.emit(&packet);
    }
}

fn options(suite: &str) -> Result<Options, String> {
    let protocol_suites = Options {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        connect_timeout: Duration::from_secs(1),
        max_packet: 1_000_000,
        ..Options::default()
    };
    match suite {
        "sio5" => Ok(Options {
            namespaces: vec!["/".into(), "/custom".into()],
            allow_eio3: false,
            ..protocol_suites
        }),
        "eio4" => Ok(Options {
            path: "/engine.io".into(),
            engine_only: true,
            allow_eio3: false,
            ..protocol_suites
        }),
        "eio3" => Ok(Options {
            path: "/engine.io".into(),
            engine_only: true,
            ..protocol_suites
        }),
        "client" => Ok(client_suite::options()),
        "stock" => stock_options(),
        other => Err(format!(
            "unknown suite {other}: sio5, eio4, eio3, client or stock"
        )),
    }
}

fn stock_options() -> Result<Options, String> {
    let time = |name, default| match optional(name) {
        Some(ms) => ms
            .parse()
            .map(Duration::from_millis)
            .map_err(|_| format!("{name} is no number of milliseconds: {ms}")),
        None => Ok(default),
    };
    let defaults = stock::options();
    let client_bundle = optional("--client-dist").map(|folder| stock::bundle(&folder));
    Ok(Options {
        ping_interval: time("--ping-interval", defaults.ping_interval)?,
        ping_timeout: time("--ping-timeout", defaults.ping_timeout)?,
        compression: std::env::args().any(|argument| argument == "--compression"),
        client_bundle: client_bundle
            .transpose()
            .map_err(|error| format!("--client-dist: {error}"))?,
        ..defaults
    })
}

fn optional(name: &str) -> Option<String> {
    std::env::args()
        .skip_while(|argument| argument != name)
        .nth(1)
}

fn argument(name: &str) -> Result<String, String> {
    optional(name).ok_or_else(|| {
        format!(
            "usage: conformance --port N --suite sio5|eio4|eio3|client|stock ({name} is missing)"
        )
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (port, suite) = (argument("--port")?, argument("--suite")?);
    let options = options(&suite)?;
    let router = match suite.as_str() {
        "sio5" => Server::new(options, SocketIo5).router(),
        "client" => client_suite::server(options).router(),
        "stock" => stock::server(options).router(),
        _ => Server::new(options, EngineEcho).router(),
    };
    let listener = TcpListener::bind(format!("localhost:{port}")).await?;
    let port = listener.local_addr()?.port();
    eprintln!("{suite}: listening on port {port}");
    let (settings, forever) = (listen::Options::default(), CancellationToken::new());
    listen::serve(listener, router, settings, forever).await;
    Ok(())
}
