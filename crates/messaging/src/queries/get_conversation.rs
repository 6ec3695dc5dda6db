//! `conversation:get`.

use switchboard_protocol::answers::ConversationDetails;
use switchboard_protocol::calls::MAX_LIMIT;
use switchboard_protocol::{ConversationId, ErrorObject};

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::store::Refusal;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    conversation: ConversationId,
) -> Result<Outcome, ErrorObject> {
    let viewer = caller.viewer();
    let view = app
        .store
        .view(viewer, conversation)
        .await?
        .ok_or(Refusal::NotMember)?;
    let members = app
        .store
        .members(&viewer.organization, conversation, MAX_LIMIT)
        .await?;
    Outcome::of(&ConversationDetails {
        conversation: view,
        members,
    })
}
