//! What is read out of payloads, field by field: a server that is being judged is not trusted.

use serde_json::Value;

use crate::checks::history::{Author, Entry, Place};

/// Beyond this a number is no `seq` or `rev` of a run.
const MOST: u64 = 100_000_000;

/// Names of this run: who its users are, and what their messages say.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) run: String,
}

impl Names {
    /// A client's user id.
    pub(crate) fn user(&self, client: u32) -> String {
        format!("verify-{}-{client}", self.run)
    }

    /// A message's `clientMessageId`.
    pub(crate) fn message_id(&self, author: Author) -> String {
        format!("{}-{}-{}", self.run, author.client, author.number)
    }

    /// A message's content.
    pub(crate) fn content(&self, author: Author) -> String {
        format!("message {} of {}", author.number, self.user(author.client))
    }

    /// Whose message has this `clientMessageId`.
    pub(crate) fn author(&self, message_id: &str) -> Option<Author> {
        let rest = message_id
            .strip_prefix(self.run.as_str())?
            .strip_prefix('-')?;
        let (client, number) = rest.split_once('-')?;
        let author = Author {
            client: client.parse().ok()?,
            number: number.parse().ok()?,
        };
        (self.message_id(author) == message_id).then_some(author)
    }

    /// A message of a page or an event.
    pub(crate) fn entry(&self, message: &Value) -> Option<Entry> {
        let Place { seq, rev } = place(message)?;
        let author = message["clientMessageId"]
            .as_str()
            .and_then(|id| self.author(id));
        let intact = author.is_some_and(|author| {
            message["senderId"] == self.user(author.client)
                && message["content"] == self.content(author)
        });
        Some(Entry {
            seq,
            rev,
            author,
            intact,
        })
    }
}

/// Where a message is.
pub(crate) fn place(message: &Value) -> Option<Place> {
    Some(Place {
        seq: number(&message["seq"])?,
        rev: number(&message["rev"])?,
    })
}

/// A `seq` or `rev`.
pub(crate) fn number(value: &Value) -> Option<u64> {
    value.as_u64().filter(|number| *number <= MOST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #[test]
        fn a_message_id_says_whose_it_is(client in any::<u32>(), number in any::<u32>()) {
            let names = Names { run: "a1b2".to_owned() };
            let author = Author { client, number };
            let id = names.message_id(author);
            prop_assert!(id.len() <= 64);
            prop_assert_eq!(names.author(&id), Some(author));
        }

        #[test]
        fn no_other_text_does(text in "(a1b2)?-?[0-9+]{0,3}-?[0-9+ ]{0,3}") {
            let names = Names { run: "a1b2".to_owned() };
            if let Some(author) = names.author(&text) {
                prop_assert_eq!(names.message_id(author), text);
            }
        }
    }

    #[test]
    fn what_another_run_wrote_is_nobodys() {
        let names = Names {
            run: "a1".to_owned(),
        };
        for text in [
            "", "a1", "a1-1", "a2-1-1", "a1-1-1-1", "a1-01-1", "a1--1", "a11-1",
        ] {
            assert_eq!(names.author(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_that_is_no_rev_is_not_taken() {
        assert_eq!(number(&json!(100_000_000)), Some(100_000_000));
        for value in [
            json!(100_000_001),
            json!(-1),
            json!(1.5),
            json!("1"),
            json!(null),
        ] {
            assert_eq!(number(&value), None, "{value}");
        }
    }
}
