//! A whole server: every event is sent back, and answered when the client asked for an answer.
//!
//! `cargo run -p switchboard-socketio --example echo -- 127.0.0.1:3000`

use std::{error::Error, sync::Arc};

use serde_json::json;
use switchboard_socketio::{
    Application, DisconnectReason, Event, Handshake, Options, Packet, Refusal, Server, Socket,
    SocketId, listen,
};
use tokio::net::TcpListener;

struct Echo;

impl Application for Echo {
    type Session = ();

    async fn connect(&self, handshake: Handshake, socket: Socket) -> Result<(), Refusal> {
        if handshake.query.contains("deny") || handshake.auth.get("deny").is_some() {
            let data = json!({ "code": "FORBIDDEN" });
            return Err(Refusal {
                message: "FORBIDDEN".to_owned(),
                data,
            });
        }
        socket.join("everyone");
        Ok(())
    }

    async fn connected(&self, socket: Socket, _: Arc<()>) {
        if let Ok(packet) = Packet::event(socket.namespace(), "welcome", &socket.id().as_str()) {
            // Gone already: its disconnect handler is on the way.
            let _ = socket.emit(&packet);
        }
    }

    async fn event(&self, socket: Socket, _: Arc<()>, event: Event) {
        let Event { name, args, ack } = event;
        if let Ok(packet) = Packet::event_args(socket.namespace(), &name, &args) {
            let _ = socket.emit(&packet);
        }
        if let Some(ack) = ack {
            let _ = ack.send(&args);
        }
    }

    async fn disconnected(&self, _: SocketId, _: Arc<()>, _: DisconnectReason) {}
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let options = Options {
        namespaces: vec!["/".into(), "/chat".into()],
        ..Options::default()
    };
    let server = Server::new(options, Echo);
    let router = server
        .router()
        .into_make_service_with_connect_info::<listen::Peer>();
    let listener =
        listen::Listener::new(TcpListener::bind(addr).await?, listen::Options::default());
    axum::serve(listener, router).await?;
    Ok(())
}
