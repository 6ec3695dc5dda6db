//! What a caller has to be before a call is carried out.

use switchboard_protocol::{Call, ConversationId};

/// What a caller has to be.
pub(crate) enum Access {
    /// An active member of the conversation.
    Member(ConversationId),
    /// One who looks after the cluster.
    Operator,
    /// Anybody here: a write is judged under the lock that it takes, a query that names a message looks
    /// for the conversation of that, and others are of what is the caller's own.
    JudgedLater,
}

/// Every call has its place here, so that a new one is allowed to nobody by oversight.
pub(crate) fn needed(call: &Call) -> Access {
    match call {
        Call::JoinConversation { conversation, .. }
        | Call::GetConversation { conversation }
        | Call::RoomOnline { conversation }
        | Call::TypingUsers { conversation } => Access::Member(*conversation),
        Call::Sync(sync) => Access::Member(sync.conversation),
        Call::History(history) => Access::Member(history.conversation),
        Call::Search(search) => of_some(search.conversation),
        Call::MessageStats { conversation } => of_some(*conversation),
        Call::OnlineUsers(of) => of_some(of.conversation),
        Call::MonitoringMetrics
        | Call::MonitoringEvents(_)
        | Call::MonitoringStats
        | Call::MonitoringHealth => Access::Operator,
        Call::CreateConversation(_)
        | Call::UpdateConversation(_)
        | Call::LeaveConversation { .. }
        | Call::ListConversations(_)
        | Call::AddMembers(_)
        | Call::RemoveMembers(_)
        | Call::SetRole(_)
        | Call::ExitConversation { .. }
        | Call::ArchiveConversation { .. }
        | Call::ReopenConversation { .. }
        | Call::Subscribe(_)
        | Call::Unsubscribe(_)
        | Call::SubscriptionStatus(_)
        | Call::SubscriptionDetails(_)
        | Call::SendMessage(_)
        | Call::EditMessage(_)
        | Call::DeleteMessage { .. }
        | Call::React(_)
        | Call::Unreact(_)
        | Call::MarkDelivered(_)
        | Call::MarkRead(_)
        | Call::Typing { .. }
        | Call::Thread(_)
        | Call::DeliveryStatus { .. }
        | Call::ChoosePresence(_)
        | Call::Activity { .. }
        | Call::UserStatus { .. }
        | Call::PresenceOf(_)
        | Call::SubscribePresence(_)
        | Call::UnsubscribePresence(_)
        | Call::PresenceHistory(_)
        | Call::PresenceStats
        | Call::CreateSession
        | Call::RecoverSession(_)
        | Call::SessionInfo
        | Call::RecoveryStats
        | Call::AckQueue(_)
        | Call::RefreshAuth { .. } => Access::JudgedLater,
    }
}

/// Of all of the caller's conversations, unless one is named.
fn of_some(conversation: Option<ConversationId>) -> Access {
    conversation.map_or(Access::JudgedLater, Access::Member)
}
