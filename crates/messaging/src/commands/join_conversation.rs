//! `conversation:join`.

use switchboard_protocol::answers::JoinedConversation;
use switchboard_protocol::calls::MAX_LIMIT;
use switchboard_protocol::{ConversationId, ErrorObject};

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome, RoomEffect};
use crate::store::Refusal;
use crate::{publish, queries};

/// Members that the answer lists.
const MEMBERS: i64 = 100;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    conversation: ConversationId,
    after_rev: Option<i64>,
) -> Result<Outcome, ErrorObject> {
    let viewer = caller.viewer();
    let organization = &viewer.organization;
    let view = app.store.view(viewer, conversation).await?;
    let mut view = view.ok_or(Refusal::NotMember)?;
    let members = app
        .store
        .members(organization, conversation, MEMBERS)
        .await?;
    let mut changes = None;
    if let Some(after) = after_rev {
        let page = app
            .store
            .sync(organization, conversation, after, MAX_LIMIT)
            .await?;
        // One reading of the conversation for the answer and its changes.
        view.conversation = page.conversation.clone();
        changes = Some(queries::sync::answer(view.clone(), page));
    }
    // Live events begin where the answer ends: after the `rev` that it shows.
    let rev = view.conversation.rev;
    let data = publish::value(&JoinedConversation {
        conversation: view,
        members,
        changes,
    })?;
    Ok(Outcome {
        data,
        room: Some(RoomEffect::Enter { conversation, rev }),
        events: Vec::new(),
    })
}
