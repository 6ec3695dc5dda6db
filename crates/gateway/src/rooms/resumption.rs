//! A socket that comes back to where it was.

use std::collections::HashMap;
use std::time::Duration;

use switchboard_messaging::hub::{BusEvent, Channel, Position};
use switchboard_protocol::{ConversationId, OrganizationId};
use switchboard_socketio::{Socket, SocketId};
use tokio::sync::oneshot;

use super::posts::Post;
use super::shard::Message;
use super::shards::Shards;

/// How long a socket that comes back may be made to wait before it begins anew.
const PATIENCE: Duration = Duration::from_secs(3);

/// Rooms of which everything that happens is kept for a socket, until it is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    serial: u64,
    organization: OrganizationId,
    /// Whether all rooms are live.
    is_live: bool,
}

/// Who comes back, and what is known of what it missed.
#[derive(Debug)]
pub(crate) struct Resumption {
    pub(crate) socket: Socket,
    /// The id that it had.
    pub(crate) id: SocketId,
    /// The secret that it knows.
    pub(crate) pid: String,
    /// How far it has everything.
    pub(crate) position: Position,
    /// What went out after that, as far as it was read.
    pub(crate) missed: Vec<BusEvent>,
    /// What it knows of some conversations beyond its position.
    pub(crate) known: HashMap<ConversationId, i64>,
    /// The messages that receipts among what it missed are about, if it is told of those.
    pub(crate) posts: HashMap<ConversationId, Vec<Post>>,
}

/// It could not be given its former place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ResumptionFailed;

impl Hold {
    pub(super) async fn begin(
        shards: &Shards,
        organization: &OrganizationId,
        channels: Vec<Channel>,
    ) -> Self {
        let serial = shards.next_hold();
        let (live, is_live) = oneshot::channel();
        let message = Message::Hold {
            serial,
            channels,
            live,
        };
        shards.send(organization, message).await;
        let is_live = tokio::time::timeout(PATIENCE, is_live).await;
        Self {
            serial,
            organization: organization.clone(),
            is_live: matches!(is_live, Ok(Ok(()))),
        }
    }

    pub(super) async fn resume(
        self,
        shards: &Shards,
        resumption: Resumption,
    ) -> Result<(), ResumptionFailed> {
        if !self.is_live {
            self.release(shards).await;
            return Err(ResumptionFailed);
        }
        let (reply, mut answer) = oneshot::channel();
        let message = Message::Resume {
            serial: self.serial,
            resumption: Box::new(resumption),
            reply,
        };
        shards.send(&self.organization, message).await;
        if let Ok(Ok(result)) = tokio::time::timeout(PATIENCE, &mut answer).await {
            return result;
        }
        // Either it is done by now, or it is not done any more.
        answer.close();
        if let Ok(result) = answer.try_recv() {
            return result;
        }
        self.release(shards).await;
        Err(ResumptionFailed)
    }

    /// Lets go of the rooms.
    pub(super) async fn release(self, shards: &Shards) {
        let message = Message::Release(self.serial);
        shards.send(&self.organization, message).await;
    }
}
