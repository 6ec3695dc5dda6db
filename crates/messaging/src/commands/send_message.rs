//! `message:send`: acked only once stored.

use serde_json::json;
use switchboard_protocol::calls::SendMessage;
use switchboard_protocol::{ErrorObject, MessageId, ServerEvent};

use super::stored_content;
use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::publish;
use crate::store::NewMessage;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    input: SendMessage,
) -> Result<Outcome, ErrorObject> {
    let new = NewMessage {
        id: MessageId(app.ids.next()),
        conversation: input.conversation,
        sender: caller.viewer().clone(),
        kind: input.kind,
        content: stored_content(&input.content, &app.rules.get())?,
        reply_to: input.reply_to,
        metadata: input.metadata,
        client_message_id: input.client_message_id,
        at: app.clock.now(),
    };
    let appended = app.store.append(new).await?;
    let message = publish::value(&appended.message)?;
    if appended.duplicate {
        // Whoever stored it published it; its gap, if that failed, is found by the receivers.
        return Ok(Outcome::answer(
            json!({"message": message, "duplicate": true}),
        ));
    }
    let at = appended.message.created_at;
    let event = ServerEvent::MessageNew {
        message: Box::new(appended.message),
    };
    let (organization, except) = (&caller.viewer().organization, caller.socket.as_deref());
    let event = publish::to_conversation(organization, input.conversation, &event, except, at)?;
    Ok(Outcome {
        data: json!({"message": message}),
        room: None,
        events: vec![event],
    })
}
