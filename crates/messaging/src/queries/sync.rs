//! `conversation:sync`: everything that changed since a `rev`, for any length of absence.

use serde_json::{Value, json};
use switchboard_protocol::calls::Sync;
use switchboard_protocol::{ConversationView, ErrorObject};

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::publish;
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
    answer(&view, &page).map(Outcome::answer)
}

/// A page as the answer's `data`.
pub(crate) fn answer(view: &ConversationView, page: &SyncPage) -> Result<Value, ErrorObject> {
    Ok(json!({
        "conversation": publish::value(view)?,
        "messages": publish::value(&page.messages)?,
        "members": publish::value(&page.members)?,
        "receipts": publish::value(&page.receipts)?,
        "rev": page.rev,
        "hasMore": page.has_more,
    }))
}
