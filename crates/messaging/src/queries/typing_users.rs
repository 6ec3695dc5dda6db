//! `message:typing-users`.

use switchboard_protocol::answers::{TypingUser, TypingUsers};
use switchboard_protocol::{ConversationId, ErrorObject};

use crate::actor::Caller;
use crate::hub::{Channel, Room};
use crate::pipeline::{Messaging, Outcome};

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    conversation: ConversationId,
) -> Result<Outcome, ErrorObject> {
    let channel = Channel {
        organization: caller.viewer().organization.clone(),
        room: Room::Conversation(conversation),
    };
    let typing = app.hub.typing_users(&channel).await?;
    let user = |(user_id, since)| TypingUser { user_id, since };
    Outcome::of(&TypingUsers {
        users: typing.into_iter().map(user).collect(),
    })
}
