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
    caller.may_follow(conversation)?;
    let (viewer, store) = (caller.viewer(), &app.store);
    let organization = &viewer.organization;
    let page = match after_rev {
        None => None,
        Some(after) => {
            let page = store.sync(organization, conversation, after, MAX_LIMIT);
            Some(page.await?)
        }
    };
    // After the page: who is a member now has not been removed in what the page shows. Of what comes
    // after it the room tells, and a removal is part of that.
    let view = store.view(viewer, conversation).await?;
    let mut view = view.ok_or(Refusal::NotMember)?;
    let members = store.members(organization, conversation, MEMBERS).await?;
    let changes = page.map(|page| {
        // One reading of the conversation for the answer and its changes.
        view.conversation = page.conversation.clone();
        queries::sync::answer(view.clone(), page)
    });
    // Live events begin where the answer ends: after the `rev` that it shows.
    let rev = view.conversation.rev;
    let data = publish::raw(&JoinedConversation {
        conversation: view,
        members,
        changes,
    })?;
    Ok(Outcome {
        data,
        rooms: vec![RoomEffect::Enter { conversation, rev }],
        events: Vec::new(),
    })
}
