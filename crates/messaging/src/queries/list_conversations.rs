//! `conversation:list`: newest activity first; active ones unless a status is asked for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use switchboard_protocol::answers::Conversations;
use switchboard_protocol::calls::ListConversations;
use switchboard_protocol::{
    ConversationId, ConversationStatus, ConversationView, ErrorObject, Timestamp,
};

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::store::ListPage;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    input: ListConversations,
) -> Result<Outcome, ErrorObject> {
    let after = input.cursor.as_deref().map(place).transpose()?;
    let status = input.status.unwrap_or(ConversationStatus::Active);
    // One more than asked for tells whether there is another page.
    let page = ListPage {
        status,
        after,
        limit: input.limit + 1,
    };
    let mut found = app.store.list(caller.viewer(), page).await?;
    let more = found.len() as i64 > input.limit;
    found.truncate(usize::try_from(input.limit).unwrap_or(usize::MAX));
    let next_cursor = found.last().filter(|_| more).map(cursor);
    Outcome::of(&Conversations {
        conversations: found,
        next_cursor,
    })
}

/// The place of a conversation in the list, opaque to clients.
fn cursor(view: &ConversationView) -> String {
    let conversation = &view.conversation;
    let activity = conversation
        .last_message_at
        .unwrap_or(conversation.created_at);
    URL_SAFE_NO_PAD.encode(format!("{}/{}", activity.as_millis(), conversation.id))
}

fn place(cursor: &str) -> Result<(Timestamp, ConversationId), ErrorObject> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (millis, id) = text.split_once('/')?;
        // Beyond this, no database can hold it as a time.
        let millis = millis
            .parse()
            .ok()
            .filter(|millis| (0..=MAX_MILLIS).contains(millis))?;
        Some((Timestamp::from_millis(millis), id.parse().ok()?))
    };
    read().ok_or_else(|| ErrorObject::invalid("cursor", "is not one that this server gave"))
}

/// The end of the year 9999.
const MAX_MILLIS: i64 = 253_402_300_799_999;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_that_was_not_given_is_refused_and_nothing_worse(text in ".{0,64}") {
            let _ = place(&text);
            let _ = place(&URL_SAFE_NO_PAD.encode(&text));
        }
    }

    #[test]
    fn a_cursor_beyond_all_times_is_refused() {
        let id = "01939c1e-0000-7000-8000-000000000001";
        let of = |millis: i64| place(&URL_SAFE_NO_PAD.encode(format!("{millis}/{id}")));
        assert!(of(MAX_MILLIS).is_ok());
        assert!(of(MAX_MILLIS + 1).is_err());
        assert!(of(-1).is_err());
    }
}
