//! What the hub brings, on its way to this node's sockets.

use std::time::Duration;

use switchboard_messaging::hub::Arrival;
use switchboard_messaging::presence::PRESENCE_EVENT;
use switchboard_messaging::queue::QUEUE_NEWS;
use switchboard_messaging::revocations::REVOKED_EVENT;
use switchboard_socketio::Io;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::dialects::Dialects;
use crate::presence_fanout::{PresenceBatch, Told};
use crate::present::{Present, SESSION_TAKEN};
use crate::queue::Queue;
use crate::revoked::Revoker;
use crate::rooms::Rooms;
use crate::watchers::Watchers;

/// Takes events from the hub until it closes or `stop`.
pub(crate) async fn run(
    mut inbound: mpsc::Receiver<Arrival>,
    (rooms, present, queue, revoker, watchers): (Rooms, Present, Queue, Revoker, Watchers),
    (io, dialects): (Io, Dialects),
    presence_window: Duration,
    stop: CancellationToken,
) {
    let (mut batch, mut told) = (PresenceBatch::default(), Told::default());
    let mut due: Option<Instant> = None;
    loop {
        tokio::select! {
            arrival = inbound.recv() => match arrival {
                None => return,
                Some(Arrival::Doubt) => rooms.doubt(),
                Some(Arrival::Event(event)) => match event.name.as_str() {
                    PRESENCE_EVENT => {
                        batch.add(*event);
                        due.get_or_insert_with(|| Instant::now() + presence_window);
                    }
                    SESSION_TAKEN => present.taken(&event),
                    QUEUE_NEWS => queue.heard(&event),
                    REVOKED_EVENT => revoker.heard(&event),
                    _ => rooms.deliver(event),
                },
            },
            () = sleep_until(due) => {
                let sockets = (&io, &dialects, &watchers);
                std::mem::take(&mut batch).deliver(sockets, &mut told);
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
