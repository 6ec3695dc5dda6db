//! The broken promises that a run can find.

use serde::Serialize;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $says:literal;)*) => {
        /// A kind of broken promise.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum Kind { $($(#[$doc])* #[serde(rename = $name)] $variant,)* }

        impl Kind {
            /// All of them, in the order in which they are reported.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The same for people.
            pub const fn says(self) -> &'static str {
                match self { $(Self::$variant => $says,)* }
            }
        }
    };
}

kinds! {
    /// The promise of the ack.
    AckedLost = "ackedLost", "acked, and not in the history";
    /// The ack named another `seq` or `rev` than the history has.
    AckedElsewhere = "ackedElsewhere", "acked with another seq or rev than is stored";
    /// One `clientMessageId`, two messages.
    StoredTwice = "storedTwice", "stored twice under one clientMessageId";
    /// Nobody of this run sent it.
    Foreign = "foreign", "stored, and never sent";
    /// Its content or sender is not what was sent.
    Altered = "altered", "stored with another content or sender than was sent";
    /// `seq` or `rev` in the history does not follow its predecessor.
    HistoryGap = "historyGap", "a hole or disorder in the history's seq or rev";
    /// Two members, or two ways to read, and two histories.
    HistoriesDiffer = "historiesDiffer", "members do not read the same history";
    /// Stored, and a session that it was owed to did not get it.
    Missed = "missed", "stored, and not delivered on an unbroken or recovered session";
    /// The same `rev` twice on one session.
    Repeated = "repeated", "delivered twice on an unbroken or recovered session";
    /// After a later `rev`.
    Late = "late", "delivered after a later one";
    /// A member's history could not be read to its end.
    Unread = "unread", "a history that could not be read";
}

/// One broken promise, with what helps to look for its cause.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    /// What kind.
    pub kind: Kind,
    /// In which conversation.
    pub conversation: String,
    /// Of which change; 0 where that makes no sense.
    pub rev: u64,
    /// Whom it happened to, or who sent it: a user id.
    pub user: Option<String>,
    /// The node that they were connected to.
    pub node: Option<String>,
    /// When it was noticed, in milliseconds after the first send.
    pub at_ms: u64,
}
