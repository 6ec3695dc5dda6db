//! `message:history`.

use switchboard_protocol::ErrorObject;
use switchboard_protocol::answers::Messages;
use switchboard_protocol::calls::{History, Window};

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    input: History,
) -> Result<Outcome, ErrorObject> {
    let organization = &caller.viewer().organization;
    // One more than asked for tells whether there are more.
    let mut messages = app
        .store
        .history(
            organization,
            input.conversation,
            input.window,
            input.limit + 1,
        )
        .await?;
    let has_more = messages.len() as i64 > input.limit;
    if has_more {
        match input.window {
            Window::After(_) => drop(messages.pop()),
            Window::Latest | Window::Before(_) => drop(messages.remove(0)),
        }
    }
    Outcome::of(&Messages { messages, has_more })
}
