//! `message:typing`.

use serde_json::json;
use switchboard_protocol::{ErrorObject, Role};

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::store::{Membership, Refusal};

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    membership: Option<Membership>,
    is_typing: bool,
) -> Result<Outcome, ErrorObject> {
    let membership = membership.ok_or(Refusal::NoConversation)?;
    // Somebody who cannot send has nothing to type.
    if membership
        .member
        .is_none_or(|member| member.role == Role::ReadOnly)
    {
        return Err(Refusal::ReadOnly.into());
    }
    let conversation = membership.conversation.id;
    let news = app.typing.typing(caller, conversation, is_typing).await?;
    Ok(Outcome {
        data: json!({}),
        room: None,
        events: news.into_iter().collect(),
    })
}
