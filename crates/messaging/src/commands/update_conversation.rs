//! `conversation:update`: by an owner or admin.

use switchboard_protocol::ErrorObject;
use switchboard_protocol::calls::UpdateConversation;

use super::alter::{alter, answer};
use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::store::Altering;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    input: UpdateConversation,
) -> Result<Outcome, ErrorObject> {
    let what = Altering::Details {
        title: input.title,
        metadata: input.metadata,
    };
    let (altered, events) = alter(app, caller, input.conversation, what).await?;
    answer(&altered, events)
}
