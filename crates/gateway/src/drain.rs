//! Sockets leave a node that ends: one after the other, each with its answers.

use std::time::Duration;

use switchboard_protocol::ServerEvent;
use switchboard_socketio::{Io, Packet, Socket};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::NAMESPACE;

/// How long a socket's own calls may hold up its close.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a busy socket is looked at.
const GLANCE: Duration = Duration::from_millis(5);

/// Tells every socket when it will be closed, and closes it then.
pub(crate) async fn close_all(io: Io, spread: Duration) {
    let sockets = io.sockets();
    let (begin, count) = (Instant::now(), sockets.len().max(1) as u32);
    let mut closing = JoinSet::new();
    for (index, socket) in (0u32..).zip(sockets) {
        let wait = spread / count * index;
        tell(&socket, wait);
        closing.spawn(async move {
            sleep_until(begin + wait).await;
            close_when_answered(&socket).await;
        });
    }
    while closing.join_next().await.is_some() {}
}

fn tell(socket: &Socket, wait: Duration) {
    let event = ServerEvent::ServerDraining {
        reconnect_in_ms: wait.as_millis() as u64,
    };
    if let Ok(packet) = Packet::event(NAMESPACE, event.name(), &event) {
        // One that cannot take it is closed all the same.
        let _ = socket.emit(&packet);
    }
}

async fn close_when_answered(socket: &Socket) {
    let patience = Instant::now() + PATIENCE;
    while !socket.is_idle() && Instant::now() < patience {
        sleep(GLANCE).await;
    }
    socket.close();
}
