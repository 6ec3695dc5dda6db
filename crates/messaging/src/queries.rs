//! What only looks: one file a query.

mod catch_up;
pub(crate) mod delivery_status;
pub(crate) mod get_conversation;
pub(crate) mod history;
pub(crate) mod list_conversations;
pub(crate) mod message_stats;
pub(crate) mod monitoring;
pub(crate) mod monitoring_health;
pub(crate) mod online_users;
pub(crate) mod presence_history;
pub(crate) mod presence_stats;
pub(crate) mod presences;
pub(crate) mod room_online;
pub(crate) mod search;
pub(crate) mod subscriptions;
pub(crate) mod sync;
pub(crate) mod thread;
pub(crate) mod typing_users;
pub(crate) mod user_status;

use std::collections::HashSet;

use switchboard_protocol::{ConversationId, ErrorObject, Message, MessageId};

use crate::actor::Caller;
use crate::pipeline::Messaging;
use crate::store::Refusal;

/// A message of a conversation that the caller is an active member of.
async fn message_of_member(
    app: &Messaging,
    caller: &Caller,
    message: MessageId,
) -> Result<Message, ErrorObject> {
    let viewer = caller.viewer();
    let message = app.store.message(&viewer.organization, message).await?;
    let message = message.ok_or(Refusal::NoMessage)?;
    app.must_be_member(viewer, message.conversation_id).await?;
    Ok(message)
}

/// In the order in which they are first named.
pub(crate) fn each_once(mut asked: Vec<ConversationId>) -> Vec<ConversationId> {
    let mut seen = HashSet::new();
    asked.retain(|conversation| seen.insert(*conversation));
    asked
}
