//! Who is typing: announced once when it begins, and once when it ends, by whatever cause.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use switchboard_protocol::server_events::Typing;
use switchboard_protocol::{ConversationId, ErrorObject, ServerEvent};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Clock;
use crate::actor::Caller;
use crate::hub::{BusEvent, Channel, Hub, Room};
use crate::publish;
use crate::store::Viewer;

/// The hub's and this node's clocks need not agree to the millisecond; expiry is looked at a
/// little late rather than a little early.
const MARGIN: Duration = Duration::from_millis(100);

/// One person typing in one conversation on this node.
type Key = (Viewer, ConversationId);

/// Who types on this node's sockets. Cheap to clone.
#[derive(Clone)]
pub struct TypingService {
    inner: Arc<Inner>,
}

struct Inner {
    hub: Arc<dyn Hub>,
    clock: Arc<dyn Clock>,
    ttl: Duration,
    typists: Mutex<HashMap<Key, Typist>>,
    /// Counts all calls: a timer belongs to one of them, also when a typist stopped and began again.
    turns: AtomicU64,
    tasks: TaskTracker,
    stop: CancellationToken,
}

struct Typist {
    socket: Option<String>,
    /// The last call, whose timer alone speaks.
    turn: u64,
}

impl fmt::Debug for TypingService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypingService")
            .field("ttl", &self.inner.ttl)
            .finish_non_exhaustive()
    }
}

impl TypingService {
    /// A service whose entries last for `ttl`; its timers run on `tasks` until `stop`.
    pub fn new(
        hub: Arc<dyn Hub>,
        clock: Arc<dyn Clock>,
        ttl: Duration,
        (tasks, stop): (TaskTracker, CancellationToken),
    ) -> Self {
        let typists = Mutex::new(HashMap::new());
        Self {
            inner: Arc::new(Inner {
                hub,
                clock,
                ttl,
                typists,
                turns: AtomicU64::new(0),
                tasks,
                stop,
            }),
        }
    }

    /// Somebody began, goes on or stopped typing; the event, when it is news to the others.
    pub(crate) async fn typing(
        &self,
        caller: &Caller,
        conversation: ConversationId,
        is_typing: bool,
    ) -> Result<Option<BusEvent>, ErrorObject> {
        let key = (caller.viewer().clone(), conversation);
        let channel = channel(&key);
        let news = if is_typing {
            self.arm(&key, caller.socket.as_deref());
            self.inner
                .hub
                .typing_start(&channel, &key.0.user, self.inner.ttl)
                .await?
        } else {
            self.typists().remove(&key);
            self.inner
                .hub
                .typing_stop(&channel, &key.0.user, false)
                .await?
        };
        let except = caller.socket.as_deref();
        news.then(|| self.event(&key, is_typing, except))
            .transpose()
    }

    /// A socket went: what was typed on it is typed no more.
    pub async fn socket_gone(&self, socket: &str) {
        let gone: Vec<Key> = {
            let mut typists = self.typists();
            let of_socket = |typist: &Typist| typist.socket.as_deref() == Some(socket);
            let keys = typists.iter().filter(|(_, typist)| of_socket(typist));
            let keys: Vec<Key> = keys.map(|(key, _)| key.clone()).collect();
            for key in &keys {
                typists.remove(key);
            }
            keys
        };
        for key in gone {
            self.announce_stop(&key, None, false).await;
        }
    }

    /// Starts (again) the timer that announces the end.
    fn arm(&self, key: &Key, socket: Option<&str>) {
        let turn = self.inner.turns.fetch_add(1, Ordering::Relaxed);
        let socket = socket.map(str::to_owned);
        self.typists().insert(key.clone(), Typist { socket, turn });
        let (service, key) = (self.clone(), key.clone());
        self.inner.tasks.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(service.inner.ttl + MARGIN) => service.expire(&key, turn).await,
                () = service.inner.stop.cancelled() => {}
            }
        });
    }

    async fn expire(&self, key: &Key, turn: u64) {
        let typist = {
            let mut typists = self.typists();
            match typists.get(key) {
                Some(typist) if typist.turn == turn => typists.remove(key),
                _ => return,
            }
        };
        // On another device, and so perhaps another node, the user may have gone on.
        let socket = typist.and_then(|typist| typist.socket);
        self.announce_stop(key, socket.as_deref(), true).await;
    }

    async fn announce_stop(&self, key: &Key, except: Option<&str>, only_expired: bool) {
        let stopped = self
            .inner
            .hub
            .typing_stop(&channel(key), &key.0.user, only_expired)
            .await;
        let event = match stopped {
            Ok(true) => self.event(key, false, except),
            Ok(false) => return,
            Err(error) => Err(error.into()),
        };
        if let Ok(event) = event
            && let Err(error) = self.inner.hub.publish(event).await
        {
            tracing::debug!(cause = error.0, "end of typing not published");
        }
    }

    fn event(
        &self,
        (viewer, conversation): &Key,
        is_typing: bool,
        except: Option<&str>,
    ) -> Result<BusEvent, ErrorObject> {
        let user_id = viewer.user.clone();
        let typing = Typing {
            conversation_id: *conversation,
            user_id,
            is_typing,
        };
        let event = ServerEvent::MessageTyping(typing);
        let at = self.inner.clock.now();
        publish::to_conversation(&viewer.organization, *conversation, &event, except, at)
    }

    fn typists(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Typist>> {
        self.inner
            .typists
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn channel((viewer, conversation): &Key) -> Channel {
    let room = Room::Conversation(*conversation);
    Channel {
        organization: viewer.organization.clone(),
        room,
    }
}
