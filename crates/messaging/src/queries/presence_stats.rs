//! `presence:stats`: how many of the own organization are there; one round trip to the hub.

use switchboard_protocol::ErrorObject;
use switchboard_protocol::answers::PresenceStats;

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};

pub(crate) async fn run(app: &Messaging, caller: &Caller) -> Result<Outcome, ErrorObject> {
    let count = app.hub.headcount(&caller.viewer().organization).await?;
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    Outcome::of(&PresenceStats {
        online: number(count.online),
        away: number(count.away),
        busy: number(count.busy),
        connections: number(count.sockets),
        devices: number(count.devices),
        degraded: count.degraded,
    })
}
