//! What a socket is told, and follows, when it connects.

use switchboard_protocol::ErrorObject;

use crate::hub::{Counted, UnreadNote};
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
        let (heads, total_unread) =
            tokio::try_join!(self.newest(viewer), self.count_unread(viewer))?;
        Ok(Opening {
            heads,
            total_unread,
        })
    }

    /// The user's conversations that a socket enters by itself, newest activity first.
    pub async fn newest(&self, viewer: &Viewer) -> Result<Vec<Head>, ErrorObject> {
        Ok(match self.rules.get().auto_join {
            0 => Vec::new(),
            most => self.store.heads_of(viewer, most).await?,
        })
    }

    /// The user's unread messages, which are noted for when some of them change: while nobody
    /// listened for the user nobody noted anything.
    pub async fn count_unread(&self, viewer: &Viewer) -> Result<i64, ErrorObject> {
        let Viewer { organization, user } = viewer;
        let users = std::slice::from_ref(user);
        let unread = self.store.all_unread_of(organization, users).await?;
        let total = unread.iter().map(|one| one.count).sum();
        let note = UnreadNote {
            user: user.clone(),
            counts: unread.iter().map(Counted::from).collect(),
            is_all: true,
        };
        if let Err(error) = self.hub.unread_note(organization, &[note]).await {
            tracing::debug!(cause = error.0, "unread counts not noted");
        }
        Ok(total)
    }
}
