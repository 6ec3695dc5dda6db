//! Who calls.

use std::collections::BTreeSet;

use switchboard_protocol::Timestamp;

use crate::store::Viewer;

/// Somebody whose token was good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub viewer: Viewer,
    /// Roles of the token; `user` is implied and not listed.
    pub roles: BTreeSet<String>,
    /// `deviceId` of the token.
    pub device: Option<String>,
    /// `jti` of the token.
    pub token_id: Option<String>,
    /// When the token stops being good.
    pub expires_at: Timestamp,
}

/// An actor and the socket, if any, that a call came through.
#[derive(Clone, Debug)]
pub struct Caller {
    pub actor: Actor,
    /// Public id of the socket: it gets the ack and not the event.
    pub socket: Option<String>,
}

impl Caller {
    /// The user and organization that call.
    pub fn viewer(&self) -> &Viewer {
        &self.actor.viewer
    }
}
