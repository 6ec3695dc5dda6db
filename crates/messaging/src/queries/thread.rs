//! `message:thread`: the root of a message's thread, and a page of its replies.

use switchboard_protocol::ErrorObject;
use switchboard_protocol::answers;
use switchboard_protocol::calls::Thread;

use super::message_of_member;
use crate::actor::Caller;
use crate::cursor;
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
    let next_cursor = cursor::cut(&mut replies, input.limit, |last| cursor::write(last.seq));
    Outcome::of(&answers::Thread {
        root,
        replies,
        next_cursor,
    })
}

fn place(cursor: &str) -> Result<i64, ErrorObject> {
    cursor::read(cursor, |text| text.parse().ok().filter(|seq| *seq >= 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    cursor::hostile_cursors_are_refused!(place);
}
