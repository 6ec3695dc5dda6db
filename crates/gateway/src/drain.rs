//! Sockets leave a node that ends: one after the other, each with its answers.

use std::time::Duration;

use switchboard_messaging::draining::DrainWindow;
use switchboard_protocol::ServerEvent;
use switchboard_protocol::server_events::ServerDraining;
use switchboard_socketio::{Io, Pace, Socket};
use tokio::time::Instant;

use crate::dialects::Dialects;

/// How long a socket's own calls may hold up its close.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells every socket when it will be closed, and closes it then. When it becomes later, because
/// another node drains too, those that are left are told again.
pub(crate) async fn close_all(io: Io, dialects: Dialects, window: &DrainWindow) {
    let tell = |socket: &Socket, wait| tell(&dialects, socket, wait);
    let begun = Instant::now();
    tokio::select! {
        () = io.drain(Pace::Over(window.alone), PATIENCE, tell) => return,
        () = window.company() => {}
    }
    let end = begun + window.in_company;
    let left = end.saturating_duration_since(Instant::now());
    tracing::info!(seconds = left.as_secs(), "not the only one that drains");
    io.drain(Pace::Over(left), PATIENCE, tell).await;
}

fn tell(dialects: &Dialects, socket: &Socket, wait: Duration) {
    let event = ServerEvent::ServerDraining(ServerDraining {
        reconnect_in_ms: wait.as_millis() as u64,
    });
    // One that cannot take it is closed all the same.
    dialects.emit(socket, &event);
}
