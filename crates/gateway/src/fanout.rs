//! What the hub brings, on its way to this node's sockets.

use std::time::Duration;

use switchboard_messaging::hub::{BusEvent, Channel, Room};
use switchboard_messaging::presence::PRESENCE_EVENT;
use switchboard_socketio::{Io, Packet, Socket};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::NAMESPACE;
use crate::presence_fanout::{PresenceBatch, Told};
use crate::rooms::{Entry, Rooms, room_name};

/// Takes events from the hub until it closes or `stop`.
pub(crate) async fn run(
    mut inbound: mpsc::Receiver<BusEvent>,
    rooms: Rooms,
    io: Io,
    presence_window: Duration,
    stop: CancellationToken,
) {
    let (mut batch, mut told) = (PresenceBatch::default(), Told::default());
    let mut due: Option<Instant> = None;
    loop {
        tokio::select! {
            event = inbound.recv() => match event {
                None => return,
                Some(event) if event.name == PRESENCE_EVENT => {
                    batch.add(event);
                    due.get_or_insert_with(|| Instant::now() + presence_window);
                }
                Some(event) => deliver(event, &rooms, &io).await,
            },
            () = sleep_until(due) => {
                std::mem::take(&mut batch).deliver(&io, &mut told);
                due = None;
            }
            () = stop.cancelled() => return,
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

async fn deliver(event: BusEvent, rooms: &Rooms, io: &Io) {
    if event.enters.is_some() {
        introduce(event, rooms, io).await;
    } else {
        rooms.deliver(event).await;
    }
}

/// Tells a user's sockets of a new conversation, and lets them follow it from there.
async fn introduce(event: BusEvent, rooms: &Rooms, io: &Io) {
    let Some(enters) = event.enters else { return };
    let Ok(packet) = Packet::event(NAMESPACE, &event.name, &event.data) else {
        tracing::error!(event = event.name, "event could not be encoded");
        return;
    };
    let is_told = |socket: &Socket| event.except.as_deref() != Some(socket.id().as_str());
    let room = Room::Conversation(enters.conversation);
    let channel = Channel {
        organization: event.channel.organization.clone(),
        room,
    };
    let mut entries = Vec::new();
    for socket in io.sockets_in(NAMESPACE, &room_name(&event.channel)) {
        // The one that caused it enters with its ack.
        if is_told(&socket) {
            // It hears of the conversation when it is in its room: whatever comes next reaches it.
            let (told, packet) = (socket.clone(), packet.clone());
            let entry = Entry::new(channel.clone(), socket, enters.rev);
            // A socket that is gone or full is closed by the runtime.
            entries.push(entry.then(move || drop(told.emit(&packet))));
        }
    }
    rooms.request_all(entries).await;
}
