//! Coming and going have turns. After a network or a node went away thousands come back within a
//! second: all at once each would take so long that its client, and the calls of everybody else,
//! gave up.

use std::time::Duration;

use switchboard_messaging::store::Viewer;
use switchboard_messaging::turns::{Turn, Turns};
use switchboard_protocol::ErrorObject;
use switchboard_socketio::Socket;

/// Sockets that come in at a time: enough to keep a node's processors and its connections to the
/// database busy, and few enough that others get through.
const AT_ONCE: usize = 32;
/// Sockets that may wait to come in; one organization has half of these places.
const PLACES: usize = 65_536;
/// Whoever has waited for this long is cut off, and comes again by itself. Clients wait for the answer
/// to a CONNECT for as long as the connection is there.
const PATIENCE: Duration = Duration::from_secs(15);
/// Sockets that go at a time.
const GOING_AT_ONCE: usize = 128;

/// The turns of one node.
#[derive(Debug)]
pub(crate) struct Traffic {
    coming: Turns,
    going: Turns,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            coming: Turns::new(AT_ONCE, PLACES),
            going: Turns::new(GOING_AT_ONCE, usize::MAX),
        }
    }
}

impl Traffic {
    /// Waits until a socket may come in; it comes in while what this returns is held.
    pub(crate) async fn comes(
        &self,
        viewer: &Viewer,
        socket: &Socket,
    ) -> Result<Turn, ErrorObject> {
        let turn = tokio::time::timeout(PATIENCE, self.coming.next(&viewer.organization)).await;
        metrics::gauge!("switchboard_connects_waiting").set(self.coming.waiting() as f64);
        match turn {
            // Nobody is there to come in any more.
            Ok(Some(_)) if socket.is_gone() => Err(ErrorObject::busy(PATIENCE)),
            Ok(Some(turn)) => Ok(turn),
            Ok(None) | Err(_) => {
                metrics::counter!("switchboard_shed_total", "reason" => "connects").increment(1);
                Err(ErrorObject::busy(PATIENCE))
            }
        }
    }

    /// Waits until a socket that is gone may be looked after.
    pub(crate) async fn goes(&self, viewer: &Viewer) -> Option<Turn> {
        self.going.next(&viewer.organization).await
    }
}
