//! The parts of payloads and answers that a load looks at.

use std::borrow::Cow;

use serde::Deserialize;

use crate::stream::Author;

/// `message:new`
#[derive(Debug, Deserialize)]
pub(super) struct Delivery<'a> {
    #[serde(borrow)]
    pub(super) message: Message<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message<'a> {
    pub(super) seq: u64,
    #[serde(borrow, default)]
    client_message_id: Option<Cow<'a, str>>,
}

impl Delivery<'_> {
    /// What its sender wrote into the message's id; `None` if it is not of this run.
    pub(super) fn mark(&self, run: &str) -> Option<Mark> {
        Mark::read(self.message.client_message_id.as_deref()?, run)
    }
}

/// What a message says of itself, in its `clientMessageId`: `RUN.SENDER.NUMBER.DUE`. So receivers need
/// to share nothing with senders but the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) sender: u32,
    pub(super) number: u32,
    /// Microseconds since the run began.
    pub(super) due: u64,
}

impl Mark {
    pub(super) fn id_in(self, run: &str) -> String {
        format!("{run}.{}.{}.{}", self.sender, self.number, self.due)
    }

    fn read(id: &str, run: &str) -> Option<Self> {
        let mut parts = id.strip_prefix(run)?.strip_prefix('.')?.split('.');
        let mark = Self {
            sender: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
            due: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(mark)
    }

    pub(super) fn author(self) -> Author {
        Author {
            sender: self.sender,
            number: self.number,
        }
    }
}

/// `conversation:created`
#[derive(Debug, Deserialize)]
pub(super) struct Created<'a> {
    #[serde(borrow)]
    pub(super) conversation: Conversation<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Conversation<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
}

/// The answer to any call.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<'a> {
    pub(super) ok: bool,
    #[serde(borrow, default)]
    data: Option<Data<'a>>,
    #[serde(borrow, default)]
    error: Option<Refusal<'a>>,
}

#[derive(Debug, Deserialize)]
struct Data<'a> {
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(borrow, default)]
    conversation: Option<Conversation<'a>>,
}

#[derive(Debug, Deserialize)]
struct Refusal<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
}

impl Answer<'_> {
    pub(super) fn room(&self) -> Option<&str> {
        let conversation = self.data.as_ref()?.conversation.as_ref()?;
        Some(&conversation.id)
    }

    pub(super) fn seq(&self) -> Option<u64> {
        Some(self.data.as_ref()?.message.as_ref()?.seq)
    }

    pub(super) fn code(&self) -> &str {
        let error = self.error.as_ref();
        error.map_or("without a code", |error| &error.code)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_mark_comes_back_and_fits_in_an_id(
            sender in any::<u32>(), number in any::<u32>(), due in 0_u64..1 << 40,
        ) {
            let mark = Mark { sender, number, due };
            let id = mark.id_in("0123abcd");
            prop_assert!(id.len() <= 64);
            prop_assert_eq!(Mark::read(&id, "0123abcd"), Some(mark));
            prop_assert_eq!(Mark::read(&id, "0123abc"), None);
        }

        #[test]
        fn any_id_is_a_mark_or_none(id in ".*") {
            let _ = Mark::read(&id, "r");
            let _ = Mark::read(&format!("r.{id}"), "r");
        }
    }

    #[test]
    fn answers_are_read_in_part() {
        let answer = r#"{"ok":true,"data":{"message":{"seq":7,"clientMessageId":"a\"b"}}}"#;
        let answer: Answer<'_> = serde_json::from_str(answer).expect("an answer");
        assert_eq!(answer.seq(), Some(7));
        let refusal = r#"{"ok":false,"error":{"code":"RATE_LIMITED","message":"slow"}}"#;
        let refusal: Answer<'_> = serde_json::from_str(refusal).expect("an answer");
        assert_eq!((refusal.ok, refusal.code()), (false, "RATE_LIMITED"));
        let empty: Answer<'_> =
            serde_json::from_str(r#"{"ok":true,"data":{}}"#).expect("an answer");
        assert_eq!((empty.seq(), empty.room()), (None, None));
    }
}
