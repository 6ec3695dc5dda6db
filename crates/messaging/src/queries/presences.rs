//! `presence:bulk`: how users are, each once, in the order of the question.

use std::collections::HashSet;

use switchboard_protocol::answers::Presences;
use switchboard_protocol::{ErrorObject, UserId};

use crate::actor::Caller;
use crate::pipeline::{Messaging, Outcome};

pub(crate) async fn run(
    app: &Messaging,
    caller: &Caller,
    users: Vec<UserId>,
) -> Result<Outcome, ErrorObject> {
    Outcome::of(&app.presences(caller, users).await?)
}

impl Messaging {
    /// How users of the caller's organization are; one round trip to the hub. Those who are unknown are
    /// simply offline.
    pub async fn presences(
        &self,
        caller: &Caller,
        mut users: Vec<UserId>,
    ) -> Result<Presences, ErrorObject> {
        let mut named = HashSet::new();
        users.retain(|user| named.insert(user.clone()));
        let organization = &caller.viewer().organization;
        let found = self.hub.presence_of(organization, &users).await?;
        Ok(Presences {
            presences: found.presences,
            degraded: found.degraded,
        })
    }
}
