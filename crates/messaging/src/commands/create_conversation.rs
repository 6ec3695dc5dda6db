//! `conversation:create`.

use std::collections::BTreeSet;

use switchboard_protocol::answers::CreatedConversation;
use switchboard_protocol::calls::CreateConversation;
use switchboard_protocol::server_events::ConversationChanged;
use switchboard_protocol::{ConversationId, ErrorObject, Kind, ServerEvent, UserId};

use crate::actor::Caller;
use crate::hub::{BusEvent, Enters};
use crate::pipeline::{Messaging, Outcome, RoomEffect};
use crate::publish;
use crate::store::{Created, NewConversation};

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    input: CreateConversation,
) -> Result<Outcome, ErrorObject> {
    let others = others(&input, &caller.viewer().user)?;
    let new = NewConversation {
        id: ConversationId(app.ids.next()),
        creator: caller.viewer().clone(),
        socket: caller.socket.clone(),
        kind: input.kind,
        others,
        title: input.title,
        context: input.context,
        metadata: input.metadata,
        client_conversation_id: input.client_conversation_id,
        at: app.clock.now(),
    };
    let made = app.store.create_conversation(new).await?;
    let conversation = &made.view.conversation;
    let room = RoomEffect::Enter {
        conversation: conversation.id,
        rev: conversation.rev,
    };
    let events = if made.created {
        announcements(caller, &made)?
    } else {
        Vec::new()
    };
    let data = publish::raw(&CreatedConversation {
        conversation: made.view,
        created: made.created,
    })?;
    Ok(Outcome {
        data,
        rooms: vec![room],
        events,
    })
}

/// Everybody but the creator, each once.
fn others(input: &CreateConversation, creator: &UserId) -> Result<Vec<UserId>, ErrorObject> {
    let others: BTreeSet<&UserId> = input
        .participants
        .iter()
        .filter(|u| *u != creator)
        .collect();
    if input.kind == Kind::Direct && others.len() != 1 {
        let text = "a direct conversation has exactly one participant besides its creator";
        return Err(ErrorObject::invalid("participantIds", text));
    }
    Ok(others.into_iter().cloned().collect())
}

/// Every member hears of it in the user's own room, and follows it from then on: nobody can have
/// been in its room before.
fn announcements(caller: &Caller, made: &Created) -> Result<Vec<BusEvent>, ErrorObject> {
    let conversation = made.view.conversation.clone();
    let (organization, at) = (
        conversation.organization_id.clone(),
        conversation.created_at,
    );
    let enters = Enters {
        conversation: conversation.id,
        rev: conversation.rev,
        told_there: false,
    };
    let event = ServerEvent::ConversationCreated(ConversationChanged::of(conversation));
    let except = caller.socket.as_deref();
    let tell = |user: &UserId| {
        publish::to_user_entering(&organization, user.clone(), &event, except, (enters, at))
    };
    made.members.iter().map(tell).collect()
}
