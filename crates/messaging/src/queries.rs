//! What only looks: one file a query.

mod catch_up;
pub(crate) mod get_conversation;
pub(crate) mod history;
pub(crate) mod list_conversations;
pub(crate) mod online_users;
pub(crate) mod presence_history;
pub(crate) mod presence_stats;
pub(crate) mod presences;
pub(crate) mod sync;
pub(crate) mod user_status;
