//! `conversation:list`: newest activity first; active ones unless a status is asked for.

use switchboard_protocol::answers::Conversations;
use switchboard_protocol::calls::ListConversations;
use switchboard_protocol::{ConversationStatus, ConversationView, ErrorObject};

use crate::actor::Caller;
use crate::cursor;
use crate::pipeline::{Messaging, Outcome};
use crate::store::ListPage;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    input: ListConversations,
) -> Result<Outcome, ErrorObject> {
    let after = input.cursor.as_deref().map(cursor::read_timed);
    let after = after.transpose()?;
    let status = input.status.unwrap_or(ConversationStatus::Active);
    // One more than asked for tells whether there is another page.
    let page = ListPage {
        status,
        after,
        limit: input.limit + 1,
    };
    let mut found = app.store.list(caller.viewer(), page).await?;
    let next_cursor = cursor::cut(&mut found, input.limit, place_of);
    Outcome::of(&Conversations {
        conversations: found,
        next_cursor,
    })
}

/// The place of a conversation in the list.
fn place_of(view: &ConversationView) -> String {
    let conversation = &view.conversation;
    let activity = conversation
        .last_message_at
        .unwrap_or(conversation.created_at);
    cursor::write_timed(activity, conversation.id)
}
