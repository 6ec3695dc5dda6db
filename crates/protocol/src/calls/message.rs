//! Payloads of `message:*`.

use serde_json::{Map, Value};

use super::{
    CONTENT, Call, ConversationId, Decoded, Fields, MessageId, MessageType, conversation, fields,
    limit,
};

/// Longest `clientMessageId`, in characters.
pub(super) const MAX_CLIENT_ID: usize = 64;
/// Most messages that one receipt may name.
pub(super) const MAX_RECEIPT_IDS: usize = 100;

/// `message:send`.
#[derive(Clone, Debug, PartialEq)]
pub struct SendMessage {
    pub conversation: ConversationId,
    /// As sent: neither trimmed nor sanitised nor measured.
    pub content: String,
    pub kind: MessageType,
    pub client_message_id: Option<String>,
    pub reply_to: Option<MessageId>,
    pub metadata: Map<String, Value>,
}

/// `message:edit`.
#[derive(Clone, Debug, PartialEq)]
pub struct EditMessage {
    pub message: MessageId,
    pub content: String,
    pub expected_version: Option<i64>,
}

/// Which part of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The newest messages.
    Latest,
    /// Those just before a `seq`.
    Before(i64),
    /// Those just after a `seq`.
    After(i64),
}

/// `message:history`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct History {
    pub conversation: ConversationId,
    pub window: Window,
    pub limit: i64,
}

/// How far a device got: `message:delivered` and `message:read`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watermark {
    /// Up to a `seq`.
    UpTo {
        conversation: ConversationId,
        seq: i64,
    },
    /// Up to the newest of these messages.
    Messages(Vec<MessageId>),
}

pub(super) fn send(mut fields: Fields<'_>) -> Decoded {
    let conversation = conversation(&mut fields);
    let content = fields.required(CONTENT, fields::any_text);
    let kind = fields.optional(&["type"], fields::word(sendable, "text, image or file"));
    let client_message_id =
        fields.optional(&["clientMessageId"], fields::short_text(MAX_CLIENT_ID));
    let reply_to = fields.optional(&["replyTo"], fields::message_id);
    let metadata = fields
        .optional(&["metadata"], fields::metadata)
        .unwrap_or_default();
    // Uploads do not exist yet, so no id can be one that the sender has uploaded.
    fields.optional(&["attachmentIds"], |value| match value.as_array() {
        Some(ids) if ids.is_empty() => Ok(()),
        Some(_) => Err("names attachments that were not uploaded".to_owned()),
        None => Err("must be an array".to_owned()),
    });
    fields.done(|| {
        Some(Call::SendMessage(SendMessage {
            conversation: conversation?,
            content: content?,
            kind: kind.unwrap_or(MessageType::Text),
            client_message_id,
            reply_to,
            metadata,
        }))
    })
}

/// Clients may not speak for the system.
fn sendable(word: &str) -> Option<MessageType> {
    MessageType::from_word(word).filter(|kind| *kind != MessageType::System)
}

pub(super) fn edit(mut fields: Fields<'_>) -> Decoded {
    let message = fields.required(&["messageId"], fields::message_id);
    let content = fields.required(CONTENT, fields::any_text);
    let expected_version = fields.optional(&["expectedVersion"], fields::number(1, i64::MAX));
    fields.done(|| {
        let (message, content) = (message?, content?);
        Some(Call::EditMessage(EditMessage {
            message,
            content,
            expected_version,
        }))
    })
}

pub(super) fn delete(mut fields: Fields<'_>) -> Decoded {
    let message = fields.required(&["messageId"], fields::message_id);
    fields.done(|| Some(Call::DeleteMessage { message: message? }))
}

pub(super) fn history(mut fields: Fields<'_>) -> Decoded {
    let conversation = conversation(&mut fields);
    let before = fields.optional(&["beforeSeq"], fields::number(1, i64::MAX));
    let after = fields.optional(&["afterSeq"], fields::number(0, i64::MAX));
    if before.is_some() && after.is_some() {
        fields.wrong("afterSeq", "cannot be combined with beforeSeq");
    }
    let limit = limit(&mut fields);
    let window = match (before, after) {
        (Some(seq), _) => Window::Before(seq),
        (None, Some(seq)) => Window::After(seq),
        (None, None) => Window::Latest,
    };
    fields.done(|| {
        Some(Call::History(History {
            conversation: conversation?,
            window,
            limit,
        }))
    })
}

pub(super) fn delivered(fields: Fields<'_>) -> Decoded {
    watermark(fields).map(Call::MarkDelivered)
}

pub(super) fn read(fields: Fields<'_>) -> Decoded {
    watermark(fields).map(Call::MarkRead)
}

fn watermark(mut fields: Fields<'_>) -> Result<Watermark, Vec<crate::error::Detail>> {
    if fields.has("messageIds") {
        let ids = fields.list("messageIds", MAX_RECEIPT_IDS, fields::message_id);
        if ids.as_ref().is_some_and(Vec::is_empty) {
            fields.wrong("messageIds", "must not be empty");
        }
        return fields.done(|| ids.map(Watermark::Messages));
    }
    if fields.has("messageId") {
        let id = fields.required(&["messageId"], fields::message_id);
        return fields.done(|| id.map(|id| Watermark::Messages(vec![id])));
    }
    let conversation = conversation(&mut fields);
    let seq = fields.required(&["upToSeq"], fields::number(0, i64::MAX));
    fields.done(|| {
        Some(Watermark::UpTo {
            conversation: conversation?,
            seq: seq?,
        })
    })
}

pub(super) fn typing(mut fields: Fields<'_>) -> Decoded {
    let conversation = conversation(&mut fields);
    let is_typing = fields.required(&["isTyping"], fields::boolean);
    fields.done(|| {
        Some(Call::Typing {
            conversation: conversation?,
            is_typing: is_typing?,
        })
    })
}
