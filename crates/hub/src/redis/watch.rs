//! Hears of lost connections before the next command would, and tells of outages.

use std::sync::Arc;

use fred::clients::Client;
use fred::interfaces::EventInterface;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::bus::Local;
use super::link::Link;

/// Casts doubt on what arrives whenever Redis is away: one that stands still keeps the connections, and
/// nothing comes on them.
pub(super) async fn outages(link: Arc<Link>, local: Local, stop: CancellationToken) {
    let watching = async {
        loop {
            link.circuit.opened().await;
            local.doubt().await;
            link.circuit.closed().await;
        }
    };
    stop.run_until_cancelled(watching).await;
}

/// Opens the circuit when one of the connections breaks, until the next probe closes it.
pub(super) async fn errors(link: Arc<Link>, client: Client, stop: CancellationToken) {
    let mut errors = client.error_rx();
    loop {
        let heard = tokio::select! {
            () = stop.cancelled() => return,
            heard = errors.recv() => heard,
        };
        match heard {
            // Without a server when none could be connected to.
            Ok((error, server)) => link.broke(&client, &error, server.is_some()),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
