//! `message:delivery-status`: whom a message has reached, by the watermarks of those who are members
//! now.

use switchboard_protocol::answers::{DeliveryCounts, DeliveryStatus, ReceivedBy};
use switchboard_protocol::calls::MAX_LIMIT;
use switchboard_protocol::{ErrorObject, MessageId, Timestamp, UserId};

use super::message_of_member;
use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    message: MessageId,
) -> Result<Outcome, ErrorObject> {
    let message = message_of_member(app, caller, message).await?;
    let organization = &caller.viewer().organization;
    let reach = app.store.reach(organization, &message, MAX_LIMIT).await?;
    Outcome::of(&DeliveryStatus {
        sent_at: message.created_at,
        delivered_to: names(reach.delivered_to),
        read_by: names(reach.read_by),
        counts: DeliveryCounts {
            recipients: reach.recipients,
            delivered: reach.delivered,
            read: reach.read,
        },
    })
}

fn names(reached: Vec<(UserId, Timestamp)>) -> Vec<ReceivedBy> {
    let name = |(user_id, at)| ReceivedBy { user_id, at };
    reached.into_iter().map(name).collect()
}
