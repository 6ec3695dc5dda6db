//! Payloads of `message:*`.

use schemars::{Schema, json_schema};
use serde_json::{Map, Value};

use super::{
    CONTENT, CONVERSATION, Call, ConversationId, Decoded, Fields, Id, MessageId, MessageType,
    Number, Text, conversation, cursor, limit, message_id,
};
use crate::error::Detail;
use crate::fields::{AnyText, Boolean, Metadata, Read, Reader, Word};

/// Longest `clientMessageId`, in characters.
pub(super) const MAX_CLIENT_ID: usize = 64;
/// Most messages that one receipt may name.
pub(super) const MAX_RECEIPT_IDS: usize = 100;
/// Longest search, in characters.
pub(super) const MAX_QUERY: usize = 200;
/// Longest emoji, in characters: families with skin tones are 10.
pub(super) const MAX_EMOJI: usize = 32;

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
    /// Up to the newest message that there is.
    All { conversation: ConversationId },
}

/// `message:react` and `message:unreact`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct React {
    pub message: MessageId,
    pub emoji: String,
}

/// `message:thread`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its root, or any reply.
    pub message: MessageId,
    pub cursor: Option<String>,
    pub limit: i64,
}

/// `message:search`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// What people type.
    pub query: String,
    /// Only in this one.
    pub conversation: Option<ConversationId>,
    pub cursor: Option<String>,
    pub limit: i64,
}

/// What clients may send: they may not speak for the system.
const SENDABLE: &[MessageType] = &[MessageType::Text, MessageType::Image, MessageType::File];

pub(super) fn send(mut fields: Fields<'_>) -> Decoded {
    let conversation = conversation(&mut fields);
    let content = fields.required(CONTENT, &AnyText);
    let kind = fields.optional(&["type"], &Word::of(SENDABLE));
    let client_message_id = fields.optional(&["clientMessageId"], &Text(MAX_CLIENT_ID));
    let reply_to = fields.optional(&["replyTo"], &Id::MESSAGE);
    let metadata = fields.optional(&["metadata"], &Metadata);
    fields.optional(&["attachmentIds"], &NoAttachments);
    fields.done(|| {
        Some(Call::SendMessage(SendMessage {
            conversation: conversation?,
            content: content?,
            kind: kind.unwrap_or(MessageType::Text),
            client_message_id,
            reply_to,
            metadata: metadata.unwrap_or_default(),
        }))
    })
}

/// Uploads do not exist yet, so no id can be one that the sender has uploaded.
struct NoAttachments;

impl Reader for NoAttachments {
    type Value = ();

    fn read(&self, value: &Value) -> Read<()> {
        match value.as_array() {
            Some(ids) if ids.is_empty() => Ok(()),
            Some(_) => Err("names attachments that were not uploaded".to_owned()),
            None => Err("must be an array".to_owned()),
        }
    }

    fn schema(&self) -> Schema {
        json_schema!({"type": "array", "items": {"type": "string"}, "maxItems": 0})
    }
}

pub(super) fn edit(mut fields: Fields<'_>) -> Decoded {
    let message = message_id(&mut fields);
    let content = fields.required(CONTENT, &AnyText);
    let expected_version = fields.optional(&["expectedVersion"], &Number::from(1));
    fields.done(|| {
        Some(Call::EditMessage(EditMessage {
            message: message?,
            content: content?,
            expected_version,
        }))
    })
}

pub(super) fn delete(mut fields: Fields<'_>) -> Decoded {
    let message = message_id(&mut fields);
    fields.done(|| Some(Call::DeleteMessage { message: message? }))
}

pub(super) fn react(fields: Fields<'_>) -> Decoded {
    reaction(fields).map(Call::React)
}

pub(super) fn unreact(fields: Fields<'_>) -> Decoded {
    reaction(fields).map(Call::Unreact)
}

fn reaction(mut fields: Fields<'_>) -> Result<React, Vec<Detail>> {
    let message = message_id(&mut fields);
    let emoji = fields.required(&["emoji"], &Emoji);
    fields.done(|| {
        Some(React {
            message: message?,
            emoji: emoji?,
        })
    })
}

/// A short text that does no harm where a front end puts it, be that into HTML: one without white
/// space, control characters, what turns the direction of writing, and what HTML gives a meaning.
/// Emoji are made of too many characters to list, and short names such as `:+1:` are in use too.
struct Emoji;

fn is_harmful(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c, '<' | '>' | '&' | '"' | '\'' | '`' | '\u{FEFF}')
        || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

impl Reader for Emoji {
    type Value = String;

    fn read(&self, value: &Value) -> Read<String> {
        let emoji = Text(MAX_EMOJI).read(value)?;
        if emoji.contains(is_harmful) {
            return Err("must be an emoji or a short name, without spaces and <>&\"'`".to_owned());
        }
        Ok(emoji)
    }

    fn schema(&self) -> Schema {
        json_schema!({
            "type": "string", "minLength": 1, "maxLength": MAX_EMOJI, "pattern": "^[^<>&\"'`]+$",
        })
    }
}

pub(super) fn history(mut fields: Fields<'_>) -> Decoded {
    let conversation = conversation(&mut fields);
    let before = fields.optional(&["beforeSeq"], &Number::from(1));
    let after = fields.optional(&["afterSeq"], &Number::from(0));
    fields.not_both("beforeSeq", "afterSeq");
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

pub(super) fn thread(mut fields: Fields<'_>) -> Decoded {
    let message = message_id(&mut fields);
    let cursor = cursor(&mut fields);
    let limit = limit(&mut fields);
    fields.done(|| {
        Some(Call::Thread(Thread {
            message: message?,
            cursor,
            limit,
        }))
    })
}

pub(super) fn search(mut fields: Fields<'_>) -> Decoded {
    let query = fields.required(&["query"], &Text(MAX_QUERY));
    let conversation = fields.optional(CONVERSATION, &Id::CONVERSATION);
    let cursor = cursor(&mut fields);
    let limit = limit(&mut fields);
    fields.done(|| {
        Some(Call::Search(Search {
            query: query?,
            conversation,
            cursor,
            limit,
        }))
    })
}

pub(super) fn delivery_status(mut fields: Fields<'_>) -> Decoded {
    let message = message_id(&mut fields);
    fields.done(|| Some(Call::DeliveryStatus { message: message? }))
}

pub(super) fn stats(mut fields: Fields<'_>) -> Decoded {
    let conversation = fields.optional(CONVERSATION, &Id::CONVERSATION);
    fields.done(|| Some(Call::MessageStats { conversation }))
}

pub(super) fn typing_users(mut fields: Fields<'_>) -> Decoded {
    let conversation = conversation(&mut fields);
    fields.done(|| {
        Some(Call::TypingUsers {
            conversation: conversation?,
        })
    })
}

pub(super) fn delivered(fields: Fields<'_>) -> Decoded {
    watermark(fields).map(Call::MarkDelivered)
}

pub(super) fn read(fields: Fields<'_>) -> Decoded {
    watermark(fields).map(Call::MarkRead)
}

fn watermark(mut fields: Fields<'_>) -> Result<Watermark, Vec<Detail>> {
    let ids = fields.list(&["messageIds"], MAX_RECEIPT_IDS, &Id::MESSAGE);
    if ids.as_ref().is_some_and(Vec::is_empty) {
        fields.wrong("messageIds", "must not be empty");
    }
    let id = fields.optional(&["messageId"], &Id::MESSAGE);
    let conversation = fields.optional(CONVERSATION, &Id::CONVERSATION);
    let seq = fields.optional(&["upToSeq"], &Number::from(0));
    let all = fields.optional(&["all"], &Boolean) == Some(true);
    fields.any_of(&[
        &[&["messageIds"]],
        &[&["messageId"]],
        &[CONVERSATION, &["upToSeq"]],
        &[CONVERSATION, &["all"]],
    ]);
    fields.done(|| match (ids, id) {
        (Some(ids), _) => Some(Watermark::Messages(ids)),
        (None, Some(id)) => Some(Watermark::Messages(vec![id])),
        (None, None) if all && seq.is_none() => Some(Watermark::All {
            conversation: conversation?,
        }),
        (None, None) => Some(Watermark::UpTo {
            conversation: conversation?,
            seq: seq?,
        }),
    })
}

pub(super) fn typing(mut fields: Fields<'_>) -> Decoded {
    let conversation = conversation(&mut fields);
    let is_typing = fields.required(&["isTyping"], &Boolean);
    fields.done(|| {
        Some(Call::Typing {
            conversation: conversation?,
            is_typing: is_typing?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn an_emoji_is_short_and_harmless() {
        for good in ["👍", "👍🏽", "👨‍👩‍👧‍👦", "❤️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", ":+1:", "+1", &"🎉".repeat(32)]
        {
            assert!(Emoji.read(&json!(good)).is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            "a b",
            "<b>",
            "&amp;",
            "\"",
            "'",
            "\u{0}",
            "\u{7f}",
            "\n",
            "\u{202E}x",
            "\u{2028}",
            &"🎉".repeat(33),
        ] {
            assert!(Emoji.read(&json!(bad)).is_err(), "{bad:?}");
        }
        assert!(Emoji.read(&json!(1)).is_err());
    }

    proptest! {
        #[test]
        fn what_is_taken_for_an_emoji_cannot_be_markup(text in "[<>&\"' a🎉-]{0,6}|.{0,40}") {
            if let Ok(emoji) = Emoji.read(&json!(text)) {
                prop_assert!(!emoji.contains(['<', '>', '&', '"', '\'', '`', ' ', '\n']));
                prop_assert!(emoji.chars().count() <= MAX_EMOJI);
            }
        }
    }
}
