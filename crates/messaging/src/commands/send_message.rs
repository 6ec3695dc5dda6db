//! `message:send`: acked only once stored.

use std::future::ready;
use std::pin::pin;

use futures_util::future::Either;
use switchboard_protocol::answers::SentMessage;
use switchboard_protocol::calls::SendMessage;
use switchboard_protocol::server_events::MessageChanged;
use switchboard_protocol::{ErrorObject, Message, MessageId, ServerEvent};

use super::stored_content;
use crate::actor::Caller;
use crate::hub::BusEvent;
use crate::pipeline::{Messaging, Outcome};
use crate::publish;
use crate::store::{Appended, NewMessage};

/// `placed` is called once the message has its place, before whatever is sent later.
pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    input: SendMessage,
    placed: impl FnOnce() + Send,
) -> Result<Outcome, ErrorObject> {
    switchboard_trace::concerns(input.conversation.0, None);
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
    // It has its place when this has been polled once.
    let appending = pin!(app.store.append(new));
    let appended = match futures_util::future::select(appending, ready(())).await {
        Either::Left((appended, _)) => appended,
        Either::Right(((), appending)) => {
            placed();
            appending.await
        }
    };
    outcome(caller, appended?)
}

/// What a message that is stored comes to.
pub(super) fn outcome(caller: &Caller, appended: Appended) -> Result<Outcome, ErrorObject> {
    let stored = &appended.message;
    switchboard_trace::concerns(stored.conversation_id.0, Some(stored.id.0));
    let answer = SentMessage {
        message: appended.message,
        duplicate: appended.duplicate,
    };
    let data = publish::value(&answer)?;
    let is_news = appended.is_as_sent;
    let events = is_news.then(|| announcement(caller, answer.message));
    Ok(Outcome {
        data,
        rooms: Vec::new(),
        events: events.transpose()?.into_iter().collect(),
    })
}

/// A repeated message is told of again: whoever stored it may have died before the others heard of
/// it, and those who did drop what they have. One that has changed since is told of by its change.
fn announcement(caller: &Caller, message: Message) -> Result<BusEvent, ErrorObject> {
    let (conversation, at) = (message.conversation_id, message.created_at);
    let event = ServerEvent::MessageNew(MessageChanged::of(message));
    let (organization, except) = (&caller.viewer().organization, caller.socket.as_deref());
    publish::to_conversation(organization, conversation, &event, except, at)
}
