//! `message:stats`: of what the user sent, or of a conversation.

use std::time::Duration;

use switchboard_protocol::answers::MessageStats;
use switchboard_protocol::{ConversationId, ErrorObject, Timestamp};

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};

/// What `perMinute` is the mean of.
const LATELY: Duration = Duration::from_hours(1);

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    conversation: Option<ConversationId>,
) -> Result<Outcome, ErrorObject> {
    let since = app.clock.now().as_millis() - LATELY.as_millis() as i64;
    let since = Timestamp::from_millis(since);
    let statistics = app
        .store
        .statistics(caller.viewer(), conversation, since)
        .await?;
    Outcome::of(&MessageStats {
        sent: statistics.sent,
        delivered: statistics.delivered,
        read: statistics.read,
        edited: statistics.edited,
        deleted: statistics.deleted,
        per_minute: statistics.lately as f64 / (LATELY.as_secs() as f64 / 60.0),
    })
}
