//! What changes something: one file a command, in the order input → rules → change → answer.

pub(crate) mod ack_queue;
mod alter;
pub(crate) mod archive_conversation;
pub(crate) mod change_members;
pub(crate) mod choose_presence;
pub(crate) mod create_conversation;
pub(crate) mod delete_message;
pub(crate) mod edit_message;
pub(crate) mod exit_conversation;
pub(crate) mod join_conversation;
pub(crate) mod leave_conversation;
pub(crate) mod mark;
pub(crate) mod react;
pub(crate) mod revoke;
pub(crate) mod send_message;
mod send_system_message;
pub(crate) mod subscribe;
pub(crate) mod typing;
pub(crate) mod update_conversation;

pub use send_system_message::SystemMessage;

use switchboard_protocol::{ErrorObject, content};

use crate::pipeline::Rules;

/// The stored form of a message's content, if it is 1 to `max_length` characters long.
fn stored_content(raw: &str, rules: &Rules) -> Result<String, ErrorObject> {
    let visible = content::visible(raw);
    let length = visible.chars().count();
    if length == 0 {
        return Err(ErrorObject::invalid("content", "must not be empty"));
    }
    if length > rules.max_length {
        let most = rules.max_length;
        let text = format!("has {length} characters; at most {most} are allowed");
        return Err(ErrorObject::invalid("content", text));
    }
    match content::harmless(&visible) {
        empty if empty.is_empty() => Err(ErrorObject::invalid(
            "content",
            "has nothing but markup, which is not allowed",
        )),
        harmless => Ok(harmless),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_has_1_to_5000_characters_after_trimming() {
        let rules = Rules::default();
        assert!(stored_content(" x ", &rules).is_ok());
        assert!(stored_content(" \n ", &rules).is_err());
        assert!(stored_content(&format!(" {} ", "é".repeat(5000)), &rules).is_ok());
        assert!(stored_content(&"é".repeat(5001), &rules).is_err());
    }

    #[test]
    fn content_that_was_only_markup_is_refused() {
        let error = stored_content("<img src=x onerror=alert(1)>", &Rules::default()).unwrap_err();
        assert_eq!(error.details[0].path, "content");
    }
}
