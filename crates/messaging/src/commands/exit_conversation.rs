//! `conversation:exit`: one's own membership of a group. The caller's sockets leave the room as those
//! of somebody who is removed do, when the room is there.

use switchboard_protocol::answers::Exited;
use switchboard_protocol::{ConversationId, ErrorObject};

use super::alter::alter;
use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::publish;
use crate::store::Altering;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    conversation: ConversationId,
) -> Result<Outcome, ErrorObject> {
    let (altered, events) = alter(app, caller, conversation, Altering::Exit).await?;
    Ok(Outcome {
        data: publish::raw(&Exited { rev: altered.rev })?,
        rooms: Vec::new(),
        events,
    })
}
