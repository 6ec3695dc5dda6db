//! Tokens run out while their sockets are connected: a warning a minute before, then the end,
//! unless a newer token came.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use switchboard_messaging::Clock;
use switchboard_protocol::server_events::AuthExpiring;
use switchboard_protocol::{ErrorCode, ErrorObject, ServerEvent, Timestamp};
use switchboard_socketio::{Socket, SocketId};
use tokio_util::sync::CancellationToken;

use crate::dialects::Dialects;

/// How long before the end sockets are warned.
const WARNING: Duration = Duration::from_mins(1);
/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(500);

/// The sockets whose tokens will run out. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Expiry {
    watched: Arc<Mutex<Watched>>,
    dialects: Dialects,
}

#[derive(Debug, Default)]
struct Watched {
    sockets: HashMap<SocketId, Due>,
    /// When each is to be looked at, soonest first.
    order: BTreeSet<(i64, SocketId)>,
}

#[derive(Clone, Debug)]
struct Due {
    socket: Socket,
    expires_at: Timestamp,
    /// It came without a token, and this is the end of its time to send one.
    is_nobodys: bool,
    /// When the warning is due, or, once it was given, the end.
    at: i64,
}

impl Watched {
    fn insert(&mut self, due: Due) {
        let id = due.socket.id();
        self.remove(&id);
        self.order.insert((due.at, id));
        self.sockets.insert(id, due);
    }

    fn remove(&mut self, id: &SocketId) {
        if let Some(due) = self.sockets.remove(id) {
            self.order.remove(&(due.at, *id));
        }
    }

    fn take_until(&mut self, now: Timestamp) -> Vec<Due> {
        let mut taken = Vec::new();
        while let Some(&(at, id)) = self.order.first()
            && at <= now.as_millis()
        {
            self.order.pop_first();
            taken.extend(self.sockets.remove(&id));
        }
        taken
    }
}

impl Expiry {
    /// Watches nobody yet.
    pub(crate) fn new(dialects: Dialects) -> Self {
        let watched = Arc::default();
        Self { watched, dialects }
    }

    /// Watches a socket that came without a token until it has to have sent one.
    pub(crate) fn await_token(&self, socket: Socket, until: Timestamp) {
        self.watched().insert(Due {
            socket,
            expires_at: until,
            is_nobodys: true,
            at: until.as_millis(),
        });
    }

    /// Watches a socket until its token runs out. A newer token takes the place of the one before.
    pub(crate) fn watch(&self, socket: Socket, expires_at: Timestamp) {
        let warning = WARNING.as_millis() as i64;
        let at = expires_at.as_millis().saturating_sub(warning);
        self.watched().insert(Due {
            socket,
            expires_at,
            is_nobodys: false,
            at,
        });
    }

    /// The socket went before its token did.
    pub(crate) fn forget(&self, socket: &SocketId) {
        self.watched().remove(socket);
    }

    /// Looks at the clock until `stop`.
    pub(crate) async fn run(self, clock: Arc<dyn Clock>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(TICK);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let now = clock.now();
            let due = self.watched().take_until(now);
            for due in due {
                self.act(due, now);
            }
        }
    }

    fn act(&self, due: Due, now: Timestamp) {
        if due.expires_at <= now {
            if due.is_nobodys {
                let text = "no token came in time";
                let error = ErrorObject::new(ErrorCode::Unauthenticated, text);
                let failure = ServerEvent::Failure(Box::new(error));
                self.dialects.emit(&due.socket, &failure);
            }
            due.socket.disconnect();
            return;
        }
        if !due.socket.is_connected() {
            return;
        }
        let event = ServerEvent::AuthExpiring(AuthExpiring {
            expires_at: due.expires_at,
        });
        self.dialects.emit(&due.socket, &event);
        let mut watched = self.watched();
        // A newer token may have come just now.
        if !watched.sockets.contains_key(&due.socket.id()) {
            let at = due.expires_at.as_millis();
            watched.insert(Due { at, ..due });
        }
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
