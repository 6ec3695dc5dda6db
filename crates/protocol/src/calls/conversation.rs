//! Payloads of `conversation:*`.

use schemars::{Schema, json_schema};
use serde_json::{Map, Value};

use super::{
    Call, Context, ConversationId, ConversationStatus, Decoded, Fields, Kind, ShownText, UserId,
    conversation, cursor, limit,
};
use crate::error::Detail;
use crate::fields::{ClearableText, Metadata, Name, Number, Read, Reader, Text, Word};
use crate::objects::Role;

/// Most participants that one call may name.
pub(super) const MAX_PARTICIPANTS: usize = 500;
/// Longest title, in characters.
pub(super) const MAX_TITLE: usize = 200;
/// Longest `context.type` and `context.id`, in characters.
pub(super) const MAX_CONTEXT: usize = 128;
/// Longest `clientConversationId`, in characters.
pub(super) const MAX_CLIENT_ID: usize = 64;

/// `conversation:create`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateConversation {
    pub kind: Kind,
    /// As sent: may name the creator, may name somebody twice.
    pub participants: Vec<UserId>,
    pub title: Option<String>,
    pub context: Option<Context>,
    pub metadata: Map<String, Value>,
    pub client_conversation_id: Option<String>,
}

/// `conversation:update`.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateConversation {
    pub conversation: ConversationId,
    /// `None` leaves it as it is, `Some(None)` clears it.
    pub title: Option<Option<String>>,
    /// Takes the place of what was there.
    pub metadata: Option<Map<String, Value>>,
}

/// `conversation:list`.
#[derive(Clone, Debug, PartialEq)]
pub struct ListConversations {
    pub status: Option<ConversationStatus>,
    pub cursor: Option<String>,
    pub limit: i64,
}

/// `conversation:sync`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sync {
    pub conversation: ConversationId,
    pub after_rev: i64,
    pub limit: i64,
}

/// `conversation:add-members`, `conversation:remove-member` and `conversation:set-role`.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeMembers {
    pub conversation: ConversationId,
    /// At least one; may name somebody twice.
    pub users: Vec<UserId>,
    /// Always there with `conversation:set-role`.
    pub role: Option<Role>,
}

pub(super) fn create(mut fields: Fields<'_>) -> Decoded {
    let kind = fields.required(&["kind"], &Word::<Kind>::ANY);
    let participants =
        fields.required_list(&["participantIds"], (0, MAX_PARTICIPANTS), &Name::USER);
    let title = fields.optional(&["title"], &ShownText(MAX_TITLE));
    let context = fields.optional(&["context"], &ContextReader);
    let metadata = fields.optional(&["metadata"], &Metadata);
    let client_conversation_id = fields.optional(&["clientConversationId"], &Text(MAX_CLIENT_ID));
    fields.done(|| {
        Some(Call::CreateConversation(CreateConversation {
            kind: kind?,
            participants: participants?,
            title,
            context,
            metadata: metadata.unwrap_or_default(),
            client_conversation_id,
        }))
    })
}

struct ContextReader;

impl Reader for ContextReader {
    type Value = Context;

    fn read(&self, value: &Value) -> Read<Context> {
        let object = value.as_object().ok_or("must be an object {type, id}")?;
        let part = |name: &str| {
            let value = object.get(name).ok_or_else(|| format!("needs a {name}"))?;
            let read = Text(MAX_CONTEXT).read(value);
            read.map_err(|message| format!("{name} {message}"))
        };
        Ok(Context {
            kind: part("type")?,
            id: part("id")?,
        })
    }

    fn schema(&self) -> Schema {
        let part = Text(MAX_CONTEXT).schema();
        json_schema!({
            "type": "object",
            "properties": {"type": part, "id": part},
            "required": ["type", "id"],
        })
    }
}

pub(super) fn update(mut fields: Fields<'_>) -> Decoded {
    let conversation = conversation(&mut fields);
    let title = fields.optional(&["title"], &ClearableText(MAX_TITLE));
    let metadata = fields.optional(&["metadata"], &Metadata);
    let has_title = fields.is_given("title");
    if !has_title && !fields.is_given("metadata") {
        fields.wrong("", "needs title, or metadata");
    }
    fields.done(|| {
        Some(Call::UpdateConversation(UpdateConversation {
            conversation: conversation?,
            // An explicit null or empty string clears it.
            title: has_title.then(|| title.flatten()),
            metadata,
        }))
    })
}

pub(super) fn join(mut fields: Fields<'_>) -> Decoded {
    let conversation = conversation(&mut fields);
    let after_rev = fields.optional(&["afterRev"], &Number::from(0));
    fields.done(|| {
        Some(Call::JoinConversation {
            conversation: conversation?,
            after_rev,
        })
    })
}

/// A call whose payload is the conversation.
fn of_one(mut fields: Fields<'_>, call: impl FnOnce(ConversationId) -> Call) -> Decoded {
    let conversation = conversation(&mut fields);
    fields.done(|| conversation.map(call))
}

pub(super) fn leave(fields: Fields<'_>) -> Decoded {
    of_one(fields, |conversation| Call::LeaveConversation {
        conversation,
    })
}

pub(super) fn get(fields: Fields<'_>) -> Decoded {
    of_one(fields, |conversation| Call::GetConversation {
        conversation,
    })
}

pub(super) fn exit(fields: Fields<'_>) -> Decoded {
    of_one(fields, |conversation| Call::ExitConversation {
        conversation,
    })
}

pub(super) fn archive(fields: Fields<'_>) -> Decoded {
    of_one(fields, |conversation| Call::ArchiveConversation {
        conversation,
    })
}

pub(super) fn reopen(fields: Fields<'_>) -> Decoded {
    of_one(fields, |conversation| Call::ReopenConversation {
        conversation,
    })
}

pub(super) fn list(mut fields: Fields<'_>) -> Decoded {
    let status = fields.optional(&["status"], &Word::<ConversationStatus>::ANY);
    let cursor = cursor(&mut fields);
    let limit = limit(&mut fields);
    fields.done(|| {
        Some(Call::ListConversations(ListConversations {
            status,
            cursor,
            limit,
        }))
    })
}

pub(super) fn sync(mut fields: Fields<'_>) -> Decoded {
    let conversation = conversation(&mut fields);
    let after_rev = fields.required(&["afterRev"], &Number::from(0));
    let limit = limit(&mut fields);
    fields.done(|| {
        Some(Call::Sync(Sync {
            conversation: conversation?,
            after_rev: after_rev?,
            limit,
        }))
    })
}

/// Roles that whoever is added can have: there is one owner.
const GIVEN: &[Role] = &[Role::Admin, Role::Member, Role::ReadOnly];

pub(super) fn add_members(mut fields: Fields<'_>) -> Decoded {
    let (conversation, users) = members(&mut fields);
    let role = fields.optional(&["role"], &Word::of(GIVEN));
    changed(fields, (conversation, users), role).map(Call::AddMembers)
}

pub(super) fn remove_member(mut fields: Fields<'_>) -> Decoded {
    let whom = members(&mut fields);
    changed(fields, whom, None).map(Call::RemoveMembers)
}

pub(super) fn set_role(mut fields: Fields<'_>) -> Decoded {
    let whom = members(&mut fields);
    let role = fields.required(&["role"], &Word::<Role>::ANY);
    changed(fields, whom, role).map(Call::SetRole)
}

type Whom = (Option<ConversationId>, Option<Vec<UserId>>);

fn members(fields: &mut Fields<'_>) -> Whom {
    let conversation = conversation(fields);
    fields.any_of(&[&[&["userIds"]], &[&["userId"]]]);
    fields.not_both("userIds", "userId");
    let many = fields.list(&["userIds"], MAX_PARTICIPANTS, &Name::USER);
    if many.as_ref().is_some_and(Vec::is_empty) {
        fields.wrong("userIds", "must not be empty");
    }
    let one = fields.optional(&["userId"], &Name::USER);
    (conversation, many.or(one.map(|user| vec![user])))
}

fn changed(
    fields: Fields<'_>,
    (conversation, users): Whom,
    role: Option<Role>,
) -> Result<ChangeMembers, Vec<Detail>> {
    fields.done(|| {
        Some(ChangeMembers {
            conversation: conversation?,
            users: users?,
            role,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::ClientEvent;
    use serde_json::json;

    const ID: &str = "01939c1e-0000-7000-8000-000000000001";

    #[test]
    fn members_are_one_or_many_and_somebody() {
        let decode = |mut payload: Value| {
            payload["conversationId"] = ID.into();
            Call::decode(ClientEvent::ConversationAddMembers, &payload)
        };
        let Ok(Call::AddMembers(one)) = decode(json!({"userId": "ann"})) else {
            panic!("not understood");
        };
        assert_eq!((one.users.len(), one.role), (1, None));
        assert!(decode(json!({"userIds": ["ann", "ben"], "role": "admin"})).is_ok());
        for bad in [
            json!({}),
            json!({"userIds": []}),
            json!({"userIds": ["ann"], "userId": "ben"}),
            json!({"userIds": vec!["ann"; MAX_PARTICIPANTS + 1]}),
            json!({"userId": "ann", "role": "owner"}),
        ] {
            assert!(decode(bad.clone()).is_err(), "{bad}");
        }
        assert!(decode(json!({"userIds": vec!["ann"; MAX_PARTICIPANTS]})).is_ok());
    }

    #[test]
    fn a_title_is_changed_cleared_or_left_alone() {
        let decode = |payload: Value| {
            let Ok(Call::UpdateConversation(update)) =
                Call::decode(ClientEvent::ConversationUpdate, &payload)
            else {
                return None;
            };
            Some(update.title)
        };
        assert_eq!(decode(json!({"conversationId": ID})), None);
        for empty in [json!(null), json!("")] {
            let payload = json!({"conversationId": ID, "title": empty});
            assert_eq!(decode(payload), Some(Some(None)));
        }
        let payload = json!({"conversationId": ID, "metadata": {}});
        assert_eq!(decode(payload), Some(None));
        let of = |length: usize| decode(json!({"conversationId": ID, "title": "ü".repeat(length)}));
        assert!(of(MAX_TITLE).is_some());
        assert!(of(MAX_TITLE + 1).is_none());
    }
}
