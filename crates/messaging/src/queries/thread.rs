//! `message:thread`: the root of a message's thread, and a page of its replies.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use switchboard_protocol::answers;
use switchboard_protocol::calls::Thread;
use switchboard_protocol::{ErrorObject, Message};

use super::{message_of_member, not_ours};
use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::store::Refusal;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    input: Thread,
) -> Result<Outcome, ErrorObject> {
    let after = input.cursor.as_deref().map_or(Ok(0), place)?;
    let organization = &caller.viewer().organization;
    let message = message_of_member(app, caller, input.message).await?;
    let root = match message.thread_root_id {
        None => message,
        Some(root) => {
            let root = app.store.message(organization, root).await?;
            root.ok_or(Refusal::NoMessage)?
        }
    };
    // One more than asked for tells whether there is another page.
    let mut replies = app
        .store
        .replies(organization, root.id, after, input.limit + 1)
        .await?;
    let more = replies.len() as i64 > input.limit;
    replies.truncate(usize::try_from(input.limit).unwrap_or(usize::MAX));
    let next_cursor = replies.last().filter(|_| more).map(cursor);
    Outcome::of(&answers::Thread {
        root,
        replies,
        next_cursor,
    })
}

/// The place of a reply, opaque to clients.
fn cursor(reply: &Message) -> String {
    URL_SAFE_NO_PAD.encode(reply.seq.to_string())
}

fn place(cursor: &str) -> Result<i64, ErrorObject> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        text.parse().ok().filter(|seq| *seq >= 0)
    };
    read().ok_or_else(not_ours)
}

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
}
