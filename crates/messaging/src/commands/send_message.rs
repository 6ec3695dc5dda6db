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
    if !appended.duplicate {
        let event = announcement(caller, appended.message)?;
        return Ok(Outcome {
            // The sender is told what all others are: written once.
            data: event.data.clone(),
            rooms: Vec::new(),
            events: vec![event],
        });
    }
    let answer = SentMessage {
        message: appended.message,
        duplicate: true,
    };
    let data = publish::raw(&answer)?;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};
    use switchboard_protocol::{OrganizationId, Timestamp, UserId};

    use super::*;
    use crate::actor::Actor;
    use crate::store::Viewer;

    fn caller() -> Caller {
        Caller {
            actor: Actor {
                viewer: Viewer {
                    organization: OrganizationId::new("acme").unwrap(),
                    user: UserId::new("ann").unwrap(),
                },
                roles: BTreeSet::new(),
                device: None,
                token_id: None,
                issued_at: None,
                expires_at: Timestamp::from_millis(0),
            },
            socket: Some("socket".to_owned()),
            following: None,
        }
    }

    fn message() -> Message {
        serde_json::from_value(json!({
            "id": "0193b1f8-1c6e-7c3a-9f1e-5a3e8d9c0b12",
            "conversationId": "0193b1f8-1c6e-7c3a-9f1e-5a3e8d9c0b11",
            "seq": 7, "rev": 9, "version": 1, "senderId": "ann", "type": "text", "content": "Grüße",
            "replyTo": null, "threadRootId": null, "attachments": [], "reactions": [],
            "metadata": {"b": 1, "a": [2.5]}, "clientMessageId": "c-1",
            "createdAt": "2026-11-28T05:00:00.000Z", "editedAt": null, "deletedAt": null,
        }))
        .unwrap()
    }

    /// The data of the ack, and the events.
    fn said(duplicate: bool, is_as_sent: bool) -> (Value, Vec<BusEvent>) {
        let appended = Appended {
            message: message(),
            duplicate,
            is_as_sent,
        };
        let outcome = outcome(&caller(), appended).unwrap();
        let data = serde_json::from_str(outcome.data.get()).unwrap();
        (data, outcome.events)
    }

    #[test]
    fn the_sender_is_answered_what_is_promised() {
        let promised = |duplicate| {
            let message = message();
            serde_json::to_value(SentMessage { message, duplicate }).unwrap()
        };
        for (duplicate, is_as_sent, events) in [(false, true, 1), (true, true, 1), (true, false, 0)]
        {
            let (data, told) = said(duplicate, is_as_sent);
            assert_eq!(data, promised(duplicate), "{duplicate} {is_as_sent}");
            assert_eq!(told.len(), events, "{duplicate} {is_as_sent}");
            for event in told {
                let data: Value = serde_json::from_str(event.data.get()).unwrap();
                assert_eq!(data, json!({"message": message()}));
                assert_eq!(
                    (event.rev, event.except.as_deref()),
                    (Some(9), Some("socket"))
                );
            }
        }
    }
}
