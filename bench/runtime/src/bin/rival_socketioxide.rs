//! socketioxide on axum, with settings in its favour: `TCP_NODELAY`, room for bursts in its buffers, and
//! handlers that decode no more than they need.

use axum::serve::ListenerExt;
use bench_runtime::server;
use clap::Parser;
use serde_json::Value;
use socketioxide::{
    SocketIo,
    extract::{AckSender, Data, SocketRef},
};
use tokio::net::TcpListener;

/// Packets that may wait for one client. The default of 128 drops packets in bursts that the client
/// would read a moment later; the memory is only taken when they wait.
const BUFFER: usize = 4096;

async fn publish(io: SocketIo, Data((room, payload)): Data<(String, String)>) {
    // The failures are those of single sockets that are on their way out.
    let _ = io.to(room).emit("message", &payload).await;
}

fn stats(io: &SocketIo, room: String) -> Value {
    // The rooms themselves are only told by a future, and nothing here needs them.
    server::stats(io.sockets().len(), io.to(room).sockets().len(), None)
}

fn connected(socket: &SocketRef) {
    socket.on(
        "join",
        async |socket: SocketRef, Data(room): Data<String>| {
            socket.join(room);
        },
    );
    socket.on(
        "publish",
        async |io: SocketIo, data: Data<(String, String)>| {
            publish(io, data).await;
        },
    );
    socket.on("echo", async |ack: AckSender, Data(value): Data<Value>| {
        let _ = ack.send(&value);
    });
    socket.on(
        "stats",
        async |io: SocketIo, ack: AckSender, Data(room): Data<String>| {
            let _ = ack.send(&stats(&io, room));
        },
    );
}

fn main() -> anyhow::Result<()> {
    let args = server::Args::parse();
    let port = args.port;
    let (layer, io) = SocketIo::builder()
        .ping_interval(args.ping_interval())
        .ping_timeout(args.ping_timeout())
        .max_buffer_size(BUFFER)
        .build_layer();
    io.ns("/", async |socket: SocketRef| connected(&socket));
    let router = axum::Router::new().layer(layer);
    args.run(async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        server::ready(listener.local_addr()?.port());
        let listener = listener.tap_io(|stream| {
            // It would only be slower without.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await
    })
}
