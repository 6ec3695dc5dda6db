//! Dialects: the same conversations in other words. A dialect is a table that says, for one
//! namespace, what its clients' events and fields are called and what they mean here, and what of
//! what happens here they are told, in which words. Whoever is on `/` speaks the native one, which
//! has no table.
//!
//! The tables are data (`dialects/*.toml`, and whatever files an operator adds); nothing here or
//! elsewhere knows one of them by its name. `docs/dialects.md` describes them.

mod incoming;
mod outgoing;
mod reading;
mod source;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use incoming::Incoming;
use outgoing::Outgoing;
pub use outgoing::{Hearers, Told};
use source::Form;

/// The tables that come with the program, by the names of their files.
const BUILT_IN: [(&str, &str); 2] = [
    ("messaging.toml", include_str!("../dialects/messaging.toml")),
    ("chat.toml", include_str!("../dialects/chat.toml")),
];

/// Events that are understood in every namespace, in the native words: what acknowledges the offline
/// queue is no front end's invention.
const UNDERSTOOD_EVERYWHERE: &[&str] = &["queue:ack"];

/// A table that has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Dialect {
    namespace: String,
    authentication: Option<Authentication>,
    written_is_delivered: bool,
    written_is_acknowledged: bool,
    unread_on_connect: bool,
    /// By the dialect's names of the events.
    incoming: BTreeMap<String, Incoming>,
    /// By the native names of the events, in the table's order.
    outgoing: HashMap<String, Vec<Outgoing>>,
    /// What stands for the values of these fields of an answer.
    answers: BTreeMap<String, Form>,
}

/// How a socket that came without a token makes itself known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authentication {
    /// The event that brings the token.
    pub event: String,
    /// The field that it is in.
    pub token: String,
    /// How long a socket may take for it.
    pub within: Duration,
}

/// Something that is wrong with a table, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Such as `in.sendMessage.fields.content` or `out[3].on`; empty for the table itself.
    pub place: String,
    /// What is wrong, for people.
    pub reason: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_str() {
            "" => f.write_str(&self.reason),
            place => write!(f, "{place}: {}", self.reason),
        }
    }
}

impl Dialect {
    /// Reads a table (TOML). Everything that is wrong with it is in the error.
    pub fn read(text: &str) -> Result<Self, Vec<Mistake>> {
        reading::read(text)
    }

    /// The dialects that come with the program.
    pub fn built_in() -> Result<Vec<Self>, Vec<Mistake>> {
        let mut dialects = Vec::new();
        let mut mistakes = Vec::new();
        for (file, text) in BUILT_IN {
            match Self::read(text) {
                Ok(dialect) => dialects.push(dialect),
                Err(found) => mistakes.extend(found.into_iter().map(|mistake| Mistake {
                    place: format!("{file}: {}", mistake.place),
                    ..mistake
                })),
            }
        }
        if mistakes.is_empty() {
            Ok(dialects)
        } else {
            Err(mistakes)
        }
    }

    /// The Socket.IO namespace whose sockets speak it.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// How sockets without a token make themselves known; `None` when they are refused.
    pub fn authentication(&self) -> Option<&Authentication> {
        self.authentication.as_ref()
    }

    /// Whether a message that was written to a socket counts as delivered to its user.
    pub fn written_is_delivered(&self) -> bool {
        self.written_is_delivered
    }

    /// Whether events of the offline queue that were written to a socket count as acknowledged.
    pub fn written_is_acknowledged(&self) -> bool {
        self.written_is_acknowledged
    }

    /// Whether a socket that has come is told of each conversation with unread messages.
    pub fn unread_on_connect(&self) -> bool {
        self.unread_on_connect
    }

    /// Whether its sockets are told anything of a native event.
    pub fn tells_of(&self, native: &str) -> bool {
        self.outgoing.contains_key(native)
    }
}
