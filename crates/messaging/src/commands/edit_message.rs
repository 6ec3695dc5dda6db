//! `message:edit`: by its sender, within the edit window, with optimistic concurrency.

use switchboard_protocol::answers::OneMessage;
use switchboard_protocol::calls::EditMessage;
use switchboard_protocol::server_events::MessageChanged;
use switchboard_protocol::{ErrorObject, ServerEvent, Timestamp};

use super::stored_content;
use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::publish;
use crate::store::Edit;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    input: EditMessage,
) -> Result<Outcome, ErrorObject> {
    let at = app.clock.now();
    let window = app
        .rules
        .get()
        .edit_window
        .map(|window| window.as_millis() as i64);
    let edit = Edit {
        message: input.message,
        editor: caller.viewer().clone(),
        socket: caller.socket.clone(),
        content: stored_content(&input.content, &app.rules.get())?,
        expected_version: input.expected_version,
        not_before: window.map(|window| Timestamp::from_millis(at.as_millis() - window)),
        at,
    };
    let message = app.store.edit(edit).await?;
    let answer = OneMessage { message };
    let data = publish::raw(&answer)?;
    let conversation = answer.message.conversation_id;
    let event = ServerEvent::MessageEdited(MessageChanged::of(answer.message));
    let (organization, except) = (&caller.viewer().organization, caller.socket.as_deref());
    let event = publish::to_conversation(organization, conversation, &event, except, at)?;
    Ok(Outcome {
        data,
        rooms: Vec::new(),
        events: vec![event],
    })
}
