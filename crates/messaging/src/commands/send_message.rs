//! `message:send`: acked only once stored.

use serde_json::json;
use switchboard_protocol::calls::SendMessage;
use switchboard_protocol::{ErrorObject, MessageId, ServerEvent};

use super::stored_content;
use crate::actor::Caller;
use crate::hub::BusEvent;
use crate::pipeline::{Messaging, Outcome};
use crate::publish;
use crate::store::{Appended, NewMessage};

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    input: SendMessage,
) -> Result<Outcome, ErrorObject> {
    let new = NewMessage {
        id: MessageId(app.ids.next()),
        conversation: input.conversation,
        sender: caller.viewer().clone(),
        socket: caller.socket.clone(),
        kind: input.kind,
        content: stored_content(&input.content, &app.rules.get())?,
        reply_to: input.reply_to,
        metadata: input.metadata,
        client_message_id: input.client_message_id,
        at: app.clock.now(),
    };
    let appended = app.store.append(new).await?;
    let mut data = json!({"message": publish::value(&appended.message)?});
    if appended.duplicate {
        data["duplicate"] = true.into();
    }
    let events = announcement(caller, appended)?;
    Ok(Outcome {
        data,
        room: None,
        events: events.into_iter().collect(),
    })
}

/// A repeated message is told of again: whoever stored it may have died before the others heard of
/// it, and those who did drop what they have. One that has changed since is told of by its change.
fn announcement(caller: &Caller, appended: Appended) -> Result<Option<BusEvent>, ErrorObject> {
    let message = appended.message;
    if message.edited_at.is_some() || message.deleted_at.is_some() {
        return Ok(None);
    }
    let (conversation, at) = (message.conversation_id, message.created_at);
    let event = ServerEvent::MessageNew {
        message: Box::new(message),
    };
    let (organization, except) = (&caller.viewer().organization, caller.socket.as_deref());
    publish::to_conversation(organization, conversation, &event, except, at).map(Some)
}
