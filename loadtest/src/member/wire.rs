//! The parts of payloads and answers that a load looks at.

use std::borrow::Cow;

use serde::Deserialize;

use crate::stream::Author;

/// `message:new`
#[derive(Debug, Deserialize)]
pub(crate) struct Delivery<'a> {
    #[serde(borrow)]
    pub(crate) message: Message<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message<'a> {
    pub(crate) seq: u64,
    #[serde(borrow, default)]
    client_message_id: Option<Cow<'a, str>>,
}

impl Delivery<'_> {
    /// What its sender wrote into the message's id; `None` if it is not of this run.
    pub(crate) fn mark(&self, run: &str) -> Option<Mark> {
        Mark::read(self.message.client_message_id.as_deref()?, run)
    }
}

/// What a message says of itself, in its `clientMessageId`: `RUN.SENDER.NUMBER.DUE`. So receivers need
/// to share nothing with senders but the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) sender: u32,
    pub(crate) number: u32,
    /// Microseconds since the run began.
    pub(crate) due: u64,
}

impl Mark {
    pub(crate) fn id_in(self, run: &str) -> String {
        format!("{run}.{}.{}.{}", self.sender, self.number, self.due)
    }

    /// `None` if it is not of this run.
    pub(crate) fn read(id: &str, run: &str) -> Option<Self> {
        let mut parts = id.strip_prefix(run)?.strip_prefix('.')?.split('.');
        let mark = Self {
            sender: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
            due: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(mark)
    }

    pub(crate) fn author(self) -> Author {
        Author {
            sender: self.sender,
            number: self.number,
        }
    }
}

/// `conversation:created`
#[derive(Debug, Deserialize)]
pub(crate) struct Created<'a> {
    #[serde(borrow)]
    pub(crate) conversation: Conversation<'a>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Conversation<'a> {
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
}

/// The answer to any call.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer<'a> {
    pub(crate) ok: bool,
    #[serde(borrow, default)]
    data: Option<Data<'a>>,
    #[serde(borrow, default)]
    error: Option<Refusal<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(borrow, default)]
    conversation: Option<Conversation<'a>>,
    /// Of `message:history`.
    #[serde(borrow, default)]
    messages: Option<Vec<Message<'a>>>,
    #[serde(default)]
    has_more: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Refusal<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
}

impl Answer<'_> {
    pub(crate) fn room(&self) -> Option<&str> {
        let conversation = self.data.as_ref()?.conversation.as_ref()?;
        Some(&conversation.id)
    }

    pub(crate) fn seq(&self) -> Option<u64> {
        Some(self.data.as_ref()?.message.as_ref()?.seq)
    }

    /// The places of a page's messages, and whether there are more.
    pub(crate) fn page(&self) -> Option<(Vec<u64>, bool)> {
        let data = self.data.as_ref()?;
        let seqs = data.messages.as_ref()?.iter().map(|message| message.seq);
        Some((seqs.collect(), data.has_more?))
    }

    pub(crate) fn code(&self) -> &str {
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
        assert_eq!(empty.page(), None);
        let page = r#"{"ok":true,"data":{"messages":[{"seq":3},{"seq":4}],"hasMore":true}}"#;
        let page: Answer<'_> = serde_json::from_str(page).expect("an answer");
        assert_eq!(page.page(), Some((vec![3, 4], true)));
    }
}
