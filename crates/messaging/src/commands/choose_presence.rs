//! `presence:update`: what the user wants to appear as, on all devices, until changed.

use switchboard_protocol::ErrorObject;
use switchboard_protocol::calls::ChoosePresence;

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::publish;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    input: ChoosePresence,
) -> Result<Outcome, ErrorObject> {
    let (outcome, events) = app
        .presence
        .choose(caller, input.status, input.custom_status)
        .await?;
    Ok(Outcome {
        data: publish::presence_answer(&outcome.presence, outcome.degraded)?,
        rooms: Vec::new(),
        events,
    })
}
