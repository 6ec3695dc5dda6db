//! What a socket is told, and follows, when it connects.

use switchboard_protocol::ErrorObject;

use crate::pipeline::Messaging;
use crate::store::{Head, Viewer};

/// Where a session begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The conversations that the socket enters by itself, newest activity first.
    pub heads: Vec<Head>,
    /// Unread messages over all conversations.
    pub total_unread: i64,
}

impl Messaging {
    /// Where a session of this user begins.
    pub async fn open_session(&self, viewer: &Viewer) -> Result<Opening, ErrorObject> {
        let heads = match self.rules.get().auto_join {
            0 => Vec::new(),
            most => self.store.heads_of(viewer, most).await?,
        };
        let total_unread = self.store.total_unread(viewer).await?;
        Ok(Opening {
            heads,
            total_unread,
        })
    }
}
