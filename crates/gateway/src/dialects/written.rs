//! What was written to sockets counts as delivered, or as acknowledged, where a dialect says so: the
//! server moves the watermarks that other clients move themselves, and acknowledges the offline queue.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use switchboard_messaging::store::Viewer;
use switchboard_messaging::{Actor, Caller, Messaging};
use switchboard_protocol::calls::Watermark;
use switchboard_protocol::{Call, ConversationId, ErrorCode, ErrorObject, QueuedEventId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How long it is gathered what to say: of many messages in a conversation, the last one says it all.
const WINDOW: Duration = Duration::from_millis(50);
/// Pause before that is tried again which could not be said.
const RETRY: Duration = Duration::from_secs(1);
/// What is said at the same time.
const AT_ONCE: usize = 8;
/// What waits. A watermark that does not fit is made good by the next message, and queued events that
/// are not acknowledged are written again.
const MOST: usize = 10_000;
/// How long the last ones may take when the node ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// What is to be said for users.
#[derive(Debug, Default)]
pub(super) struct Written {
    due: Mutex<HashMap<(Viewer, Place), Due>>,
    wake: Notify,
}

/// Where something was written from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Conversation(ConversationId),
    Queue,
}

#[derive(Clone, Debug)]
struct Due {
    actor: Arc<Actor>,
    /// Number of the newest message.
    seq: i64,
    /// Queued events.
    events: Vec<QueuedEventId>,
}

impl Written {
    /// Events of the offline queue were written to a socket.
    pub(super) fn note_queued(&self, actor: &Arc<Actor>, events: &Value) {
        let id = |event: &Value| event["id"].as_str()?.parse().ok();
        let events = events.as_array().into_iter().flatten().filter_map(id);
        let due = Due {
            actor: Arc::clone(actor),
            seq: 0,
            events: events.collect(),
        };
        self.add(Place::Queue, &due);
        self.wake.notify_one();
    }

    /// A message was written to a socket.
    pub(super) fn note(&self, actor: &Arc<Actor>, message: &Value) {
        let conversation = message["conversationId"].as_str();
        let conversation = conversation.and_then(|id| id.parse().ok());
        let is_own = message["senderId"].as_str() == Some(actor.viewer.user.as_str());
        let (Some(conversation), Some(seq), false) =
            (conversation, message["seq"].as_i64(), is_own)
        else {
            return;
        };
        let actor = Arc::clone(actor);
        let events = Vec::new();
        let due = Due { actor, seq, events };
        self.add(Place::Conversation(conversation), &due);
        self.wake.notify_one();
    }

    fn add(&self, place: Place, due: &Due) {
        let mut all = self.lock();
        let key = (due.actor.viewer.clone(), place);
        let is_full = all.len() >= MOST;
        match all.entry(key) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.seq = known.seq.max(due.seq);
                known.events.extend(&due.events);
            }
            Entry::Vacant(free) if !is_full => drop(free.insert(due.clone())),
            Entry::Vacant(_) => {}
        }
    }

    pub(super) async fn run(&self, messaging: Messaging, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = self.wake.notified() => {}
                () = stop.cancelled() => break,
            }
            // Also on the way out nothing is left that was written.
            let _ = stop.run_until_cancelled(tokio::time::sleep(WINDOW)).await;
            if self.flush(&messaging).await.is_err() {
                let _ = stop.run_until_cancelled(tokio::time::sleep(RETRY)).await;
                self.wake.notify_one();
            }
        }
        let _ = tokio::time::timeout(FAREWELL, self.flush(&messaging)).await;
    }

    /// Says what is due; an error is that something has to be tried again.
    async fn flush(&self, messaging: &Messaging) -> Result<(), ErrorObject> {
        let due = std::mem::take(&mut *self.lock());
        let all = due.into_iter().map(|((_, place), due)| async move {
            let said = say(messaging, place, &due).await;
            said.inspect_err(|error| {
                if error.code == ErrorCode::Unavailable {
                    self.add(place, &due);
                }
            })
        });
        let said: Vec<_> = futures_util::stream::iter(all)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let away = |error: &ErrorObject| error.code == ErrorCode::Unavailable;
        // Whoever is no longer a member has nothing to be moved.
        said.into_iter()
            .find(|said| said.as_ref().is_err_and(away))
            .unwrap_or(Ok(()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Viewer, Place), Due>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn say(messaging: &Messaging, place: Place, due: &Due) -> Result<(), ErrorObject> {
    // It is the server that says so: no bucket pays for it, and all of the user's sockets hear of it.
    let caller = Caller {
        actor: Actor::clone(&due.actor),
        socket: None,
        following: None,
    };
    let seq = due.seq;
    let call = match place {
        Place::Conversation(conversation) => {
            Call::MarkDelivered(Watermark::UpTo { conversation, seq })
        }
        Place::Queue => Call::AckQueue(due.events.clone()),
    };
    let outcome = messaging.carry_out(&caller, call).await?;
    messaging.publish(outcome.events).await;
    Ok(())
}
