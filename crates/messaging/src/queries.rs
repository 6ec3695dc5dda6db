//! What only looks: one file a query.

mod catch_up;
pub(crate) mod get_conversation;
pub(crate) mod history;
pub(crate) mod list_conversations;
pub(crate) mod online_users;
pub(crate) mod presence_history;
pub(crate) mod presence_stats;
pub(crate) mod presences;
pub(crate) mod room_online;
pub(crate) mod subscriptions;
pub(crate) mod sync;
pub(crate) mod user_status;

use std::collections::HashSet;

use switchboard_protocol::ConversationId;

/// In the order in which they are first named.
pub(crate) fn each_once(mut asked: Vec<ConversationId>) -> Vec<ConversationId> {
    let mut seen = HashSet::new();
    asked.retain(|conversation| seen.insert(*conversation));
    asked
}
