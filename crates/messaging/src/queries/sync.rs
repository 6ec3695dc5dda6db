//! `conversation:sync`: everything that changed since a `rev`, for any length of absence.

use switchboard_protocol::answers::Changes;
use switchboard_protocol::calls::Sync;
use switchboard_protocol::{ConversationView, ErrorObject};

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::store::{Refusal, SyncPage};

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    input: Sync,
) -> Result<Outcome, ErrorObject> {
    let viewer = caller.viewer();
    let (conversation, after) = (input.conversation, input.after_rev);
    let page = app
        .store
        .sync(&viewer.organization, conversation, after, input.limit)
        .await?;
    let view = app.store.view(viewer, conversation).await?;
    let mut view = view.ok_or(Refusal::NotMember)?;
    // The page's own reading of the conversation, so that the two agree.
    view.conversation = page.conversation.clone();
    Outcome::of(&answer(view, page))
}

/// A page as the answer's `data`.
pub(crate) fn answer(conversation: ConversationView, page: SyncPage) -> Changes {
    Changes {
        conversation,
        messages: page.messages,
        members: page.members,
        receipts: page.receipts,
        rev: page.rev,
        has_more: page.has_more,
    }
}
