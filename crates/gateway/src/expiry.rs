//! Tokens run out while their sockets are connected: a warning a minute before, then the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use switchboard_messaging::Clock;
use switchboard_protocol::server_events::AuthExpiring;
use switchboard_protocol::{ServerEvent, Timestamp};
use switchboard_socketio::{Packet, Socket, SocketId};
use tokio_util::sync::CancellationToken;

use crate::NAMESPACE;

/// How long before the end sockets are warned.
const WARNING: Duration = Duration::from_mins(1);
/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(500);

/// The sockets whose tokens will run out, soonest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expiry {
    due: Arc<Mutex<BTreeMap<(i64, String), Due>>>,
}

#[derive(Debug)]
struct Due {
    socket: Socket,
    expires_at: Timestamp,
    warned: bool,
}

impl Expiry {
    /// Watches a socket until its token runs out.
    pub(crate) fn watch(&self, socket: Socket, expires_at: Timestamp) {
        let warn_at = expires_at
            .as_millis()
            .saturating_sub(WARNING.as_millis() as i64);
        let key = (warn_at, socket.id().to_string());
        self.due().insert(
            key,
            Due {
                socket,
                expires_at,
                warned: false,
            },
        );
    }

    /// The socket went before its token did.
    pub(crate) fn forget(&self, socket: &SocketId, expires_at: Timestamp) {
        let warn_at = expires_at
            .as_millis()
            .saturating_sub(WARNING.as_millis() as i64);
        let mut due = self.due();
        due.remove(&(warn_at, socket.to_string()));
        due.remove(&(expires_at.as_millis(), socket.to_string()));
    }

    /// Looks at the clock until `stop`.
    pub(crate) async fn run(self, clock: Arc<dyn Clock>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(TICK);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            for due in self.take_until(clock.now()) {
                self.act(due, clock.now());
            }
        }
    }

    fn act(&self, due: Due, now: Timestamp) {
        if due.expires_at <= now {
            due.socket.disconnect();
            return;
        }
        if due.warned || !due.socket.is_connected() {
            return;
        }
        let event = ServerEvent::AuthExpiring(AuthExpiring {
            expires_at: due.expires_at,
        });
        if let Ok(packet) = Packet::event(NAMESPACE, event.name(), &event) {
            // A socket that cannot take it is closed by its full queue.
            let _ = due.socket.emit(&packet);
        }
        let key = (due.expires_at.as_millis(), due.socket.id().to_string());
        self.due().insert(
            key,
            Due {
                warned: true,
                ..due
            },
        );
    }

    fn take_until(&self, now: Timestamp) -> Vec<Due> {
        let mut due = self.due();
        let later = due.split_off(&(now.as_millis() + 1, String::new()));
        std::mem::replace(&mut *due, later).into_values().collect()
    }

    fn due(&self) -> std::sync::MutexGuard<'_, BTreeMap<(i64, String), Due>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
