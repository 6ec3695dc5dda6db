//! Changes of conversations and of who is in them.

use serde_json::{Map, Value};
use switchboard_protocol::{ConversationId, ConversationView, Member, Role, Timestamp, UserId};

use super::{Change, Viewer};

/// A change of a conversation that is asked for.
#[derive(Clone, Debug)]
pub struct Alteration {
    pub conversation: ConversationId,
    pub by: Viewer,
    /// As in [`NewMessage::socket`](super::NewMessage::socket).
    pub socket: Option<String>,
    pub what: Altering,
    pub at: Timestamp,
}

/// What is to change. Users may be named twice.
#[derive(Clone, Debug, PartialEq)]
pub enum Altering {
    /// What is `None` stays; a title of `Some(None)` goes.
    Details {
        title: Option<Option<String>>,
        metadata: Option<Map<String, Value>>,
    },
    Archive,
    Reopen,
    /// Makes users members. Who is one already stays as they are.
    Add {
        users: Vec<UserId>,
        role: Role,
    },
    /// Ends memberships. Who left already stays as they are.
    Remove {
        users: Vec<UserId>,
    },
    /// Gives members another role. `Owner` is for exactly one of them, and makes the owner an admin.
    SetRole {
        users: Vec<UserId>,
        role: Role,
    },
    /// Ends one's own membership. An owner's place goes to the oldest admin, else to the oldest
    /// member (those who may only read last); when nobody is left, the conversation is archived.
    Exit,
}

/// What became of an alteration.
#[derive(Clone, Debug, PartialEq)]
pub struct Altered {
    /// The conversation as the caller sees it now; `None` when no longer a member.
    pub view: Option<ConversationView>,
    /// The conversation's `rev` now.
    pub rev: i64,
    /// Those who were named and whoever else got another role or left, each once, as they are now.
    pub members: Vec<Member>,
    /// What was written, one per `rev`, ascending; nothing when all was so already. The same as
    /// [`Store::changes`](super::Store::changes) gives.
    pub changes: Vec<Change>,
}

/// A conversation, as somebody finds it who may or may not be in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sight {
    pub conversation: ConversationId,
    /// `None` when not an active member.
    pub seen: Option<Seen>,
}

/// A conversation as a member sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub view: ConversationView,
    /// When the viewer became a member.
    pub joined_at: Timestamp,
}
