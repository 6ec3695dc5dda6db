//! `room:subscribe-multiple` and `room:unsubscribe-multiple`: what cannot be done for one conversation
//! is told beside what was done for the others.

use std::collections::{HashMap, HashSet};

use switchboard_protocol::answers::{Failed, FailedBecause, Subscribed, Unsubscribed};
use switchboard_protocol::{ConversationId, ErrorObject};

use crate::actor::{Caller, too_many_followed};
use crate::pipeline::{Messaging, Outcome, RoomEffect};
use crate::publish;
use crate::queries::each_once;
use crate::store::{Refusal, Seen};

pub(crate) async fn subscribe(
    app: &Messaging,
    caller: &Caller,
    asked: Vec<ConversationId>,
) -> Result<Outcome, ErrorObject> {
    let asked = each_once(asked);
    let found = found(app, caller, &asked).await?;
    let following: HashSet<_> = caller.conversations().into_iter().collect();
    let mut places = caller.places_left();
    let mut rooms = Vec::with_capacity(asked.len());
    let (mut joined, mut failed) = (Vec::new(), Vec::new());
    for conversation in asked {
        let is_new = !following.contains(&conversation);
        match may_join(found.get(&conversation), !is_new || places > 0) {
            Ok(rev) => {
                places -= usize::from(is_new);
                joined.push(conversation);
                // Live events begin where the caller was found to be a member.
                rooms.push(RoomEffect::Enter { conversation, rev });
            }
            Err(error) => failed.push(because(conversation, error)),
        }
    }
    Ok(Outcome {
        data: publish::raw(&Subscribed { joined, failed })?,
        rooms,
        events: Vec::new(),
    })
}

/// The `rev` from which on it is followed.
fn may_join(found: Option<&Option<Seen>>, has_place: bool) -> Result<i64, ErrorObject> {
    let seen = found.ok_or(Refusal::NoConversation)?;
    let seen = seen.as_ref().ok_or(Refusal::NotMember)?;
    if !has_place {
        return Err(too_many_followed());
    }
    Ok(seen.view.conversation.rev)
}

pub(crate) async fn unsubscribe(
    app: &Messaging,
    caller: &Caller,
    asked: Vec<ConversationId>,
) -> Result<Outcome, ErrorObject> {
    let asked = each_once(asked);
    let found = found(app, caller, &asked).await?;
    // As with `conversation:leave`, somebody who is no member may want to stop listening.
    let (left, missing): (Vec<_>, Vec<_>) =
        asked.into_iter().partition(|id| found.contains_key(id));
    let missing = missing.into_iter();
    let failed = missing.map(|id| because(id, Refusal::NoConversation.into()));
    let leave = |id: &ConversationId| RoomEffect::Leave { conversation: *id };
    Ok(Outcome {
        rooms: left.iter().map(leave).collect(),
        data: publish::raw(&Unsubscribed {
            failed: failed.collect(),
            left,
        })?,
        events: Vec::new(),
    })
}

/// What is there of these, and how the caller sees it.
async fn found(
    app: &Messaging,
    caller: &Caller,
    asked: &[ConversationId],
) -> Result<HashMap<ConversationId, Option<Seen>>, ErrorObject> {
    let sights = app.store.sights(caller.viewer(), asked).await?;
    let sights = sights.into_iter();
    Ok(sights
        .map(|sight| (sight.conversation, sight.seen))
        .collect())
}

fn because(conversation_id: ConversationId, error: ErrorObject) -> Failed {
    let ErrorObject { code, message, .. } = error;
    Failed {
        conversation_id,
        error: FailedBecause { code, message },
    }
}
