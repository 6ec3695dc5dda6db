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
use tokio_util::sync::CancellationToken;

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
        let Event {
            name,
            args,
            attachments,
            ack,
            ..
        } = event;
        let echo =
            Packet::event_with_attachments(socket.namespace(), &name, &args, attachments.clone());
        if let Ok(packet) = echo {
            let _ = socket.emit(&packet);
        }
        if let Some(ack) = ack {
            let _ = ack.send_with_attachments(&args, &attachments);
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
    let listener = TcpListener::bind(addr).await?;
    let forever = CancellationToken::new();
    listen::serve(
        listener,
        server.router(),
        listen::Options::default(),
        forever,
    )
    .await;
    Ok(())
}
