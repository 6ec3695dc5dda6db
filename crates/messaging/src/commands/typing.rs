//! `message:typing`.

use switchboard_protocol::answers::Nothing;
use switchboard_protocol::{ConversationId, ErrorObject, Role};

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::publish;
use crate::store::Refusal;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    conversation: ConversationId,
    is_typing: bool,
) -> Result<Outcome, ErrorObject> {
    may_type(app, caller, conversation).await?;
    let news = app.typing.typing(caller, conversation, is_typing).await?;
    Ok(Outcome {
        data: publish::raw(&Nothing {})?,
        rooms: Vec::new(),
        events: news.into_iter().collect(),
    })
}

/// Members may, but those who may only read. Nothing is stored, so that the store is away stops
/// nobody who follows the conversation: they were members when they came in.
async fn may_type(
    app: &Messaging,
    caller: &Caller,
    conversation: ConversationId,
) -> Result<(), ErrorObject> {
    let found = app.store.membership(caller.viewer(), conversation).await;
    let membership = match found {
        Err(error) if error.is_away() && caller.conversations().contains(&conversation) => {
            return Ok(());
        }
        found => found?.ok_or(Refusal::NoConversation)?,
    };
    let member = membership.member.ok_or(Refusal::NotMember)?;
    // Somebody who cannot send has nothing to type.
    if member.role == Role::ReadOnly {
        return Err(Refusal::ReadOnly.into());
    }
    Ok(())
}
