//! `conversation:sync`: everything that changed since a `rev`, for any length of absence.

use serde_json::{Value, json};
use switchboard_protocol::ErrorObject;
use switchboard_protocol::calls::Sync;

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::publish;
use crate::store::Refusal;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    input: Sync,
) -> Result<Outcome, ErrorObject> {
    page(app, caller, input).await.map(Outcome::answer)
}

/// One page, as the answer's `data`.
pub(crate) async fn page(
    app: &Messaging,
    caller: &Caller,
    input: Sync,
) -> Result<Value, ErrorObject> {
    let viewer = caller.viewer();
    let (conversation, after) = (input.conversation, input.after_rev);
    let page = app
        .store
        .sync(&viewer.organization, conversation, after, input.limit)
        .await?;
    let view = app
        .store
        .view(viewer, conversation)
        .await?
        .ok_or(Refusal::NotMember)?;
    Ok(json!({
        "conversation": publish::value(&view)?,
        "messages": publish::value(&page.messages)?,
        "members": publish::value(&page.members)?,
        "receipts": publish::value(&page.receipts)?,
        "rev": page.rev,
        "hasMore": page.has_more,
    }))
}
