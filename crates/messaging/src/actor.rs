//! Who calls.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use switchboard_protocol::{ConversationId, ErrorObject, Timestamp};

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
    /// `iat` of the token.
    pub issued_at: Option<Timestamp>,
    /// When the token stops being good.
    pub expires_at: Timestamp,
}

/// The role of those who may look at everything of their organization.
const OPERATOR: &str = "operator";

impl Actor {
    /// Whether its token says so.
    pub fn is_operator(&self) -> bool {
        self.roles.contains(OPERATOR)
    }
}

/// What a socket follows. It was let in as a member, so this is what is known of memberships while
/// the store cannot be asked.
pub trait Following: Send + Sync + fmt::Debug {
    /// The conversations that it follows now, in no particular order.
    fn conversations(&self) -> Vec<ConversationId>;

    /// How many more it may follow.
    fn places_left(&self) -> usize;
}

/// An actor and the socket, if any, that a call came through.
#[derive(Clone, Debug)]
pub struct Caller {
    pub actor: Actor,
    /// Public id of the socket: it gets the ack and not the event.
    pub socket: Option<String>,
    /// What the socket follows.
    pub following: Option<Arc<dyn Following>>,
}

impl Caller {
    /// The user and organization that call.
    pub fn viewer(&self) -> &Viewer {
        &self.actor.viewer
    }

    /// The conversations that the socket follows; none without a socket.
    pub fn conversations(&self) -> Vec<ConversationId> {
        self.following
            .as_ref()
            .map_or_else(Vec::new, |following| following.conversations())
    }

    /// How many more conversations the socket may follow; as many as one likes without a socket.
    pub fn places_left(&self) -> usize {
        let following = self.following.as_ref();
        following.map_or(usize::MAX, |following| following.places_left())
    }

    /// Whether the socket may follow a conversation, which it may do already.
    pub fn may_follow(&self, conversation: ConversationId) -> Result<(), ErrorObject> {
        if self.places_left() > 0 || self.conversations().contains(&conversation) {
            return Ok(());
        }
        Err(too_many_followed())
    }
}

/// A socket follows as many conversations as it may.
pub(crate) fn too_many_followed() -> ErrorObject {
    ErrorObject::forbidden("this socket follows too many conversations; leave some first")
}
