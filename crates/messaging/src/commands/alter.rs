//! What all changes of conversations and memberships have in common.

use switchboard_protocol::answers::OneConversation;
use switchboard_protocol::{ConversationId, ErrorObject};

use crate::actor::Caller;
use crate::hub::BusEvent;
use crate::pipeline::{Messaging, Outcome};
use crate::publish;
use crate::store::{Alteration, Altered, Altering, Refusal};

/// Changes a conversation, and says what the others are to hear.
pub(super) async fn alter(
    app: &Messaging,
    caller: &Caller,
    conversation: ConversationId,
    what: Altering,
) -> Result<(Altered, Vec<BusEvent>), ErrorObject> {
    let (by, at) = (caller.viewer(), app.clock.now());
    let wanted = Alteration {
        conversation,
        by: by.clone(),
        socket: caller.socket.clone(),
        what,
        at,
    };
    let altered = app.store.alter(wanted).await?;
    let mut events = Vec::with_capacity(altered.changes.len());
    for change in &altered.changes {
        events.extend(publish::all_of(&by.organization, conversation, change, at)?);
    }
    Ok((altered, events))
}

/// The conversation as it is now.
pub(super) fn answer(altered: &Altered, events: Vec<BusEvent>) -> Result<Outcome, ErrorObject> {
    let conversation = altered.view.clone().ok_or(Refusal::NotMember)?;
    Ok(Outcome {
        data: publish::raw(&OneConversation { conversation })?,
        rooms: Vec::new(),
        events,
    })
}
