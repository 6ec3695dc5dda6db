//! `conversation:archive` and `conversation:reopen`: by any member of a direct conversation, by an
//! owner or admin of a group.

use switchboard_protocol::{ConversationId, ErrorObject};

use super::alter::{alter, answer};
use crate::actor::Caller;
use crate::hub::BusEvent;
use crate::pipeline::{Messaging, Outcome, RoomEffect};
use crate::publish;
use crate::store::{Altered, Altering};

/// Most members whose sockets follow a conversation again when it is reopened.
const MOST_BROUGHT: i64 = 1_000;

pub(crate) async fn archive(
    app: &Messaging,
    caller: &Caller,
    conversation: ConversationId,
) -> Result<Outcome, ErrorObject> {
    let (altered, events) = alter(app, caller, conversation, Altering::Archive).await?;
    answer(&altered, events)
}

pub(crate) async fn reopen(
    app: &Messaging,
    caller: &Caller,
    conversation: ConversationId,
) -> Result<Outcome, ErrorObject> {
    let (altered, events) = alter(app, caller, conversation, Altering::Reopen).await?;
    if altered.changes.is_empty() {
        return answer(&altered, events);
    }
    let mut all = bring_members(app, caller, conversation, &altered).await;
    all.extend(events);
    let rev = altered.rev;
    Ok(Outcome {
        rooms: vec![RoomEffect::Enter { conversation, rev }],
        ..answer(&altered, all)?
    })
}

/// Sockets that connected while it was archived do not follow it yet.
async fn bring_members(
    app: &Messaging,
    caller: &Caller,
    conversation: ConversationId,
    altered: &Altered,
) -> Vec<BusEvent> {
    let (organization, at) = (&caller.viewer().organization, app.clock.now());
    let members = app
        .store
        .members(organization, conversation, MOST_BROUGHT)
        .await;
    // It is reopened, whatever happens here: then they have to join by themselves.
    let members = members.unwrap_or_else(|error| {
        tracing::warn!(%error, "members of a reopened conversation not read");
        Vec::new()
    });
    let brought = members.into_iter().flat_map(|member| {
        let whom = (member.user_id, conversation);
        let bring = |change| publish::to_user_brought(organization, whom.clone(), change, at).ok();
        altered.changes.iter().filter_map(bring).collect::<Vec<_>>()
    });
    brought.collect()
}
