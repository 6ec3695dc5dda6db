//! Payloads of `conversation:*`.

use serde_json::{Map, Value};

use super::{
    Call, Context, ConversationId, ConversationStatus, Decoded, Fields, Kind, UserId, conversation,
    fields, limit,
};

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

/// `conversation:list`.
#[derive(Clone, Debug, PartialEq)]
pub struct ListConversations {
    pub status: Option<ConversationStatus>,
    /// Opaque: what an earlier page's `nextCursor` said.
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

pub(super) fn create(mut fields: Fields<'_>) -> Decoded {
    let kind = fields.required(&["kind"], fields::word(Kind::from_word, "direct or group"));
    if !fields.has("participantIds") {
        fields.wrong("participantIds", "is required");
    }
    let participants = fields.list("participantIds", MAX_PARTICIPANTS, fields::user_id);
    let title = fields.optional(&["title"], fields::short_text(MAX_TITLE));
    let context = fields.optional(&["context"], context);
    let metadata = fields
        .optional(&["metadata"], fields::metadata)
        .unwrap_or_default();
    let client_conversation_id =
        fields.optional(&["clientConversationId"], fields::short_text(MAX_CLIENT_ID));
    fields.done(|| {
        Some(Call::CreateConversation(CreateConversation {
            kind: kind?,
            participants: participants?,
            title,
            context,
            metadata,
            client_conversation_id,
        }))
    })
}

fn context(value: &Value) -> fields::Read<Context> {
    let object = value.as_object().ok_or("must be an object {type, id}")?;
    let part = |name: &str| {
        let value = object.get(name).ok_or_else(|| format!("needs a {name}"))?;
        fields::short_text(MAX_CONTEXT)(value).map_err(|message| format!("{name} {message}"))
    };
    Ok(Context {
        kind: part("type")?,
        id: part("id")?,
    })
}

pub(super) fn join(mut fields: Fields<'_>) -> Decoded {
    let conversation = conversation(&mut fields);
    let after_rev = fields.optional(&["afterRev"], fields::number(0, i64::MAX));
    fields.done(|| {
        Some(Call::JoinConversation {
            conversation: conversation?,
            after_rev,
        })
    })
}

pub(super) fn leave(mut fields: Fields<'_>) -> Decoded {
    let conversation = conversation(&mut fields);
    fields.done(|| {
        Some(Call::LeaveConversation {
            conversation: conversation?,
        })
    })
}

pub(super) fn get(mut fields: Fields<'_>) -> Decoded {
    let conversation = conversation(&mut fields);
    fields.done(|| {
        Some(Call::GetConversation {
            conversation: conversation?,
        })
    })
}

pub(super) fn list(mut fields: Fields<'_>) -> Decoded {
    let words = "active, archived or auto_archived";
    let status = fields.optional(
        &["status"],
        fields::word(ConversationStatus::from_word, words),
    );
    let cursor = fields.optional(&["cursor"], fields::short_text(256));
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
    let after_rev = fields.required(&["afterRev"], fields::number(0, i64::MAX));
    let limit = limit(&mut fields);
    fields.done(|| {
        Some(Call::Sync(Sync {
            conversation: conversation?,
            after_rev: after_rev?,
            limit,
        }))
    })
}
