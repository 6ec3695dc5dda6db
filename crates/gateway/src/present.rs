//! The sockets of this node, by their public ids: one that comes back elsewhere, or here once more,
//! ends the half-open one that it left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use switchboard_messaging::hub::{BusEvent, Hub};
use switchboard_messaging::presence::user_channel;
use switchboard_messaging::publish;
use switchboard_messaging::store::Viewer;
use switchboard_protocol::{DeliveryClass, Timestamp};
use switchboard_socketio::{Socket, SocketId};
use tokio_util::sync::CancellationToken;

use crate::door::Opened;
use crate::session::Session;

/// Nodes tell each other with this that a session went on elsewhere. It reaches no client.
pub(crate) const SESSION_TAKEN: &str = "session:taken";

/// How long the end of a socket is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Sockets, from when they connect until everything about them has ended. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Present(Arc<Mutex<HashMap<SocketId, Here>>>);

#[derive(Clone, Debug)]
struct Here {
    socket: Socket,
    owner: String,
    session: Arc<Session>,
    ended: CancellationToken,
}

/// What [`SESSION_TAKEN`] carries.
#[derive(Debug, Serialize, Deserialize)]
struct Taken {
    socket: String,
    owner: String,
}

impl Present {
    pub(crate) fn came(&self, socket: &Socket, opened: &Opened) {
        let here = Here {
            socket: socket.clone(),
            owner: opened.owner.clone(),
            session: Arc::clone(&opened.session),
            ended: CancellationToken::new(),
        };
        self.lock().insert(socket.id(), here);
    }

    /// The sockets that are here now, with their sessions.
    pub(crate) fn all(&self) -> Vec<(Socket, Arc<Session>)> {
        let all = self.lock();
        let pair = |here: &Here| (here.socket.clone(), Arc::clone(&here.session));
        all.values().map(pair).collect()
    }

    /// Some of the sockets, others for each `turn`.
    pub(crate) fn some(&self, turn: usize, count: usize) -> Vec<Socket> {
        let all = self.lock();
        let begin = (turn * count).checked_rem(all.len()).unwrap_or(0);
        let some = all.values().cycle().skip(begin).take(count.min(all.len()));
        some.map(|here| here.socket.clone()).collect()
    }

    /// Everything about a socket has ended.
    pub(crate) fn ended(&self, id: &SocketId, owner: &str) {
        let mut all = self.lock();
        if all.get(id).is_some_and(|here| here.owner == owner)
            && let Some(here) = all.remove(id)
        {
            here.ended.cancel();
        }
    }

    /// Ends the socket with this id, wherever it is, if it is another connection's than `owner`'s.
    /// `false` when it is here and does not end.
    pub(crate) async fn take_over(
        &self,
        hub: &Arc<dyn Hub>,
        (viewer, at): (&Viewer, Timestamp),
        id: &SocketId,
        owner: &str,
    ) -> bool {
        let here = self.lock().get(id).cloned();
        if let Some(here) = here {
            here.socket.close();
            let ended = tokio::time::timeout(PATIENCE, here.ended.cancelled()).await;
            return ended.is_ok();
        }
        let taken = Taken {
            socket: id.to_string(),
            owner: owner.to_owned(),
        };
        if let Ok(data) = publish::raw(&taken) {
            let event = BusEvent {
                channel: user_channel(&viewer.organization, &viewer.user),
                audience: Vec::new(),
                name: SESSION_TAKEN.to_owned(),
                data,
                class: DeliveryClass::Volatile,
                rev: None,
                except: None,
                enters: None,
                at,
                trace: None,
                position: None,
            };
            // One that does not hear of it ends by its heartbeat.
            let _ = hub.publish(event).await;
        }
        true
    }

    /// A session went on elsewhere.
    pub(crate) fn taken(&self, event: &BusEvent) {
        let Ok(taken) = serde_json::from_str::<Taken>(event.data.get()) else {
            return;
        };
        let id = SocketId::parse(&taken.socket);
        let here = id.and_then(|id| self.lock().get(&id).cloned());
        if let Some(here) = here
            && here.owner != taken.owner
        {
            here.socket.close();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketId, Here>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
