//! What a message may be.

use std::time::Duration;

use super::section;
use crate::key::value;
use crate::values::choice;

choice! {
    /// What deleting a message does.
    pub enum Deletion {
        /// Its content goes, its place stays.
        Tombstone = "tombstone",
        /// It is refused.
        Disabled = "disabled",
    }
}

choice! {
    /// What becomes of markup in what users write.
    pub enum Sanitizer {
        /// Tags and comments go, their text stays.
        Strip = "strip",
    }
}

section! {
    /// What a message may be, and what may be done to it afterwards.
    pub struct Messages at "messages", "messages." {
        /// Most characters (Unicode scalar values) in a message.
        max_length: u32 = value("5000").within("1", "100000").reloadable();
        /// How long the sender may edit a message; `0` for ever.
        edit_window: Duration = value("24h").reloadable();
        /// `tombstone` keeps a deleted message's place without its content, `disabled` refuses to
        /// delete.
        deletion: Deletion = value("tombstone").reloadable();
        /// What becomes of HTML in messages, titles and statuses. `strip` is all there is: tags and
        /// comments go, their text stays, and plain text such as `1 < 2` is not touched.
        sanitizer: Sanitizer = value("strip");
    }
}

impl Messages {
    /// How long the sender may edit a message; `None` for ever.
    pub fn edit_limit(&self) -> Option<Duration> {
        (!self.edit_window.is_zero()).then_some(self.edit_window)
    }
}
