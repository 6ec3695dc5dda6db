//! The runtime of this repository.

use std::sync::{Arc, OnceLock};

use bench_runtime::server;
use clap::Parser;
use serde_json::Value;
use switchboard_socketio::{
    Application, DisconnectReason, Event, Handshake, Io, Options, Packet, Refusal, Server, Socket,
    SocketId, listen,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Set once the server exists, before it accepts.
struct App(Arc<OnceLock<Io>>);

impl App {
    async fn publish(&self, args: &[Value]) {
        if let (Some(io), [Value::String(room), payload, ..]) = (self.0.get(), args)
            && let Ok(packet) = Packet::event("/", "message", payload)
        {
            io.broadcast("/", room, &packet, None).await;
        }
    }

    fn stats(&self, args: &[Value]) -> Value {
        let room = args.first().and_then(Value::as_str).unwrap_or_default();
        self.0.get().map_or(Value::Null, |io| {
            let sockets = io.connections().iter().map(|it| it.count).sum();
            server::stats(sockets, io.sockets_in("/", room).len(), Some(io.rooms("/")))
        })
    }
}

impl Application for App {
    type Session = ();

    async fn connect(&self, _: Handshake, _: Socket) -> Result<(), Refusal> {
        Ok(())
    }

    async fn connected(&self, _: Socket, _: Arc<()>) {}

    async fn event(&self, socket: Socket, _: Arc<()>, event: Event) {
        let Event {
            name, args, ack, ..
        } = event;
        let first = args.first();
        let answer = match name.as_str() {
            "publish" => {
                self.publish(&args).await;
                return;
            }
            "join" => {
                socket.join(first.and_then(Value::as_str).unwrap_or_default());
                return;
            }
            "echo" => first.cloned().unwrap_or_default(),
            "stats" => self.stats(&args),
            _ => return,
        };
        if let Some(ack) = ack {
            // A socket that is gone needs no answer.
            let _ = ack.send(&answer);
        }
    }

    async fn disconnected(&self, _: SocketId, _: Arc<()>, _: DisconnectReason) {}
}

fn main() -> anyhow::Result<()> {
    let args = server::Args::parse();
    let options = Options {
        ping_interval: args.ping_interval(),
        ping_timeout: args.ping_timeout(),
        ..Options::default()
    };
    let port = args.port;
    args.run(async move {
        let io = Arc::new(OnceLock::new());
        let server = Server::new(options, App(io.clone()));
        // Nobody else sets it.
        let _ = io.set(server.handle());
        let tcp = TcpListener::bind(("127.0.0.1", port)).await?;
        server::ready(tcp.local_addr()?.port());
        let forever = CancellationToken::new();
        listen::serve(tcp, server.router(), listen::Options::default(), forever).await;
        Ok(())
    })
}
