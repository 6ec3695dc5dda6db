//! What was written to sockets counts as delivered, where a dialect says so: the server moves the
//! watermarks that other clients move themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use switchboard_messaging::store::Viewer;
use switchboard_messaging::{Actor, Caller, Messaging};
use switchboard_protocol::calls::Watermark;
use switchboard_protocol::{Call, ConversationId, ErrorCode, ErrorObject};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How long watermarks are gathered: of many messages in a conversation, the last one says it all.
const WINDOW: Duration = Duration::from_millis(50);
/// Pause before those are tried again that could not be moved.
const RETRY: Duration = Duration::from_secs(1);
/// Watermarks that are moved at the same time.
const AT_ONCE: usize = 8;
/// Watermarks that wait. One that does not fit is made good by the next message.
const MOST: usize = 10_000;
/// How long the last ones may take when the node ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// Watermarks that are to be moved.
#[derive(Debug, Default)]
pub(super) struct Written {
    due: Mutex<HashMap<(Viewer, ConversationId), Due>>,
    wake: Notify,
}

#[derive(Clone, Debug)]
struct Due {
    actor: Arc<Actor>,
    seq: i64,
}

impl Written {
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
        self.add(conversation, &Due { actor, seq });
        self.wake.notify_one();
    }

    fn add(&self, conversation: ConversationId, due: &Due) {
        let mut all = self.lock();
        let key = (due.actor.viewer.clone(), conversation);
        if all.len() >= MOST && !all.contains_key(&key) {
            return;
        }
        let known = all.entry(key).or_insert_with(|| due.clone());
        known.seq = known.seq.max(due.seq);
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

    /// Moves what is due; an error is that something has to be tried again.
    async fn flush(&self, messaging: &Messaging) -> Result<(), ErrorObject> {
        let due = std::mem::take(&mut *self.lock());
        let all = due.into_iter().map(|((_, conversation), due)| async move {
            let moved = advance(messaging, conversation, &due).await;
            moved.inspect_err(|error| {
                if error.code == ErrorCode::Unavailable {
                    self.add(conversation, &due);
                }
            })
        });
        let moved: Vec<_> = futures_util::stream::iter(all)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let away = |error: &ErrorObject| error.code == ErrorCode::Unavailable;
        // Whoever is no longer a member has nothing to be moved.
        moved
            .into_iter()
            .find(|moved| moved.as_ref().is_err_and(away))
            .unwrap_or(Ok(()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Viewer, ConversationId), Due>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn advance(
    messaging: &Messaging,
    conversation: ConversationId,
    due: &Due,
) -> Result<(), ErrorObject> {
    // It is the server that says so: no bucket pays for it, and all of the user's sockets hear of it.
    let caller = Caller {
        actor: Actor::clone(&due.actor),
        socket: None,
        following: None,
    };
    let seq = due.seq;
    let call = Call::MarkDelivered(Watermark::UpTo { conversation, seq });
    let outcome = messaging.carry_out(&caller, call).await?;
    messaging.publish(outcome.events).await;
    Ok(())
}
