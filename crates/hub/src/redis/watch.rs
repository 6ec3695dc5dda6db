//! Hears of lost connections before the next command would.

use std::sync::Arc;

use fred::interfaces::EventInterface;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::link::Link;

/// Opens the circuit when a connection breaks, until the next probe closes it.
pub(super) async fn errors(link: Arc<Link>, stop: CancellationToken) {
    let (mut commands, mut messages) = (link.client.error_rx(), link.listener.error_rx());
    loop {
        let heard = tokio::select! {
            () = stop.cancelled() => return,
            heard = commands.recv() => heard,
            heard = messages.recv() => heard,
        };
        match heard {
            // Fred follows a cluster that moves slots by itself.
            Ok((error, _)) if error.is_cluster() => {}
            Ok((error, _)) => link.broke(&error),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
