//! `message:react` and `message:unreact`: an emoji on a message or off it. Whoever may only read a
//! conversation may not: a reaction is a change that everybody sees.

use switchboard_protocol::answers::OneMessage;
use switchboard_protocol::calls;
use switchboard_protocol::server_events::ReactionChanged;
use switchboard_protocol::{ErrorObject, ServerEvent};

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::publish;
use crate::store::React;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    input: calls::React,
    add: bool,
) -> Result<Outcome, ErrorObject> {
    let (viewer, at) = (caller.viewer(), app.clock.now());
    let react = React {
        message: input.message,
        by: viewer.clone(),
        socket: caller.socket.clone(),
        emoji: input.emoji.clone(),
        add,
        at,
    };
    let reacted = app.store.react(react).await?;
    let answer = OneMessage {
        message: reacted.message,
    };
    let data = publish::raw(&answer)?;
    if !reacted.changed {
        return Ok(Outcome::answer(data));
    }
    let conversation = answer.message.conversation_id;
    let event = ServerEvent::MessageReaction(Box::new(ReactionChanged {
        message: answer.message,
        user_id: viewer.user.clone(),
        emoji: input.emoji,
        added: add,
    }));
    let except = caller.socket.as_deref();
    let event = publish::to_conversation(&viewer.organization, conversation, &event, except, at)?;
    Ok(Outcome {
        data,
        rooms: Vec::new(),
        events: vec![event],
    })
}
