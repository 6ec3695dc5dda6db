//! `presence:user-status`. There is no directory of users: one who is unknown is simply offline.

use switchboard_protocol::{ErrorObject, Presence, UserId};

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};
use crate::publish;

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    user: UserId,
) -> Result<Outcome, ErrorObject> {
    let organization = &caller.viewer().organization;
    let found = app
        .hub
        .presence_of(organization, std::slice::from_ref(&user))
        .await?;
    let presence = found
        .presences
        .into_iter()
        .next()
        .unwrap_or_else(|| Presence::unknown(user));
    Ok(Outcome::answer(publish::presence_answer(
        &presence,
        found.degraded,
    )?))
}
