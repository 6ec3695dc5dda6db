//! `conversation:leave`: stops live events on this socket; the membership stays.

use switchboard_protocol::answers::Nothing;
use switchboard_protocol::{ConversationId, ErrorObject};

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome, RoomEffect};
use crate::publish;
use crate::store::Refusal;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    conversation: ConversationId,
) -> Result<Outcome, ErrorObject> {
    // Somebody who is no longer a member may still want to stop listening.
    let found = app.store.membership(caller.viewer(), conversation).await?;
    found.ok_or(Refusal::NoConversation)?;
    let rooms = vec![RoomEffect::Leave { conversation }];
    Ok(Outcome {
        data: publish::raw(&Nothing {})?,
        rooms,
        events: Vec::new(),
    })
}
