//! From what happened to the events that tell of it.

use serde_json::value::RawValue;
use switchboard_protocol::answers::OnePresence;
use switchboard_protocol::{
    ConversationId, ErrorObject, OrganizationId, Presence, ServerEvent, Timestamp, UserId,
};

use crate::hub::{BusEvent, Channel, Enters, Room};
use crate::store::Change;

/// A server event on its way to everybody who follows a conversation.
pub fn to_conversation(
    organization: &OrganizationId,
    conversation: ConversationId,
    event: &ServerEvent,
    except: Option<&str>,
    at: Timestamp,
) -> Result<BusEvent, ErrorObject> {
    let room = Room::Conversation(conversation);
    let base = addressed(organization, room, event, except, at)?;
    Ok(BusEvent {
        rev: event.rev(),
        ..base
    })
}

/// A change that was read back from the store, on its way to everybody who follows its conversation
/// but the socket that made it.
pub fn change(
    organization: &OrganizationId,
    conversation: ConversationId,
    change: &Change,
    at: Timestamp,
) -> Result<BusEvent, ErrorObject> {
    let except = change.maker.as_deref();
    let event = to_conversation(organization, conversation, &change.event, except, at)?;
    let rev = Some(change.rev);
    Ok(BusEvent { rev, ..event })
}

/// A change of a conversation that brings a user there: the user's sockets follow it from this change
/// on, of which the room tells them as it tells everybody.
pub fn to_user_brought(
    organization: &OrganizationId,
    (user, conversation): (UserId, ConversationId),
    change: &Change,
    at: Timestamp,
) -> Result<BusEvent, ErrorObject> {
    let enters = Enters {
        conversation,
        rev: change.rev - 1,
        told_there: true,
    };
    to_user_entering(organization, user, &change.event, None, (enters, at))
}

/// A change that was just stored, on its way to everybody: whoever became a member by it is brought
/// there first.
pub fn all_of(
    organization: &OrganizationId,
    conversation: ConversationId,
    new: &Change,
    at: Timestamp,
) -> Result<Vec<BusEvent>, ErrorObject> {
    let mut events = Vec::new();
    events.extend(bringing(organization, conversation, new, at)?);
    events.push(change(organization, conversation, new, at)?);
    Ok(events)
}

/// What brings the user there whom a change made a member, if it did.
pub(crate) fn bringing(
    organization: &OrganizationId,
    conversation: ConversationId,
    change: &Change,
    at: Timestamp,
) -> Result<Option<BusEvent>, ErrorObject> {
    let ServerEvent::MemberAdded(added) = &change.event else {
        return Ok(None);
    };
    let whom = (added.member.user_id.clone(), conversation);
    to_user_brought(organization, whom, change, at).map(Some)
}

/// A server event on its way to all sockets of one user, which first enter a conversation.
pub fn to_user_entering(
    organization: &OrganizationId,
    user: UserId,
    event: &ServerEvent,
    except: Option<&str>,
    (enters, at): (Enters, Timestamp),
) -> Result<BusEvent, ErrorObject> {
    let base = addressed(organization, Room::User(user), event, except, at)?;
    Ok(BusEvent {
        enters: Some(enters),
        ..base
    })
}

fn addressed(
    organization: &OrganizationId,
    room: Room,
    event: &ServerEvent,
    except: Option<&str>,
    at: Timestamp,
) -> Result<BusEvent, ErrorObject> {
    Ok(BusEvent {
        channel: Channel {
            organization: organization.clone(),
            room,
        },
        audience: Vec::new(),
        name: event.name().to_owned(),
        data: raw(event)?,
        class: event.class(),
        rev: None,
        except: except.map(str::to_owned),
        enters: None,
        at,
        trace: None,
        position: None,
    })
}

/// An event's payload, or an answer's data, as JSON: written once.
pub fn raw(value: &impl serde::Serialize) -> Result<Box<RawValue>, ErrorObject> {
    serde_json::value::to_raw_value(value).map_err(|error| {
        tracing::error!(%error, "an answer or a payload could not be written as json");
        ErrorObject::internal()
    })
}

/// The answer to a call about presence. `degraded` is there only when it is true: the node answered
/// from what it alone knows.
pub(crate) fn presence_answer(
    presence: &Presence,
    degraded: bool,
) -> Result<Box<RawValue>, ErrorObject> {
    raw(&OnePresence {
        presence: presence.clone(),
        degraded,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{CountingIds, Ids as _};
    use switchboard_protocol::server_events::ReceiptMoved;

    #[test]
    fn a_change_that_was_read_back_is_for_all_but_its_maker() {
        let at = Timestamp::from_millis(0);
        let conversation = ConversationId(CountingIds::default().next());
        for maker in [None, Some("socket".to_owned())] {
            let read = Change {
                rev: 7,
                event: ServerEvent::MessageRead(ReceiptMoved {
                    conversation_id: conversation,
                    user_id: UserId::new("ann").unwrap(),
                    up_to_seq: 1,
                    at,
                }),
                maker: maker.clone(),
            };
            let organization = OrganizationId::new("acme").unwrap();
            let event = change(&organization, conversation, &read, at).unwrap();
            assert_eq!((event.rev, event.except), (Some(7), maker.clone()));
            if let Some(maker) = maker {
                assert!(!event.data.get().contains(&maker), "{}", event.data);
            }
        }
    }
}
