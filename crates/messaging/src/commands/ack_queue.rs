//! `queue:ack`: events that have arrived are not sent again.

use switchboard_protocol::answers::QueueAcked;
use switchboard_protocol::{ErrorObject, QueuedEventId};

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    events: Vec<QueuedEventId>,
) -> Result<Outcome, ErrorObject> {
    let (queue, now) = (app.store.queue(), app.clock.now());
    // Ids that are not the user's, or were acknowledged before, change nothing.
    let remaining = queue.acknowledge(caller.viewer(), &events, now).await?;
    Outcome::of(&QueueAcked { remaining })
}
