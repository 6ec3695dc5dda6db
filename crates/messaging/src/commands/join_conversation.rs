//! `conversation:join`.

use serde_json::json;
use switchboard_protocol::calls::{MAX_LIMIT, Sync};
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
    let view = app
        .store
        .view(viewer, conversation)
        .await?
        .ok_or(Refusal::NotMember)?;
    let members = app
        .store
        .members(&viewer.organization, conversation, MEMBERS)
        .await?;
    let mut data =
        json!({"conversation": publish::value(&view)?, "members": publish::value(&members)?});
    // Live events begin where the answer ends: after the `rev` that it shows. Whatever changes
    // while the pages below are read is both in them and an event with a greater `rev`.
    let rev = view.conversation.rev;
    if let Some(after_rev) = after_rev {
        let sync = Sync {
            conversation,
            after_rev,
            limit: MAX_LIMIT,
        };
        data["changes"] = queries::sync::page(app, caller, sync).await?;
    }
    Ok(Outcome {
        data,
        room: Some(RoomEffect::Enter { conversation, rev }),
        events: Vec::new(),
    })
}
