//! `message:delete`: by its sender, or an owner or admin; leaves a tombstone.

use switchboard_protocol::answers::OneMessage;
use switchboard_protocol::server_events::MessageChanged;
use switchboard_protocol::{ErrorObject, MessageId, ServerEvent};

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::publish;
use crate::store::{Deletion, Refusal};

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    message: MessageId,
) -> Result<Outcome, ErrorObject> {
    let (viewer, at) = (caller.viewer(), app.clock.now());
    if !app.rules.get().deletion {
        // Also then, what is in another organization is not there.
        app.store
            .message(&viewer.organization, message)
            .await?
            .ok_or(Refusal::NoMessage)?;
        return Err(ErrorObject::forbidden("messages cannot be deleted here"));
    }
    let deletion = Deletion {
        message,
        by: viewer.clone(),
        socket: caller.socket.clone(),
        at,
    };
    let deleted = app.store.delete(deletion).await?;
    let changed = deleted.changed;
    let answer = OneMessage {
        message: deleted.message,
    };
    let data = publish::raw(&answer)?;
    if !changed {
        return Ok(Outcome::answer(data));
    }
    let conversation = answer.message.conversation_id;
    let event = ServerEvent::MessageDeleted(MessageChanged::of(answer.message));
    let except = caller.socket.as_deref();
    let event = publish::to_conversation(&viewer.organization, conversation, &event, except, at)?;
    Ok(Outcome {
        data,
        rooms: Vec::new(),
        events: vec![event],
    })
}
