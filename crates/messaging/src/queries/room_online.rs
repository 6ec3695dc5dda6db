//! `room:online`: which members are there, over all nodes.

use switchboard_protocol::answers::RoomOnline;
use switchboard_protocol::{ConversationId, ErrorObject, PresenceStatus};

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};

/// Members that are looked at, in the order of joining.
const MEMBERS: i64 = 1_000;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    conversation: ConversationId,
) -> Result<Outcome, ErrorObject> {
    let organization = &caller.viewer().organization;
    let members = app
        .store
        .members(organization, conversation, MEMBERS)
        .await?;
    let members: Vec<_> = members.into_iter().map(|member| member.user_id).collect();
    let found = app.hub.presence_of(organization, &members).await?;
    let mut users = found.presences;
    users.retain(|presence| presence.status != PresenceStatus::Offline);
    Outcome::of(&RoomOnline {
        users,
        degraded: found.degraded,
    })
}
