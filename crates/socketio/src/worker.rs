//! The task of one socket: connect, its events in order, disconnect.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
};

use futures_util::FutureExt;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{Application, Event, Refusal, Socket, connection::Joining, socket::Queued};

/// Message of the refusal when the connect handler panicked; it tells nothing of the inside.
const INTERNAL: &str = "INTERNAL";

pub(crate) async fn run<A: Application>(app: Arc<A>, joining: Joining) {
    let Joining {
        socket,
        handshake,
        mailbox,
    } = joining;
    let decision = caught(&socket, app.connect(handshake, socket.clone())).await;
    let session = match decision {
        Some(Ok(session)) => Arc::new(session),
        Some(Err(refusal)) => return socket.refuse(&refusal),
        None => {
            return socket.refuse(&Refusal {
                message: INTERNAL.to_owned(),
                data: Value::Null,
            });
        }
    };
    if socket.accept() {
        tokio::select! {
            biased;
            () = serve(&*app, &socket, &session, mailbox) => {}
            () = out_of_grace(&socket) => {
                tracing::warn!(socket = %socket.id(), "handler dropped: it outlived its socket");
            }
        }
    }
    let ended = app.disconnected(socket.id().clone(), session, socket.reason());
    caught(&socket, ended).await;
}

/// Hands over the events until the socket is gone.
async fn serve<A: Application>(
    app: &A,
    socket: &Socket,
    session: &Arc<A::Session>,
    mut mailbox: mpsc::Receiver<Queued>,
) {
    caught(socket, app.connected(socket.clone(), session.clone())).await;
    while let Some(event) = next_event(socket, &mut mailbox).await {
        caught(socket, app.event(socket.clone(), session.clone(), event)).await;
        socket.handled();
    }
}

async fn next_event(socket: &Socket, mailbox: &mut mpsc::Receiver<Queued>) -> Option<Event> {
    if !socket.gone().is_cancelled() {
        tokio::select! {
            biased;
            queued = mailbox.recv() => return queued.map(|queued| socket.taken(queued)),
            () = socket.gone().cancelled() => {}
        }
    }
    if !socket.reason().keeps_received_events() {
        return None;
    }
    mailbox.try_recv().ok().map(|queued| socket.taken(queued))
}

async fn out_of_grace(socket: &Socket) {
    socket.gone().cancelled().await;
    tokio::time::sleep(socket.connection().registry.options.handler_grace).await;
}

/// Runs one call into the application; a panic is counted and logged, and gives `None`.
async fn caught<T>(socket: &Socket, call: impl Future<Output = T>) -> Option<T> {
    // What a panicking handler leaves half-done is the application's own; ours is behind locks
    // that it cannot hold.
    match AssertUnwindSafe(call).catch_unwind().await {
        Ok(value) => Some(value),
        Err(_panic) => {
            socket
                .connection()
                .registry
                .handler_panics
                .fetch_add(1, Ordering::Relaxed);
            tracing::error!(
                socket = %socket.id(),
                namespace = socket.namespace(),
                "handler panicked"
            );
            None
        }
    }
}
