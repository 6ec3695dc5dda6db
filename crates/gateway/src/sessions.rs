//! What is kept in the hub of this node's sockets, so that they can go on elsewhere: from when they
//! connect on, because a node that dies does not come to say goodbye.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use switchboard_messaging::Hub;
use switchboard_messaging::hub::{Position, SessionKey, SessionRecord};
use switchboard_protocol::{ConversationId, OrganizationId};
use switchboard_socketio::SocketId;
use tokio_util::sync::CancellationToken;

/// Sessions that are prolonged in one go.
const AT_ONCE: usize = 500;

/// The sessions of this node's sockets. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Sessions(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    hub: Arc<dyn Hub>,
    /// How long a client may be away; none is kept when this is zero.
    max_disconnection: Duration,
    live: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    /// Boxed: a map has room for nearly twice as many as it holds.
    by_key: HashMap<SessionKey, Box<Live>>,
    /// Under which key a socket's session is, by its public id.
    keys: HashMap<String, SessionKey>,
}

/// What became of a user's membership of a conversation that sockets follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Membership {
    /// They follow it, and know it up to this `rev`.
    Began(i64),
    /// They follow it no more.
    Ended,
}

#[derive(Debug)]
struct Live {
    organization: OrganizationId,
    record: SessionRecord,
    /// Whether the hub has it as it is.
    is_saved: bool,
}

impl Sessions {
    pub(crate) fn new(hub: Arc<dyn Hub>, max_disconnection: Duration) -> Self {
        Self(Arc::new(Inner {
            hub,
            max_disconnection,
            live: Mutex::default(),
        }))
    }

    /// Whether clients are given sessions at all.
    pub(crate) fn are_kept(&self) -> bool {
        !self.0.max_disconnection.is_zero()
    }

    fn pause(&self) -> Duration {
        (self.0.max_disconnection / 4).max(Duration::from_millis(250))
    }

    /// How long a session lasts that its node does not prolong.
    pub(crate) fn ttl_ms(&self) -> u64 {
        millis(self.0.max_disconnection + self.pause() * 2)
    }

    /// A socket has a session from here on.
    pub(crate) async fn begin(
        &self,
        organization: &OrganizationId,
        key: &SessionKey,
        record: SessionRecord,
    ) {
        let live = Live {
            organization: organization.clone(),
            record,
            is_saved: false,
        };
        {
            let mut all = self.lock();
            all.keys.insert(live.record.socket.clone(), key.clone());
            all.by_key.insert(key.clone(), Box::new(live));
        }
        self.save(key).await;
    }

    /// A socket follows these conversations, which it did not enter by itself, each from after a `rev`,
    /// and those no more.
    pub(crate) async fn moved(
        &self,
        key: &SessionKey,
        entered: &[(ConversationId, i64)],
        left: &[ConversationId],
    ) {
        self.change(key, |record| {
            for conversation in left {
                record.entered.remove(conversation);
                record.left.insert(*conversation);
            }
            for (conversation, rev) in entered {
                record.left.remove(conversation);
                record.entered.insert(*conversation, *rev);
            }
        })
        .await;
    }

    /// The membership of a socket's user began or ended. That the socket left the conversation by itself
    /// before counts no more.
    pub(crate) async fn membership(
        &self,
        socket: &SocketId,
        conversation: ConversationId,
        membership: Membership,
    ) {
        let key = self.lock().keys.get(socket.as_str()).cloned();
        let Some(key) = key else { return };
        self.change(&key, |record| {
            record.left.remove(&conversation);
            match membership {
                Membership::Began(rev) => record.entered.insert(conversation, rev),
                Membership::Ended => record.entered.remove(&conversation),
            };
        })
        .await;
    }

    /// Its socket was in its rooms from this place on, and was not told so.
    pub(crate) async fn began(&self, key: &SessionKey, place: &Position) {
        self.change(key, |record| record.began = Some(place.to_string()))
            .await;
    }

    async fn change(&self, key: &SessionKey, change: impl FnOnce(&mut SessionRecord)) {
        if let Some(live) = self.lock().by_key.get_mut(key) {
            let before = live.record.clone();
            change(&mut live.record);
            if live.is_saved && live.record == before {
                return;
            }
            live.is_saved = false;
        }
        self.save(key).await;
    }

    /// Its socket is gone; `comes_back` tells whether its client may.
    pub(crate) async fn over(&self, key: &SessionKey, comes_back: bool) {
        let Some(live) = self.lock().remove(key) else {
            return;
        };
        let hub = &self.0.hub;
        let told = if comes_back {
            let ttl = millis(self.0.max_disconnection);
            let keeping = [(live.organization, key.clone())];
            hub.session_keep(&keeping, ttl).await.map(drop)
        } else {
            let owner = &live.record.owner;
            hub.session_end(&live.organization, key, owner).await
        };
        if let Err(error) = told {
            tracing::debug!(cause = error.0, "end of a session not kept");
        }
    }

    async fn save(&self, key: &SessionKey) {
        let found = self.lock().by_key.get(key).map(|live| {
            let (organization, record) = (&live.organization, &live.record);
            (organization.clone(), record.clone())
        });
        let Some((organization, record)) = found else {
            return;
        };
        let saving = self
            .0
            .hub
            .session_save(&organization, key, &record, self.ttl_ms());
        match saving.await {
            Ok(()) => {
                if let Some(live) = self.lock().by_key.get_mut(key) {
                    // It may have changed meanwhile.
                    live.is_saved = live.record == record;
                }
            }
            // It is tried again with the next round.
            Err(error) => tracing::debug!(cause = error.0, "session not kept"),
        }
    }

    /// Prolongs all sessions, over and over, until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        if !self.are_kept() {
            return;
        }
        let mut rounds = tokio::time::interval(self.pause());
        while stop.run_until_cancelled(rounds.tick()).await.is_some() {
            if stop.run_until_cancelled(self.round()).await.is_none() {
                return;
            }
        }
    }

    async fn round(&self) {
        let (saved, unsaved) = self.all();
        for key in unsaved {
            self.save(&key).await;
        }
        for some in saved.chunks(AT_ONCE) {
            match self.0.hub.session_keep(some, self.ttl_ms()).await {
                Ok(gone) => {
                    for index in gone {
                        self.save(&some[index].1).await;
                    }
                }
                Err(error) => {
                    tracing::debug!(cause = error.0, "sessions not prolonged");
                    return;
                }
            }
        }
    }

    /// Those that the hub has as they are, and those that it does not.
    fn all(&self) -> (Vec<(OrganizationId, SessionKey)>, Vec<SessionKey>) {
        let (mut saved, mut unsaved) = (Vec::new(), Vec::new());
        for (key, live) in &self.lock().by_key {
            if live.is_saved {
                saved.push((live.organization.clone(), key.clone()));
            } else {
                unsaved.push(key.clone());
            }
        }
        (saved, unsaved)
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    fn remove(&mut self, key: &SessionKey) -> Option<Live> {
        let live = self.by_key.remove(key)?;
        self.keys.remove(&live.record.socket);
        Some(*live)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
